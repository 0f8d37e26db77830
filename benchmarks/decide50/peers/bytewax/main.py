"""Bytewax: the key is read, then one stateful step for each customer with the logic of the plain loop.

PYTHON main.py DATA OUT     (one worker)
"""

import sys
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.connectors.files import FileSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import fast
from common.records import State

_BATCH = 1000


class Lines(StatelessSinkPartition[bytes]):
    """A file of lines."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("wb")  # noqa: SIM115  closed by the engine

    def write_batch(self, items: list[bytes]) -> None:
        """Some lines, without their ends."""
        self._file.writelines(line + b"\n" for line in items)

    def close(self) -> None:
        """At the end."""
        self._file.close()


class LinesSink(DynamicSink[bytes]):
    """One file, for one worker."""

    def __init__(self, path: str) -> None:
        self._path = path

    def build(self, step_id: str, worker_index: int, worker_count: int) -> Lines:
        """The file of a worker."""
        return Lines(self._path)


def keyed(line: str) -> tuple[str, str | bytes]:
    """The line with its customer, or a dead letter with none."""
    try:
        return fast.customer_of(line), line
    except fast.NotAnEventError as error:
        return "", fast.dead_letter(line, error)


def flow(data: str, out: str) -> Dataflow:
    """From the file of events to the file of decisions."""
    engine = fast.Engine(data)

    def decide(state: State | None, line: str) -> tuple[State, bytes | None]:
        state = state or engine.nobody()
        try:
            now, event = engine.read(line)
        except fast.NotAnEventError as error:
            return state, fast.dead_letter(line, error)
        return state, engine.step(state, now, event)

    graph = Dataflow("decide50")
    lines = op.input("read", graph, FileSource(f"{data}/events.ndjson", batch_size=_BATCH))
    sides = op.branch("known", op.map("key", lines, keyed), lambda pair: bool(pair[0]))
    decided: Any = op.filter_map_value(
        "made", op.stateful_map("decide", sides.trues, decide), lambda made: made
    )
    texts = [
        op.map(name, side, lambda pair: pair[1])
        for name, side in (("made_text", decided), ("dead_text", sides.falses))
    ]
    op.output("write", op.merge("all", *texts), LinesSink(out))
    return graph


if __name__ == "__main__":
    cli_main(flow(*sys.argv[1:]))
