"""What one element costs in Beam's Python runner, by what is done to it: differences between small pipelines.

    python -m benchmarks.steps.beam ELEMENTS ROUNDS

CPU of the whole process; a pipeline of a few elements is taken off, so that starting the runner does not count. Each
round runs all pipelines once. Our patch of the state cache is in force, unless the environment switches it off.
"""

import gc
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.coders import BytesCoder
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec
from apache_beam.typehints import typehints

import transforms  # noqa: F401  (installs the patch)

MAPS = 5
KEYS = 1000
_FEW = 10
_KEYED = typehints.Tuple[bytes, bytes]
_PAYLOAD = b"x" * 330
_KEY = 8

Grow = Callable[[Any], Any]
"""From a collection of lines to what is to be measured."""


def keyed(line: bytes) -> tuple[bytes, bytes]:
    """The key is the line's beginning."""
    return line[:_KEY], line


def same(element: Any) -> Any:
    """Nothing is done."""
    return element


class Nothing(beam.DoFn):
    """Takes any element and yields none."""

    def process(self, element: Any) -> tuple[()]:  # noqa: ARG002
        """Nothing is done."""
        return ()


class Cell(beam.DoFn):
    """Reads and writes one state cell of bytes."""

    CELL = ReadModifyWriteStateSpec("cell", BytesCoder())

    def process(self, element: tuple[bytes, bytes], cell: Any = beam.DoFn.StateParam(CELL)) -> tuple[()]:
        """One read, one write."""
        cell.read()
        cell.write(element[1])
        return ()


def _key(lines: Any) -> Any:
    return lines | "Key" >> beam.Map(keyed).with_output_types(_KEYED)


def _maps(lines: Any) -> Any:
    for number in range(MAPS):
        lines = lines | f"Map{number}" >> beam.Map(same)
    return lines


_READ, _KV = "read a line and do nothing", "Map to (bytes, bytes)"

PIPELINES: dict[str, tuple[Grow, type[beam.DoFn], str | None, int]] = {
    _READ: (same, Nothing, None, 1),
    "each further Map": (_maps, Nothing, _READ, MAPS),
    _KV: (_key, Nothing, _READ, 1),
    "GroupByKey of (bytes, bytes)": (lambda lines: _key(lines) | beam.GroupByKey(), Nothing, _KV, 1),
    "Reshuffle of (bytes, bytes)": (lambda lines: _key(lines) | beam.Reshuffle(), Nothing, _KV, 1),
    "stateful cell of bytes, read and written": (_key, Cell, _KV, 1),
}
"""What to build, its last step, the pipeline that is taken off, and how many times the step is in it."""


def measure(elements: int, rounds: int) -> dict[str, list[float]]:
    """Microseconds of CPU an element, of each round, by what is done to it."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        many, few = Path(folder) / "many", Path(folder) / "few"
        write(many, elements)
        write(few, _FEW)
        for number in range(rounds + 1):
            for name, spent in _round(many, few, elements).items():
                if number:
                    found.setdefault(name, []).append(spent)
    return found


def _round(many: Path, few: Path, elements: int) -> dict[str, float]:
    whole = {
        name: (run(many, grow, last) - run(few, grow, last)) / (elements - _FEW) * 1e6
        for name, (grow, last, _, _) in PIPELINES.items()
    }
    return {
        name: (whole[name] - (whole[base] if base else 0.0)) / times
        for name, (_, _, base, times) in PIPELINES.items()
    }


def run(lines: Path, grow: Grow, last: type[beam.DoFn]) -> float:
    """CPU seconds of one pipeline over a file."""
    pipeline = beam.Pipeline(runner=FnApiRunner())
    read = pipeline | beam.io.ReadFromText(str(lines), coder=BytesCoder())
    grow(read) | "Last" >> beam.ParDo(last())
    gc.collect()
    began = time.process_time()
    pipeline.run().wait_until_finish()
    return time.process_time() - began


def write(path: Path, elements: int) -> None:
    """As many lines, of some keys in turn."""
    with path.open("wb") as file:
        file.writelines(b"%08d%s\n" % (number % KEYS, _PAYLOAD) for number in range(elements))


if __name__ == "__main__":
    importable = import_module("benchmarks.steps.beam")  # what is in __main__ does not pickle by reference
    spent = importable.measure(int(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.buffer.write(msgspec.json.encode(spent))
