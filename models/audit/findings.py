"""What an audit can find, and how it says so."""

from enum import StrEnum
from typing import Any

import msgspec


class FindingKind(StrEnum):
    """What is wrong."""

    FILE_CHANGED = "file-changed"
    FILE_MISSING = "file-missing"
    FILE_UNKNOWN = "file-unknown"
    FILE_UNREADABLE = "file-unreadable"
    RECORD_UNREADABLE = "record-unreadable"
    RECORD_CHANGED = "record-changed"
    DIFFERS = "differs"
    NOT_RECOMPUTED = "not-recomputed"
    MISSING = "missing"
    SURPLUS = "surplus"
    NOTES_LOST = "notes-lost"


WORDS: dict[FindingKind, str] = {
    FindingKind.FILE_CHANGED: "the file is not the one that the run wrote",
    FindingKind.FILE_MISSING: "the run wrote this file, and it is gone",
    FindingKind.FILE_UNKNOWN: "the run did not write this file",
    FindingKind.FILE_UNREADABLE: "the file cannot be read",
    FindingKind.RECORD_UNREADABLE: "the record holds what its field cannot",
    FindingKind.RECORD_CHANGED: "the record was changed after it was written",
    FindingKind.DIFFERS: "the record is as it was written, but is not what follows from those before it",
    FindingKind.NOT_RECOMPUTED: "nothing before it leads to this record",
    FindingKind.MISSING: "a record is missing",
    FindingKind.SURPLUS: "the place of the record in its ledger is taken by another",
    FindingKind.NOTES_LOST: "too many changes by signals to record them all: from here on nothing can be recomputed",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is not as it should be."""

    kind: FindingKind
    file: str = ""
    table: str = ""
    """decisions or feedback."""
    record: str = ""
    """Id of the decision or the feedback, as the record says it."""
    field: str = ""
    """Path of the field; `record` where it cannot be told which."""
    recorded: Any = None
    recomputed: Any = None
    note: str = ""

    def __str__(self) -> str:
        """In one line."""
        where = " ".join(
            part
            for part in (self.file, self.table[:-1] if self.table == "decisions" else self.table, self.record)
            if part
        )
        values = (
            f": recorded {self.recorded!r}, recomputed {self.recomputed!r}"
            if self.recorded is not None or self.recomputed is not None
            else ""
        )
        field = f", {self.field}{values}" if self.field else ""
        return f"{where}{field}: {WORDS[self.kind]}{f' ({self.note})' if self.note else ''}"
