"""The work of a comparison, in jobs that processes share: read the history piece by piece, then fold it.

Each event is decoded from its text once. Most plans are folded bucket by bucket, each customer on their own. A plan
whose customers share capacity is folded in one job, all customers together in the order of event time.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from models.decide import Event
from models.decoding import Decoder, Rejection, Skipped
from models.ledger import key_of
from models.mapping import load_mapping
from models.plan.compiled import Plan
from models.replaying.cohorts import Cohorts
from models.replaying.counterparts import Offered
from models.replaying.replay import replay, replay_together
from models.replaying.tally import Tally
from models.replaying.watch import Watch
from pipelines.diffing_spill import Spill, Spilled
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
    """For the events on their way."""
    buckets: int


class Job(NamedTuple):
    """A part of the folding."""

    sides: tuple[int, ...]
    """The plans: 0 is A, 1 is B."""
    bucket: int | None
    """None: all customers together."""


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

    def __init__(self, task: Task, plans: tuple[Plan, Plan] | None = None) -> None:
        """`plans`: those of the task, if they are loaded already."""
        self.plans = plans or (Plan.load(task.plans[0]), Plan.load(task.plans[1]))
        specs = [plan.spec for plan in self.plans]
        self._live = task.live
        self._cohorts = Cohorts.of(specs, task.cohorts)
        self._spill = Spill(task.folder, task.buckets)
        self._alike = _vocabulary(self.plans[0]) == _vocabulary(self.plans[1])
        reshape = load_mapping(task.mapping).reshape if task.mapping else None
        self._signals = [Decoder(Signal, spec, reshape=reshape).decode for spec in specs]
        self._outcomes = [Decoder(Outcome, spec).decode for spec in specs]
        self._folds = [plan.decide_fold(reasons=False) for plan in self.plans]

    def jobs(self, buckets: int) -> list[Job]:
        """All of the folding, the longest first."""
        alone = tuple(side for side, plan in enumerate(self.plans) if not plan.shares_capacity)
        together = [Job((side,), None) for side in range(2) if side not in alone]
        return together + [Job(alone, bucket) for bucket in range(buckets) if alone]

    def read(self, number: int, piece: Piece) -> Read:
        """Decode a piece of the history, and spill it as the folding needs it."""
        read = Read()
        events = list(self._spilled(piece, read))
        if not all(plan.shares_capacity for plan in self.plans):
            self._spill.deal(number, events)
        if any(plan.shares_capacity for plan in self.plans):
            self._spill.run(number, events)
        return read

    def _spilled(self, piece: Piece, read: Read) -> Iterator[Spilled]:
        fold = self._folds[0]
        for payload in payloads(piece):
            read.lines += 1
            event, plans = self._decode(payload, piece.outcomes, read)
            if event is not None:
                read.seen(event.occurred_at)
                household = event.household_id or ""
                yield Spilled(
                    fold.order(event), fold.encode_event(event), event.customer_id, household, plans
                )

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

    def fold(self, job: Job) -> dict[int, Tally]:
        """What each plan of the job does."""
        return self._fold_together(job.sides[0]) if job.bucket is None else self._fold_bucket(job)

    def _fold_together(self, side: int) -> dict[int, Tally]:
        tally = Tally()
        watch = self._watch(side, tally, {})
        events = (self._event(spilled) for spilled in self._spill.by_time() if spilled.plans >> side & 1)
        replay_together(self.plans[side].decide_fold(reasons=False), events, watch)
        watch.close()
        return {side: tally.settled()}

    def _fold_bucket(self, job: Job) -> dict[int, Tally]:
        assert job.bucket is not None
        tallies = {side: Tally() for side in job.sides}
        for events in self._groups(job.bucket):
            offers: dict[str, Mapping[str, Offered]] = {}
            for side in job.sides:
                watch = self._watch(side, tallies[side], offers)
                for own in self._keys(side, events):
                    replay(self._folds[side], own, watch)
                offers[self.plans[side].digest] = watch.offers
                watch.close()
        return {side: tally.settled() for side, tally in tallies.items()}

    def _watch(self, side: int, tally: Tally, offers: Mapping[str, Mapping[str, Offered]]) -> Watch:
        digest = self.plans[side].digest
        return Watch(tally, self._cohorts, digest=digest, live=self._live, live_offers=offers)

    def _groups(self, bucket: int) -> Iterator[list[tuple[int, Event]]]:
        """The events of a bucket by customer, those of a household together, in the order of a bounded run."""
        found: dict[str, list[Spilled]] = defaultdict(list)
        for spilled in self._spill.bucket(bucket):
            found[spilled.household or spilled.customer].append(spilled)
        for group in found.values():
            group.sort(key=lambda spilled: (spilled.order, spilled.event))
            yield [(spilled.plans, self._event(spilled)) for spilled in group]

    def _event(self, spilled: Spilled) -> Event:
        return self._folds[0].decode_event(spilled.event)

    def _keys(self, side: int, events: Iterable[tuple[int, Event]]) -> Iterable[list[Event]]:
        """The events that a plan can decode, by the key that its fold has."""
        found: dict[str, list[Event]] = defaultdict(list)
        for plans, event in events:
            if plans >> side & 1:
                found[key_of(self._folds[side], event)].append(event)
        return found.values()


def _vocabulary(plan: Plan) -> tuple[Any, ...]:
    """All of a plan that decoding asks for."""
    spec = plan.spec
    return spec.vocabulary, spec.channels, spec.brands, spec.placements, spec.care
