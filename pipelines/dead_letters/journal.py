"""What was replayed, and where to: a file beside the letters, so that a second replay does not repeat the first."""

import fcntl
import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO

from pipelines.locate import UsageError


class Journal:
    """Lines of id, place and time, appended and forced to disk once a place has what was sent there.

    One replay at a time writes to it.

    Raises:
      UsageError: Another replay does, or the file cannot be written or is no journal.
    """

    def __init__(self, path: Path, *, write: bool = True) -> None:
        self.path = path
        self._file: IO[str] | None = None
        if write:
            self._file = _locked(path)
        self._done = _read(path)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def has(self, letter_id: str, place: str) -> bool:
        """Whether this letter went there already."""
        return (letter_id, place) in self._done

    def forget(self, place: str) -> None:
        """A place that is gone has nothing any more."""
        self._done = {(letter_id, where) for letter_id, where in self._done if where != place}

    def add(self, ids: Iterable[str], place: str) -> None:
        """They have arrived there."""
        if self._file is None:
            raise ValueError("this journal is only read")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        for each in ids:
            self._done.add((each, place))
            self._file.write(json.dumps({"id": each, "to": place, "at": at}) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _locked(path: Path) -> IO[str]:
    try:
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"the journal {str(path)!r} cannot be written ({error.strerror}); name another by --journal"
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise UsageError(f"another replay writes to {str(path)!r}; wait for it") from None
    if cut_off(path):
        file.write("\n")
    return file


def cut_off(path: Path) -> bool:
    """Whether the last line of a file has no end."""
    with path.open("rb") as data:
        if not data.seek(0, os.SEEK_END):
            return False
        data.seek(-1, os.SEEK_END)
        return data.read(1) != b"\n"


def _read(path: Path) -> set[tuple[str, str]]:
    if not path.is_file():
        return set()
    done = set()
    lines = path.read_text("utf-8", "replace").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            done.add((entry["id"], entry["to"]))
        except (ValueError, KeyError, TypeError):
            if number == 1:  # a line may be cut off where a replay was; a file of something else is refused
                raise UsageError(
                    f"{str(path)!r} is no journal of replays; name another by --journal"
                ) from None
    return done
