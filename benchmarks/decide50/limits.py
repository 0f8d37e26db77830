"""What this machine allows for the same bytes and the same arithmetic, whoever decides: decode, encode, multiply.

    python -m benchmarks.decide50.limits DATA DECISIONS

DATA is the workload, DECISIONS one peer's decisions, one JSON object a line. Each part is the best of several tries in
one process, in CPU seconds; together they are a limit that no form of the job can pass in this language, since all
have to read every line, write every decision and multiply every decision's features with all weights.
"""

import gc
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson

_TRIES = 5


class _Attributes(msgspec.Struct, gc=False):
    device: str
    dwell_ms: float
    value: float | None = None
    action: str | None = None


class _Line(msgspec.Struct, gc=False):
    """The fields of an event that the job reads, typed."""

    event_id: str
    customer_id: str
    brand: str
    channel: str
    type: str
    ts: str
    page: str
    attributes: _Attributes
    product: str | None = None


class _Offer(msgspec.Struct, gc=False):
    action: str
    priority: float
    reasons: list[str]


class _Placed(msgspec.Struct, gc=False):
    placement: str
    offers: list[_Offer]


class _Decided(msgspec.Struct, gc=False):
    """The least that answers a request: who was offered what, why, and what policy refused."""

    event_id: str
    placements: list[_Placed]
    policy: dict[str, int]
    session: dict[str, Any]


class Limit(msgspec.Struct, frozen=True):
    """One part of the job: CPU seconds of all of it, and how many there are of what it is done to."""

    name: str
    cpu_s: float
    items: int
    counts: bool
    """Whether it is part of the limit; of ways to do the same, the fastest is."""

    @property
    def us(self) -> float:
        """Microseconds of CPU each."""
        return self.cpu_s / max(1, self.items) * 1e6


def total_s(limits: Sequence[Limit]) -> float:
    """CPU seconds of everything that has to be done."""
    return sum(each.cpu_s for each in limits if each.counts)


def parts(data: Path, decisions: Path) -> list[Limit]:
    """All parts, measured.

    Raises:
      ValueError: The decisions are not of the form that is expected.
    """
    lines = _decodable((data / "events.ndjson").read_bytes().splitlines())
    decided = list(_decided(decisions))
    plain = [msgspec.to_builtins(each) for each in decided]
    encode, count = msgspec.json.Encoder().encode, len(decided)
    made = [
        _fastest(
            [_part("decode a line, typed", len(lines), _each(msgspec.json.Decoder(_Line).decode, lines))]
        ),
        _fastest(
            [
                _part("encode a decision, msgspec", count, _each(encode, decided)),
                _part("encode a decision, orjson", count, _each(orjson.dumps, plain)),
            ]
        ),
        _fastest(
            [
                _part("multiply a decision, float32", count, _product(data, count, np.float32)),
                _part("multiply a decision, float64", count, _product(data, count, np.float64)),
            ]
        ),
    ]
    return [each for ways in made for each in ways]


def _fastest(ways: Sequence[Limit]) -> list[Limit]:
    """The same work done in some ways, of which the fastest counts."""
    best = min(ways, key=lambda each: each.cpu_s)
    return [msgspec.structs.replace(each, counts=each is best) for each in ways]


def _part(name: str, items: int, work: Callable[[], object]) -> Limit:
    """One way to do a part, the best of several tries."""
    return Limit(name, _best(work), items, counts=False)


def _decodable(lines: Sequence[bytes]) -> list[bytes]:
    decode, kept = msgspec.json.Decoder(_Line).decode, []
    for line in lines:
        try:
            decode(line)
        except msgspec.DecodeError:
            continue
        kept.append(line)
    return kept


def _decided(decisions: Path) -> Iterator[_Decided]:
    decode = msgspec.json.Decoder(_Decided).decode
    for line in decisions.read_bytes().splitlines():
        if b'"dead_letter"' not in line[:20]:
            yield decode(line)


def _each(do: Callable[[Any], Any], items: Sequence[Any]) -> Callable[[], None]:
    def work() -> None:
        for item in items:
            do(item)

    return work


def _product(data: Path, decisions: int, kind: type[np.floating[Any]]) -> Callable[[], object]:
    """All decisions at once: (decisions, features) by (features, actions)."""
    weights = np.ascontiguousarray(np.load(data / "models.npz")["W"].T.astype(kind))
    inputs = np.random.default_rng(0).random((max(1, decisions), weights.shape[0])).astype(kind)
    product = np.empty((inputs.shape[0], weights.shape[1]), kind)
    return lambda: np.dot(inputs, weights, out=product)


def _best(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(_TRIES):
        gc.collect()
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(parts(Path(sys.argv[1]), Path(sys.argv[2]))))
