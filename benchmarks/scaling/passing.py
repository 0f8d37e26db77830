"""Events pass, states stay: what a stream keeps of its customers, without a runner.

    python -m benchmarks.scaling.passing DATA OUT

Decodes each line of customers.ndjson and events.ndjson as `nextbeam run` does, and folds it as a stateful step would:
from the bytes of the customer's state to the bytes of the next. Nothing that comes out is kept. OUT gets one JSON
object every 2 % of the lines: lines so far, customers, MB of the process, bytes of states, CPU seconds.
"""

import sys
from pathlib import Path

import msgspec
import psutil

from benchmarks.decide50.folds import FILES, decoder, load
from models.folds import advance
from models.plan.compiled import Plan
from schemas import Outcome, Signal

_SHARES = 50


class Seen(msgspec.Struct, frozen=True):
    """What there was once so many lines had passed."""

    lines: int
    customers: int
    resident_mb: float
    state_bytes: int
    """Of all customers together."""
    cpu_s: float


class Passing:
    """The states of all customers, in bytes, while events pass."""

    def __init__(self, plan: Plan) -> None:
        self._fold = plan.decide_fold()
        self._decode = decoder(plan).decode
        self._states: dict[bytes, bytes] = {}
        self._process = psutil.Process()
        self.lines = self.state_bytes = 0

    def take(self, line: bytes) -> None:
        """Decode, fold, forget what came out. A line that cannot be read is counted all the same."""
        self.lines += 1
        event = self._decode(line)
        if not isinstance(event, Signal | Outcome):
            return
        fold, key = self._fold, event.customer_id.encode()
        was = self._states.get(key)
        state, _ = advance(fold, fold.initial() if was is None else fold.decode(was), event)
        now = fold.encode(state)
        self.state_bytes += len(now) - len(was or b"")
        self._states[key] = now

    def seen(self) -> Seen:
        """What there is now."""
        times = self._process.cpu_times()
        return Seen(
            self.lines,
            len(self._states),
            self._process.memory_info().rss / 1e6,
            self.state_bytes,
            times.user + times.system,
        )


def count(path: Path) -> int:
    """Lines of a file."""
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def main(data: Path, out: Path) -> None:
    """Let everything pass."""
    passing = Passing(load(data))
    every = max(1, sum(count(data / name) for name in FILES) // _SHARES)
    with out.open("wb") as told:
        for name in FILES:
            with (data / name).open("rb") as file:
                for line in file:
                    passing.take(line.rstrip(b"\n"))
                    if passing.lines % every == 0:
                        told.write(msgspec.json.encode(passing.seen()) + b"\n")
                        told.flush()
        told.write(msgspec.json.encode(passing.seen()) + b"\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
