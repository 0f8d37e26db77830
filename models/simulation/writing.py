"""The files of a simulation: both feeds in order of arrival, the truth behind them, and what was counted."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from heapq import merge
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from models.simulation.feeds import Arrival, arrivals_of
from models.simulation.lives import Told
from models.simulation.manifest import Manifest
from models.simulation.simulation import Simulation
from models.simulation.truth_tables import SCHEMAS, Row, coefficient_rows, rows_of

_BLOCK = 500
"""Customers whose lines are sorted in memory at a time."""
_STREAMS = {b"s": "signals.jsonl", b"o": "outcomes.jsonl"}


def write(
    simulation: Simulation, folder: Path, *, progress: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """Run the simulation and write it to `folder`; returns the manifest.

    `progress` is told, every so often, how many customers more are done.

    Writes signals.jsonl and outcomes.jsonl (one line per event, in order of arrival), manifest.json, and
    truth/*.parquet (`truth_tables.SCHEMAS`). Memory holds one block of customers, whatever their number.
    """
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    manifest = Manifest(simulation)
    with TemporaryDirectory(dir=folder, prefix=".lines-") as runs, _Truth(folder / "truth") as truth:
        truth.add("coefficients", coefficient_rows(simulation))
        customers = simulation.customers()
        sorted_runs: list[Path] = []
        while block := list(islice(customers, _BLOCK)):
            for told in block:
                manifest.tell(told)
                truth.add_customer(told)
                progress(1)
            run = Path(runs) / f"{len(sorted_runs):06d}"
            _write_run(run, block, simulation, manifest)
            sorted_runs.append(run)
        _merge_runs(sorted_runs, folder)
    contents = manifest.contents()
    encoded = msgspec.json.format(msgspec.json.encode(contents), indent=2)
    (folder / "manifest.json").write_bytes(encoded + b"\n")
    return contents


class _Truth:
    """The Parquet files of the truth, written block by block."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self._writers = {
            name: self._stack.enter_context(pq.ParquetWriter(folder / f"{name}.parquet", schema))
            for name, schema in SCHEMAS.items()
        }
        self._rows: dict[str, list[Row]] = {name: [] for name in SCHEMAS}

    def __enter__(self) -> "_Truth":
        return self

    def __exit__(self, *error: object) -> None:
        for name in SCHEMAS:
            self._flush(name)
        self._stack.close()

    def add_customer(self, told: Told) -> None:
        for name, row in rows_of(told):
            self.add(name, [row])

    def add(self, name: str, rows: Iterable[Row]) -> None:
        self._rows[name] += rows
        if len(self._rows[name]) >= 20_000:
            self._flush(name)

    def _flush(self, name: str) -> None:
        self._writers[name].write_table(pa.Table.from_pylist(self._rows[name], SCHEMAS[name]))
        self._rows[name] = []


def _write_run(path: Path, block: Iterable[Told], simulation: Simulation, manifest: Manifest) -> None:
    """One block's lines, sorted; each with its time of arrival and its place, so that runs can be merged."""
    lines = []
    for told in block:
        for place, arrival in enumerate(arrivals_of(told, simulation.config)):
            manifest.line(arrival)
            lines.append(_keyed(arrival, told.person.customer.number, place))
    path.write_bytes(b"".join(sorted(lines)))


def _keyed(arrival: Arrival, number: int, place: int) -> bytes:
    return b"%019d%010d%06d %.1s%b\n" % (
        arrival.arrives_at, number, place, arrival.stream.encode(), arrival.payload
    )  # fmt: skip


def _merge_runs(runs: Iterable[Path], folder: Path) -> None:
    with ExitStack() as stack:
        files = {
            mark: stack.enter_context((folder / name).open("wb", buffering=1 << 20))
            for mark, name in _STREAMS.items()
        }
        for line in merge(*(_lines(stack.enter_context(run.open("rb"))) for run in runs)):
            files[line[36:37]].write(line[37:])


def _lines(file: BinaryIO) -> Iterator[bytes]:
    yield from file
