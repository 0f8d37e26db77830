"""The work of a comparison, in pieces that processes share: decode and sort into buckets, then fold bucket by bucket.

Events pass through files, each decoded from its text once, and a bucket holds all events of its customers. So memory
holds one bucket per process, however long the history.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from models.decide import Event
from models.decoding import Decoder, Rejection, Skipped
from models.mapping import load_mapping
from models.plan.compiled import Plan
from models.replaying.cohorts import Cohorts
from models.replaying.counterparts import Offered
from models.replaying.replay import replay
from models.replaying.tally import Tally
from models.replaying.watch import Watch
from pipelines.history import Piece, payloads
from schemas import Outcome, Signal


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What every process needs to know."""

    plans: tuple[Path, Path]
    mapping: Path | None
    live: tuple[str, ...]
    """Digests that may be of the live plan, in the order to try."""
    cohorts: tuple[str, ...] | None
    folder: Path
    """For the buckets."""
    buckets: int


class Spilled(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One event on its way to a bucket."""

    customer: str
    household: str
    plans: int
    """Which plans can decode it, as bits: 1 for A, 2 for B."""
    event: bytes


@dataclass
class Read:
    """How the lines of a piece fared: numbers for A and for B."""

    lines: int = 0
    decoded: list[int] = field(default_factory=lambda: [0, 0])
    skipped: list[int] = field(default_factory=lambda: [0, 0])
    refused: list[Counter[str]] = field(default_factory=lambda: [Counter(), Counter()])
    first: datetime | None = None
    last: datetime | None = None

    def add(self, other: "Read") -> None:
        """Add another piece's."""
        self.lines += other.lines
        for side in range(2):
            self.decoded[side] += other.decoded[side]
            self.skipped[side] += other.skipped[side]
            self.refused[side].update(other.refused[side])
        self.first = min((at for at in (self.first, other.first) if at), default=None)
        self.last = max((at for at in (self.last, other.last) if at), default=None)

    def seen(self, at: datetime) -> None:
        """Note the time of an event."""
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)


class Workshop:
    """Both plans compiled, and all that is done with them in one process."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.plans = tuple(Plan.load(path) for path in task.plans)
        specs = [plan.spec for plan in self.plans]
        self.cohorts = Cohorts.of(specs, task.cohorts)
        self._alike = _vocabulary(self.plans[0]) == _vocabulary(self.plans[1])
        reshape = load_mapping(task.mapping).reshape if task.mapping else None
        self._signals = [Decoder(Signal, spec, reshape=reshape).decode for spec in specs]
        self._outcomes = [Decoder(Outcome, spec).decode for spec in specs]
        self._folds = [plan.decide_fold(reasons=False) for plan in self.plans]
        self._households = [_by_household(plan) for plan in self.plans]

    def read(self, number: int, piece: Piece) -> Read:
        """Decode a piece into the buckets."""
        read, buckets = Read(), defaultdict[int, list[Spilled]](list)
        for payload in payloads(piece):
            read.lines += 1
            event, plans = self._decode(payload, piece.outcomes, read)
            if event is None:
                continue
            read.seen(event.occurred_at)
            household = event.household_id or ""
            spilled = Spilled(event.customer_id, household, plans, self._folds[0].encode_event(event))
            key = household or event.customer_id
            buckets[crc32(key.encode()) % self.task.buckets].append(spilled)
        for bucket, events in buckets.items():
            folder = self.task.folder / str(bucket)
            folder.mkdir(exist_ok=True)
            (folder / f"{number:06d}").write_bytes(_encode(events))
        return read

    def _decode(self, payload: bytes, outcome: bool, read: Read) -> tuple[Event | None, int]:
        """The event, and which plans can decode it."""
        event, plans = None, 0
        decoders = self._outcomes if outcome else self._signals
        decoded = decoders[0](payload)
        for side in range(2):
            if side and not self._alike:
                decoded = decoders[1](payload)
            if isinstance(decoded, Rejection):
                read.refused[side][decoded.reason.value] += 1
            elif isinstance(decoded, Skipped):
                read.skipped[side] += 1
            else:
                read.decoded[side] += 1
                event, plans = decoded, plans | 1 << side
        return event, plans

    def fold(self, bucket: int) -> tuple[Tally, Tally]:
        """What both plans do over the events of a bucket."""
        tallies = Tally(), Tally()
        for events in self._groups(bucket):
            offers: dict[str, Mapping[str, Offered]] = {}
            for side, plan in enumerate(self.plans):
                watch = self.watch(side, tallies[side], offers)
                for own in self._keys(side, events):
                    replay(self._folds[side], own, watch)
                offers[plan.digest] = watch.offers
                watch.close()
        return tallies

    def watch(self, side: int, tally: Tally, offers: Mapping[str, Mapping[str, Offered]]) -> Watch:
        """What counts for one of the plans."""
        digest = self.plans[side].digest
        return Watch(tally, self.cohorts, digest=digest, live=self.task.live, live_offers=offers)

    def _groups(self, bucket: int) -> Iterator[list[tuple[int, Event]]]:
        """The events of a bucket, those of one customer or household together, in the order of a bounded run."""
        found: dict[str, list[Spilled]] = defaultdict(list)
        for file in sorted((self.task.folder / str(bucket)).glob("*")):
            for spilled in _decode(file.read_bytes()):
                household = spilled.household if any(self._households) else ""
                found[household or spilled.customer].append(spilled)
        fold = self._folds[0]
        for group in found.values():
            events = [(spilled.plans, spilled.event, fold.decode_event(spilled.event)) for spilled in group]
            events.sort(key=lambda each: (fold.order(each[2]), each[1]))
            yield [(plans, event) for plans, _, event in events]

    def _keys(self, side: int, events: Sequence[tuple[int, Event]]) -> Iterable[list[Event]]:
        """The events that a plan can decode, as its fold is keyed: by household, or by customer."""
        mine = [event for plans, event in events if plans >> side & 1]
        if self._households[side] or not any(self._households):
            return [mine]
        by_customer: dict[str, list[Event]] = defaultdict(list)
        for event in mine:
            by_customer[event.customer_id].append(event)
        return by_customer.values()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Spilled]).decode


def _vocabulary(plan: Plan) -> tuple[Any, ...]:
    """All of a plan that decoding asks for."""
    spec = plan.spec
    return spec.vocabulary, spec.channels, spec.brands, spec.placements, spec.care


def _by_household(plan: Plan) -> bool:
    return any(limit.whose == "household" for limit in plan.spec.contact.limits)
