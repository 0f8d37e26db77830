"""What hosts a fold in a worker: one key at a time, all keys together, or a cell of state and a timer for each key."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from operator import itemgetter
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.coders import BytesCoder
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from models.folds import Counted, Fold, Noticed, Output, advance, fold_events, fold_together
from models.observability.ladders import DECISION_COMPUTE
from models.times import Micros, moment
from schemas import DeadLetter, Reason
from transforms import tally
from transforms.discreet import DiscreetFn, StepError, discreet
from transforms.gathering import spread
from transforms.logs import tell
from transforms.metrics import ACCOUNTS, NOTICES, STATE_UNREADABLE, Counts, Rungs

FoldSource = Fold[Any, Any] | Callable[[], Fold[Any, Any]]
"""A fold that pickles small, or what yields one; the latter is called for each bundle, so it shares what is heavy.

A source whose folds share something mutable among keys has two more methods: `fresh`, a fold that shares nothing with
any other, and `turn`, which lets one thread at a time fold.
"""

MOST_KNOWN = 64
"""Keys of a bundle whose decoded state is kept: an event often follows another of its customer closely."""


def load_fold(source: FoldSource) -> Fold[Any, Any]:
    """The fold itself."""
    return source() if callable(source) else source


def _fresh(source: FoldSource) -> Fold[Any, Any]:
    """A fold that shares nothing with any other; the only one, where the source has but one."""
    fresh: Callable[[], Fold[Any, Any]] | None = getattr(source, "fresh", None)
    return load_fold(source) if fresh is None else fresh()


_pair = msgspec.msgpack.Encoder().encode
_unpair = msgspec.msgpack.Decoder(tuple[bytes, bytes]).decode


def together(keyed: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """The events and their key, under the key that all have."""
    return b"", _pair(keyed)


class _FoldFn(DiscreetFn):
    """What both hosts share: loading the fold, routing and counting its outputs."""

    def __init__(
        self, fold: FoldSource, outputs: Mapping[str, type], step: str, forwarded: tuple[type, ...]
    ) -> None:
        self._source = fold
        self._step = step
        self._forwarded = forwarded
        main = next(iter(outputs))
        self._tags = {contract: None if tag == main else tag for tag, contract in outputs.items()}

    def start_bundle(self) -> None:
        self._fold = load_fold(self._source)
        self._counts = Counts({**ACCOUNTS, **NOTICES})

    def finish_bundle(self) -> None:
        self._counts.count()

    def _route(self, outputs: Iterable[Output]) -> Iterator[Any]:
        count, tags = self._counts.add, self._tags
        for output in outputs:
            kind = type(output)
            if kind is Counted or kind is Noticed:
                count(output)
                continue
            if kind not in tags:
                raise StepError(f"{self._step} has no output for {kind.__name__}; it has {self._names()}")
            tag = tags[kind]
            yield output if tag is None else TaggedOutput(tag, output)

    def _names(self) -> str:
        return ", ".join(kind.__name__ for kind in self._tags)


class FoldGroupFn(_FoldFn):
    """Beam adapter for `fold_events`: one whole key at a time, by event time, then kind, id and content."""

    def process(self, group: tuple[bytes, Iterable[bytes]]) -> Iterator[Any]:
        """Fold the events of one key."""
        fold = self._fold
        events = [(data, fold.decode_event(data)) for data in spread(group[1])]
        tally.add("folded", len(events))
        ordered = sorted(((fold.order(event), data, event) for data, event in events), key=itemgetter(0, 1))
        yield from self._route(fold_events(fold, (event for _, _, event in ordered)))


class FoldTogetherFn(_FoldFn):
    """Beam adapter for `fold_together`: all keys at once, by event time, then kind, id and content.

    A bundle that is tried again starts again from nothing.
    """

    def process(self, group: tuple[bytes, Iterable[bytes]]) -> Iterator[Any]:
        """Fold the events of all keys."""
        fold = _fresh(self._source)
        found = []
        for key, gathered in map(_unpair, group[1]):
            for data in spread((gathered,)):
                event = fold.decode_event(data)
                found.append((fold.order(event), data, key.decode(), event))
        tally.add("folded", len(found))
        found.sort(key=itemgetter(0, 1, 2))
        yield from self._route(fold_together(fold, ((key, event) for _, _, key, event in found)))


class FoldStateFn(_FoldFn):
    """Beam adapter for `advance`: one cell of bytes, one timer, at most one read and one write per event.

    Counts `decision_compute`: the time from the bytes of an event that is decided to the new state.
    """

    _CELL = ReadModifyWriteStateSpec("state", BytesCoder())
    _DUE = TimerSpec("due", TimeDomain.WATERMARK)

    def start_bundle(self) -> None:
        """Take the fold, which is another once the plan was changed."""
        was = getattr(self, "_fold", None)
        super().start_bundle()
        if self._fold is not was:
            self._turn: AbstractContextManager[Any] = getattr(self._source, "turn", nullcontext)()
            self._blank = self._fold.encode(self._fold.initial())
            self._compute = Rungs(DECISION_COMPUTE)
        self._known: dict[bytes, tuple[bytes, Any]] = {}
        self._compute.start()

    def process(
        self,
        keyed: tuple[bytes, bytes],
        cell: Any = beam.DoFn.StateParam(_CELL),
        timer: Any = beam.DoFn.TimerParam(_DUE),
    ) -> Iterable[Any]:
        """Fold one event into the state of its key."""
        began_s = time.perf_counter()
        fold, key = self._fold, keyed[0]
        event = fold.decode_event(keyed[1])
        tally.add("folded")
        was = cell.read()
        try:
            state = fold.initial() if was is None else self._decoded(key, was)
        except ValueError:
            return list(self._route(self._refuse(key, event)))
        try:
            before = fold.deadline(state)
            with self._turn:
                new, outputs = advance(fold, state, event)
            data, due = fold.encode(new), fold.deadline(new)
        except Exception:
            if was is None or not self._damaged(state):
                raise
            return list(self._route(self._refuse(key, event)))
        self._keep(cell, was, data)
        self._know(key, data, new)
        if due != before:
            _arm(timer, due)
        if Counted.DECIDED in outputs:
            self._compute.add((time.perf_counter() - began_s) * 1e3)
        return list(self._route(outputs))

    def finish_bundle(self) -> None:
        """Count, and let go of what was known of this bundle's keys."""
        super().finish_bundle()
        self._known = {}
        self._compute.count()

    def _decoded(self, key: bytes, was: bytes) -> Any:
        """The state of these bytes: the one that was written as them, if the cell still has what we wrote."""
        known = self._known.get(key)
        return known[1] if known is not None and known[0] == was else self._fold.decode(was)

    def _know(self, key: bytes, data: bytes, state: Any) -> None:
        """Keep what was written; of more keys than `MOST_KNOWN` the one known first goes."""
        known = self._known
        if key not in known and len(known) >= MOST_KNOWN:
            del known[next(iter(known))]
        known[key] = (data, state)

    @on_timer(_DUE)
    @discreet
    def expire(
        self,
        at: Any = beam.DoFn.TimestampParam,
        cell: Any = beam.DoFn.StateParam(_CELL),
        timer: Any = beam.DoFn.TimerParam(_DUE),
    ) -> Iterator[Any]:
        """Do what is due, each thing at its own time, so that it does not matter when a runner calls."""
        fold = self._fold
        was = cell.read()
        if was is None:
            return
        try:
            state = fold.decode(was)
        except ValueError:
            self._unreadable()
            return
        try:
            data, due, outputs = self._expired(state, at.micros)
        except Exception:
            if not self._damaged(state):
                raise
            self._unreadable()
            return
        self._keep(cell, was, data)
        _arm(timer, due)
        yield from self._route(outputs)

    def _expired(self, state: Any, now: Micros) -> tuple[bytes, Micros | None, list[Output]]:
        """The new state in bytes, when something is due next, and the outputs."""
        fold, outputs = self._fold, list[Output]()
        while (due := fold.deadline(state)) is not None and due <= now:
            with self._turn:
                state, done = fold.expire(state, due)
            outputs += done
        return fold.encode(state), due, outputs

    def _damaged(self, state: Any) -> bool:
        """Whether a state that was decoded, but not gone on with, is to blame: then it is as if it were unreadable."""
        examine: Callable[[Any], None] | None = getattr(self._fold, "examine", None)
        if examine is None:
            return False
        try:
            examine(state)
        except ValueError:
            return True
        return False

    def _unreadable(self) -> None:
        """Tell of a state where there is no event that could be a dead letter."""
        STATE_UNREADABLE.inc()
        tell("state_unreadable", step=self._step)

    def _keep(self, cell: Any, was: bytes | None, data: bytes) -> None:
        """Write the state if it changed."""
        if data != self._blank:
            if data != was:
                cell.write(data)
        elif was is not None:
            cell.clear()

    def _refuse(self, key: bytes, event: Any) -> list[Output]:
        """The event as a dead letter, in JSON, so that it can be sent again once the state is repaired."""
        STATE_UNREADABLE.inc()
        letter = DeadLetter.of(
            msgspec.json.encode(event),
            reason=Reason.STATE_UNREADABLE,
            step=self._step,
            detail="the state of this customer cannot be decoded; it is kept as it is, for repair",
            occurred_at=moment(self._fold.order(event)[0]),
            customer_id=_customer(event) or key.decode(),
        )
        return [letter] if isinstance(event, self._forwarded) else [letter, Counted.DEAD]


def _customer(event: Any) -> str | None:
    """Whose event it is: the key may be that of a household."""
    found = getattr(getattr(event, "request", event), "customer_id", None)
    return found if isinstance(found, str) else None


def _arm(timer: Any, due: Micros | None) -> None:
    """Set or clear the timer. Runners carry times of timers in milliseconds and cut the rest: round up."""
    if due is None:
        timer.clear()
    else:
        timer.set(Timestamp(micros=-(-due // 1000) * 1000))
