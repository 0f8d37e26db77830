"""The changes of one ledger in their sequence, as its records tell of them, and what is found of each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from models.audit.findings import Finding, FindingKind
from models.audit.seals import Record, intact
from models.erasure import NOTE_ERASED
from models.times import Micros, micros
from schemas import Decision
from schemas.decision import LedgerNote


class Recorded(NamedTuple):
    """A record, and the file it was read from."""

    record: Record
    file: str


class Change(NamedTuple):
    """One change of a ledger: a record, or a note in one."""

    place: int
    told: Recorded
    note: LedgerNote | None = None


def journal(records: Sequence[Recorded]) -> list[Change]:
    """All changes in their sequence; of two that claim one place, first one whose record is as it was written."""
    changes = [Change(each.record.ledger_sequence, each) for each in records]
    changes += [Change(note.sequence, each, note) for each in records for note in each.record.notes]
    claims = Counter(change.place for change in changes)
    return sorted(
        changes, key=lambda each: (each.place, claims[each.place] > 1 and not intact(each.told.record))
    )


def with_those(record: Record, note: LedgerNote) -> Sequence[LedgerNote]:
    """A note, after those of an erased member that came with it."""
    last = record.notes.index(note)
    first = last
    while first and record.notes[first - 1].rule == NOTE_ERASED:
        first -= 1
    return record.notes[first : last + 1]


def surplus(change: Change) -> Iterator[Finding]:
    """The place of a change is taken. A note that comes too late makes its record differ; that is said there."""
    if change.note is None and intact(change.told.record):
        yield finding(FindingKind.SURPLUS, change.told, note=f"change {change.place}")
    elif change.note is None:
        note = "its place in the ledger is taken by another"
        yield finding(FindingKind.RECORD_CHANGED, change.told, field="record", note=note)


def finding(kind: FindingKind, of: Recorded, **said: Any) -> Finding:
    """What is wrong with a record."""
    return Finding(kind=kind, file=of.file, table=_table(of.record), record=_id(of.record), **said)


def missing(made: Record) -> Finding:
    """A record that follows from the others and is not there."""
    return Finding(kind=FindingKind.MISSING, table=_table(made), record=_id(made))


def told_at(record: Record) -> Micros:
    """When what a record tells of happened."""
    return micros(record.decided_at if isinstance(record, Decision) else record.occurred_at)


def _table(record: Record) -> str:
    return "decisions" if isinstance(record, Decision) else "feedback"


def _id(record: Record) -> str:
    return record.decision_id if isinstance(record, Decision) else record.feedback_id
