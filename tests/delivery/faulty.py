"""Folds and worlds that break promises, to see that these are kept by no accident: each is found out."""

from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
from delivery.plans import plans, without_care, without_limits
from delivery.world import Folds, History, World, folds

from models.folds import Counted, Fold, Output, advance
from models.plan.compiled import Plan
from models.times import NEVER
from schemas import DeadLetter, Decision

Outputs = list[Output]


class Altered:
    """A fold that says something else than the fold it was."""

    def __init__(self, fold: Fold[Any, Any], alter: Callable[[Outputs], Outputs]) -> None:
        self._fold, self._alter = fold, alter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fold, name)

    def advance(self, state: Any, event: Any) -> tuple[Any, Outputs]:
        state, outputs = advance(self._fold, state, event)
        return state, self._alter(outputs)

    def expire(self, state: Any, now: int) -> tuple[Any, Outputs]:
        state, outputs = self._fold.expire(state, now)
        return state, self._alter(outputs)


class Swollen:
    """A fold whose states never get small."""

    _MUCH = b"\0" * 20_000

    def __init__(self, fold: Fold[Any, Any]) -> None:
        self._fold = fold

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fold, name)

    def encode(self, state: Any) -> bytes:
        return self._fold.encode(state) + self._MUCH

    def decode(self, data: bytes) -> Any:
        return self._fold.decode(data.removesuffix(self._MUCH))


def _all_altered(alter: Callable[[Outputs], Outputs]) -> Callable[[int], History]:
    return lambda seed: World(seed, tuple(Altered(fold, alter) for fold in folds())).run()


def _uncounted(outputs: Outputs) -> Outputs:
    return [each for each in outputs if each != Counted.DUPLICATE]


def _undecided(outputs: Outputs) -> Outputs:
    return [each for each in outputs if not (isinstance(each, Decision) and not each.offers)]


def _unanswered(outputs: Outputs) -> Outputs:
    return [each for each in outputs if not isinstance(each, DeadLetter)]


def _talkative(outputs: Outputs) -> Outputs:
    return [
        msgspec.structs.replace(each, detail=each.payload.decode()) if isinstance(each, DeadLetter) else each
        for each in outputs
    ]


def _forgetful() -> Callable[[int], History]:
    """Of a memory outside its state, which no crash takes back."""
    calls = count()

    def alter(outputs: Outputs) -> Outputs:
        return [
            msgspec.structs.replace(each, page=f"page-{next(calls)}") if isinstance(each, Decision) else each
            for each in outputs
        ]

    return _all_altered(alter)


def _swollen(seed: int) -> History:
    return World(seed, tuple(Swollen(fold) for fold in folds())).run()


def _of(lax: tuple[Plan, ...]) -> Callable[[int], History]:
    """Folds of plans that permit more than was promised."""
    folds_: Folds = tuple(plan.decide_fold() for plan in lax)
    promised = {each.digest: plan.spec for each, plan in zip(lax, plans(), strict=True)}
    return lambda seed: World(seed, folds_, promised).run()


def faulty_folds() -> dict[int, Callable[[int], History]]:
    """By the number of the one promise that it breaks: histories, by seed, of a fold that breaks it."""
    return {
        1: _all_altered(_uncounted),
        2: _all_altered(_undecided),
        3: _of(without_limits()),
        4: _of(without_care()),
        5: _forgetful(),
        6: _swollen,
        7: _all_altered(_talkative),
        8: _all_altered(_unanswered),
    }


class LosingSink(World):
    """A sink that loses what it is given, now and then."""

    def _publish(self, output: Output, now: int) -> None:
        if isinstance(output, Counted) or self._random.random() > 0.1:
            super()._publish(output, now)


class EarlyAcknowledgement(World):
    """A source that forgets events before they are committed."""

    def _redeliver(self, taken: list[Any], now: int) -> None:
        """It has none of them any more."""


class LosingStore(World):
    """A store that loses a write of state, now and then, though its outputs are out."""

    def _commit(self, fold: Any, states: dict[str, Any], applied: Any, outputs: Any, now: int) -> None:
        lost = self._random.random() < 0.1
        super()._commit(fold, {} if lost else states, applied, outputs, now)


class TornCommit(World):
    """A bundle whose state is kept while its outputs are lost."""

    def _commit(self, fold: Any, states: dict[str, Any], applied: Any, outputs: Any, now: int) -> None:
        torn = self._random.random() < 0.1
        kept = [each for each in outputs if isinstance(each, Counted)] if torn else outputs
        super()._commit(fold, states, applied, kept, now)


class HastyTimers(World):
    """Timers that fire though more is to come."""

    def _maybe_fire_timers(self) -> None:
        if self._random.random() < 0.2:
            for key in sorted(self._history.states):
                self._expire(key, self._history.folds[self._history.live], NEVER - 1)


class NoTimers(World):
    """Timers that never fire."""

    def _maybe_fire_timers(self) -> None:
        """Not now."""

    def _end(self) -> None:
        """Nor ever."""


class SharedKey(World):
    """A shuffle that brings an event to the state of somebody else, now and then."""

    def _load(self, key: str, fold: Any) -> Any:
        others = sorted(self._history.states.keys() - {key})
        return super()._load(others[0] if others and self._random.random() < 0.1 else key, fold)


FAULTY_WORLDS: dict[type[World], set[int]] = {
    LosingSink: {2, 5, 8},
    EarlyAcknowledgement: {1},
    LosingStore: {2, 5},
    TornCommit: {2, 5, 8},
    HastyTimers: {5},
    NoTimers: {5, 6},
    SharedKey: {5},
}
"""Worlds in which something fails that must not fail, and the promises by which it is found out, among others."""
