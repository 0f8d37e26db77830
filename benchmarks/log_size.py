"""How many bytes the log takes for each candidate: in JSON lines, Arrow, Parquet and msgpack.

python -m benchmarks.log_size [RUN] [--decisions 2000]

A candidate is one action of one decision: offered, ranked or removed. RUN is the folder of a run; without it a small
bank is simulated and decided first.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from models.audit.seals import canonical
from pipelines import cli
from pipelines.records import parquet_files
from schemas import Decision
from schemas.arrow import parquet_options
from schemas.columns import columns
from schemas.structs import structs


class Size(NamedTuple):
    """What one form takes."""

    form: str
    bytes: int
    of_candidates: int
    """What would be saved if `ranked` and `removed` were empty."""


def decisions_of(run: Path, most: int) -> list[Decision]:
    """The first decisions of a run."""
    found: list[Decision] = []
    for file in parquet_files(run, "decisions"):
        for batch in pq.ParquetFile(file).iter_batches():
            found += structs(Decision)(batch)
            if len(found) >= most:
                return found[:most]
    return found


def sizes(decisions: Sequence[Decision]) -> Iterator[Size]:
    """Each form, whole and without what it says of candidates."""
    bare = [msgspec.structs.replace(each, ranked=(), removed=()) for each in decisions]
    for form, measure in _FORMS.items():
        whole = measure(decisions)
        yield Size(form, whole, whole - measure(bare))


def candidates(decisions: Sequence[Decision]) -> int:
    """How many candidates they account for."""
    return sum(len(each.ranked) + sum(len(one.actions) for one in each.removed) for each in decisions)


def _json_lines(decisions: Sequence[Decision]) -> int:
    return sum(len(msgspec.json.encode(each)) + 1 for each in decisions)


def _arrow(compression: str | None) -> Callable[[Sequence[Decision]], int]:
    def size(decisions: Sequence[Decision]) -> int:
        table, sink = columns(Decision)(list(decisions)), io.BytesIO()
        options = pa.ipc.IpcWriteOptions(compression=compression)
        with pa.ipc.new_file(sink, table.schema, options=options) as writer:
            writer.write_table(table)
        return len(sink.getvalue())

    return size


def _parquet(decisions: Sequence[Decision]) -> int:
    sink = io.BytesIO()
    pq.write_table(columns(Decision)(list(decisions)), sink, **parquet_options(Decision))
    return len(sink.getvalue())


_FORMS: dict[str, Callable[[Sequence[Decision]], int]] = {
    "JSON lines": _json_lines,
    "msgpack (sealed form)": lambda decisions: sum(len(canonical(each)) for each in decisions),
    "Arrow": _arrow(None),
    "Arrow, zstd": _arrow("zstd"),
    "Parquet, zstd (what a run writes)": _parquet,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.log_size", description=__doc__)
    parser.add_argument("run", nargs="?", type=Path, metavar="RUN", help="folder of a run")
    parser.add_argument("--decisions", type=int, default=2_000, help="at most (default: %(default)s)")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        decisions = decisions_of(args.run or _small_bank(Path(folder)), args.decisions)
    count = candidates(decisions)
    if not count:
        print("the run made no decisions", file=sys.stderr)
        return 2
    print(f"{len(decisions):,} decisions, {count:,} candidates ({count / len(decisions):.0f} each)\n")
    print("| form | bytes a decision | bytes a candidate | of it for the candidate itself |")
    print("| --- | ---: | ---: | ---: |")
    for form, total, own in sizes(decisions):
        print(f"| {form} | {total / len(decisions):,.0f} | {total / count:.1f} | {own / count:.1f} |")
    return 0


def _small_bank(folder: Path) -> Path:
    cli.main(["simulate", "--customers", "500", "--days", "1", "--seed", "7", "--out", str(folder)])
    inputs = [f"--{name}={folder / f'{name}.jsonl'}" for name in ("signals", "outcomes")]
    cli.main(["run", "--quiet", *inputs, "--plan", "uk_bank", "--out", str(folder / "run")])
    return folder / "run"


if __name__ == "__main__":
    sys.exit(main())
