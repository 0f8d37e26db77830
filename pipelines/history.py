"""Recorded events on disk: which files make a history, and how they are read in pieces."""

import gzip
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow.parquet as pq

from pipelines.locate import READABLE, UsageError, find_files
from pipelines.reading import check_readable, table_as_json

PIECE_BYTES = 8 * 1024 * 1024
"""About so much of a file of lines is one piece."""

SUMMARY = "summary.json"

_KINDS = ("signals", "outcomes")


class History(NamedTuple):
    """Files of signals and files of outcomes."""

    signals: tuple[str, ...]
    outcomes: tuple[str, ...]
    mapping: Path | None = None
    """How the signals were read, if a run that was named says so."""
    live: str | None = None
    """Digest of the plan that was live, if a run that was named says so."""

    @property
    def files(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.signals, *self.outcomes)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(Path(name).stat().st_size for name in self.files)


class Piece(NamedTuple):
    """A part of a file: bytes of lines, row groups of Parquet, or a whole compressed file."""

    file: str
    outcomes: bool
    start: int = 0
    end: int | None = None


def find_history(folder: str | None, signals: Sequence[str], outcomes: Sequence[str]) -> History:
    """The history in a folder, or in files that are named; each file is opened as what its name says.

    A folder has signals*.jsonl and outcomes*.jsonl (also .ndjson, .json, .gz, .parquet), as `nextbeam simulate` and
    `nextbeam import` write them. Outcomes may be missing. Or it is the folder of a run, which knows what it read.

    Raises:
      UsageError: There are no signals, a file cannot be read as what it says it is, or all files are empty.
    """
    if folder is None:
        if not signals:
            raise UsageError("name the recorded events: --history DIR, or --signals FILE and --outcomes FILE")
        history = History(find_files("--signals", signals), find_files("--outcomes", outcomes))
    elif signals or outcomes:
        raise UsageError("give either --history or --signals and --outcomes, not both")
    else:
        history = _in_folder(Path(folder))
    check_readable(history.files)
    if not history.size:
        raise UsageError(f"the history is empty: there is nothing in {', '.join(map(repr, history.files))}")
    return history


def _in_folder(folder: Path) -> History:
    if not folder.is_dir():
        hint = "; it is a file: name it with --signals" if folder.is_file() else ""
        raise UsageError(f"--history: there is no folder {str(folder)!r}{hint}")
    found = {kind: _files(folder, kind) for kind in _KINDS}
    if found["signals"]:
        return History(find_files("--history", found["signals"]), find_files("--history", found["outcomes"]))
    if (folder / SUMMARY).is_file():
        return _of_run(folder)
    raise UsageError(
        f"--history: {str(folder)!r} holds no signals*.jsonl, .jsonl.gz or .parquet; {_instead(folder)}. "
        "`nextbeam simulate` and `nextbeam import` write histories; --signals and --outcomes name other files"
    )


def _instead(folder: Path) -> str:
    """What there is where no signals are."""
    inside = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    near = [str(path) for path in inside if _files(path, "signals") or (path / SUMMARY).is_file()]
    if near:
        return f"name {' or '.join(map(repr, near[:2]))}"
    return f"it holds {', '.join(sorted(path.name for path in folder.iterdir())[:8]) or 'nothing'}"


class _Read(msgspec.Struct, frozen=True):
    """The files that a run read, as `pipelines.summary.Inputs` has them."""

    signals: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    mapping: str | None = None


class _Run(msgspec.Struct, frozen=True):
    plan_digest: str
    inputs: _Read = _Read()


def _of_run(folder: Path) -> History:
    """What a run read, by its summary."""
    try:
        run = msgspec.json.decode((folder / SUMMARY).read_bytes(), type=_Run)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"--history: {str(folder / SUMMARY)!r} is not of a run ({error})") from error
    if not run.inputs.signals:
        raise UsageError(
            f"--history: the run in {str(folder)!r} does not say which events it read; "
            "name them with --signals and --outcomes"
        )
    flag = f"--history: of the events that the run in {str(folder)!r} read"
    there = folder.resolve()

    def found(names: Sequence[str]) -> tuple[str, ...]:
        return find_files(flag, [os.path.normpath(there / name) for name in names])

    return History(
        found(run.inputs.signals),
        found(run.inputs.outcomes),
        mapping=Path(os.path.normpath(there / run.inputs.mapping)) if run.inputs.mapping else None,
        live=run.plan_digest,
    )


def _files(folder: Path, kind: str) -> list[str]:
    return sorted(
        str(path) for path in folder.iterdir() if path.name.startswith(kind) and path.name.endswith(READABLE)
    )


def pieces(history: History) -> list[Piece]:
    """The history cut into pieces that can be read apart, in a fixed order."""
    return [
        piece
        for names, outcomes in ((history.signals, False), (history.outcomes, True))
        for name in names
        for piece in _cut(name, outcomes)
    ]


def _cut(name: str, outcomes: bool) -> Iterator[Piece]:
    if name.endswith(".gz"):
        yield Piece(name, outcomes)
    elif name.endswith(".parquet"):
        for group in range(pq.ParquetFile(name).num_row_groups):
            yield Piece(name, outcomes, group, group + 1)
    else:
        size = Path(name).stat().st_size
        for start in range(0, size, PIECE_BYTES):
            yield Piece(name, outcomes, start, min(start + PIECE_BYTES, size))


def payloads(piece: Piece) -> Iterator[bytes]:
    """Every line or row of a piece, as the bytes that a topic would have delivered.

    A line belongs to the piece in which it begins.
    """
    if piece.file.endswith(".parquet"):
        with pq.ParquetFile(piece.file) as table:
            for group in range(piece.start, piece.end or table.num_row_groups):
                yield from table_as_json(table.read_row_group(group))
    elif piece.file.endswith(".gz"):
        with gzip.open(piece.file) as lines:
            yield from map(_stripped, lines)
    else:
        yield from _lines(piece)


def _lines(piece: Piece) -> Iterator[bytes]:
    end = os.path.getsize(piece.file) if piece.end is None else piece.end  # noqa: PTH202
    with Path(piece.file).open("rb") as file:
        if piece.start:
            file.seek(piece.start - 1)
            file.readline()  # it belongs to the piece before, unless that ends with the line
        at = file.tell()
        while at < end:
            line = file.readline()
            at += len(line)
            yield _stripped(line)


def _stripped(line: bytes) -> bytes:
    """Without its end, as Beam strips it."""
    if line.endswith(b"\r\n"):
        return line[:-2]
    return line.removesuffix(b"\n")
