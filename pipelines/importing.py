"""`nextbeam import`: turn any event table into signals and outcomes, every row accounted for."""

import re
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from rich.console import Console

from models.decoding import Decoded, Decoder, Rejection, Skipped
from models.mapping import Contract, ImportMapping, MappingFileError, load_mapping
from pipelines.import_reading import SourceRow, read_rows
from pipelines.import_writing import Writer, stem, suffix, writing
from pipelines.locate import UsageError, find_mapping
from schemas import Outcome, Reason, Signal

Progress = Callable[[int], None]
"""Is told from time to time how many rows were read."""

_EVERY = 5_000
_POSITION = re.compile(r" at byte \d+$")


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the file of rejects."""

    row: int
    """Number of the row in the source, from 1; in CSV the line of names is none."""
    reason: Reason
    detail: str
    """Record, field and rule; never a value."""
    payload: str
    """The row as it was; bytes that are no text are escaped as \\xNN."""


@dataclass
class ImportReport:
    """What became of every row of a source."""

    rows: int = 0
    signals: int = 0
    outcomes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    """By the rule that leaves the row out."""
    rejected: Counter[Rejection] = field(default_factory=Counter)
    """By reason and detail, without positions in the row."""
    files: list[Path] = field(default_factory=list)
    """What was written: records first, rejects last."""

    @property
    def accounted(self) -> bool:
        """Whether every row is a signal, an outcome, skipped or rejected."""
        return self.rows == self.signals + self.outcomes + self.skipped.total() + self.rejected.total()


def import_events(
    mapping_path: str | Path,
    source: str | Path,
    out: str | Path,
    rejects: str | Path | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Write the signals of `source` to `out`, its outcomes and rejects next to it.

    `out` ends in .jsonl, .jsonl.gz or .parquet. A mapping that makes both kinds writes outcomes to
    STEM.outcomes.SUFFIX; rejected rows go to `rejects`, by default STEM.rejects.jsonl. Files appear whole
    or not at all.

    Raises:
      UsageError: The mapping is not good, the source is not what the mapping says, or a path cannot be used.
    """
    job = _Import(_mapping(mapping_path), Path(source), Path(out), Path(rejects) if rejects else None)
    return job.run(progress or (lambda _: None))


def import_from_shell(mapping: str, source: str, out: str) -> int:
    """The command: import with progress on the terminal, then say what became of the rows.

    Returns:
      0, or 1 when rows came in and none of them could be used.
    """
    console = Console(stderr=True)
    with console.status("reading ...") as status:
        report = import_events(mapping, source, out, progress=lambda rows: status.update(f"{rows:,} rows"))
    print("\n".join(_lines(report)))
    return 1 if report.rejected.total() == report.rows > 0 else 0


class _Import:
    """One import: its mapping, its files and its counts."""

    def __init__(self, mapping: ImportMapping, source: Path, out: Path, rejects: Path | None) -> None:
        if not source.is_file():
            raise UsageError(f"there is no file {str(source)!r} to import")
        self._mapping = mapping
        self._decoder = Decoder(mapping.contracts[0], reshape=mapping.reshape)
        self._source = source
        self._paths = _outputs(mapping, out)
        self._rejects = rejects or stem(out).with_name(stem(out).name + ".rejects.jsonl")
        self.report = ImportReport(files=[*self._paths.values(), self._rejects])
        _no_clash(source, self.report.files)

    def run(self, progress: Progress) -> ImportReport:
        report = self.report
        try:
            with ExitStack() as stack:
                self._writers = {
                    kind: stack.enter_context(writing(path, kind)) for kind, path in self._paths.items()
                }
                self._refused: Writer = stack.enter_context(writing(self._rejects, Rejected))
                for row in read_rows(self._mapping, self._source):
                    report.rows += 1
                    self._take(row)
                    if report.rows % _EVERY == 0:
                        progress(report.rows)
        except OSError as error:
            raise UsageError(f"{error.filename or str(self._source)!r}: {error.strerror or error}") from error
        progress(report.rows)
        return report

    def _take(self, row: SourceRow) -> None:
        match self._decoded(row):
            case Rejection() as rejection:
                self._reject(row, rejection)
            case Skipped(rule):
                self.report.skipped[rule] += 1
            case record:
                self._writers[type(record)].write(record)
                self.report.signals += isinstance(record, Signal)
                self.report.outcomes += isinstance(record, Outcome)

    def _decoded(self, row: SourceRow) -> Decoded:
        if row.problem:
            return row.problem
        if row.values is None:
            return self._decoder.decode(row.payload())
        return self._decoder.decode_row(row.values)

    def _reject(self, row: SourceRow, rejection: Rejection) -> None:
        rule = _POSITION.sub("", rejection.detail)
        self.report.rejected[Rejection(rejection.reason, rule)] += 1
        payload = row.payload().decode("utf-8", "backslashreplace")
        number = self.report.rows
        self._refused.write(
            Rejected(row=number, reason=rejection.reason, detail=rejection.detail, payload=payload)
        )


def _mapping(path: str | Path) -> ImportMapping:
    try:
        return load_mapping(find_mapping(str(path)))
    except MappingFileError as error:
        raise UsageError(str(error)) from error


def _outputs(mapping: ImportMapping, out: Path) -> dict[Contract, Path]:
    """`out` for the only kind of record there is, or for signals beside outcomes."""
    beside = stem(out).with_name(f"{stem(out).name}.outcomes{suffix(out)}")
    kinds = mapping.contracts
    return {kind: beside if kind is Outcome and len(kinds) > 1 else out for kind in kinds}


def _no_clash(source: Path, files: list[Path]) -> None:
    taken = [path for path in files if path.resolve() == source.resolve()]
    if taken:
        raise UsageError(
            f"--out: writing {str(taken[0])!r} would destroy what is to be imported; name another file"
        )


def _lines(report: ImportReport) -> list[str]:
    left_out = f"{report.skipped.total():,} skipped + {report.rejected.total():,} rejected"
    lines = [f"{report.rows:,} rows = {report.signals:,} signals + {report.outcomes:,} outcomes + {left_out}"]
    lines += [f"  {count:>9,} skipped   {rule}" for rule, count in report.skipped.most_common(10)]
    for (reason, detail), count in report.rejected.most_common(10):
        lines.append(f"  {count:>9,} rejected  {reason}: {detail}")
    return lines + [f"  {path}" for path in report.files]
