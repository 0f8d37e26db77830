"""What time alone does to a customer's context: sessions end, and what nothing can need any more is forgotten."""

from collections.abc import Sequence
from typing import Any

from models.context.profile import customer_of
from models.context.sessions import OpenSession, SessionRules
from models.context.state import EVER, ContextState
from models.erasure import mark_kept
from models.features import FeatureProgram
from models.folds import Output
from models.plan.spec import PlanSpec
from models.times import NEVER, Micros, duration


class Ends:
    """When something of a context is over, under one plan."""

    def __init__(self, spec: PlanSpec, program: FeatureProgram, rules: SessionRules) -> None:
        self._late = duration(spec.session.late)
        self.silence = rules.gap + self._late + 1
        """How long after its last event a session ends."""
        self.forget = duration(spec.session.forget) if spec.session.forget else None
        """How long after their last event a customer is forgotten; None: never."""
        self._mark_kept = mark_kept(spec)
        """How long the mark of an erasure is needed, by events in time."""
        self._program = program
        self._rules = rules

    def deadline(self, state: ContextState) -> Micros | None:
        """When the next session ends; without sessions, when no window reaches any event any more, or nothing stays."""
        sessions = state.sessions
        if sessions:
            first = sessions[0].last_at
            return (first if len(sessions) == 1 else min([each.last_at for each in sessions])) + self.silence
        reach, over = self._reach(state), self._over(state)
        if reach is None or over is None:
            return over if reach is None else reach
        return min(reach, over)

    def expire(self, state: ContextState, now: Micros) -> tuple[ContextState, list[Output]]:
        """End the sessions that are due, in the order of their starts; forget what no window reaches, or everything."""
        if state.clock == EVER:  # the ledger beside it may have to wait for longer
            return state, []
        due = [session for session in state.sessions if session.last_at + self.silence <= now]
        if state.sessions and not due:  # as it is mostly, beside a ledger that has more to do
            later = now != NEVER and now > state.clock
            return _at(state, now, state.sessions, state.series) if later else state, []
        ended = self.ended(state, due)
        open_still = tuple([session for session in state.sessions if session not in due]) if due else ()
        if not open_still and (over := self._over(state)) is not None and over <= now:
            return ContextState(), ended
        clock, series = state.clock if now == NEVER else max(state.clock, now), state.series
        reach = None if open_still else self._reach(state)
        if reach is not None and reach <= now:
            series = self._program.forget(series)
        if due or clock != state.clock or series is not state.series:
            state = _at(state, clock, open_still, series)
        return state, ended

    def ended(self, state: ContextState, sessions: Sequence[OpenSession]) -> list[Output]:
        """What is said of sessions that end."""
        if not sessions:
            return []
        customer = customer_of(state.facts)
        return [self._rules.end(session, state.customer_id, customer) for session in sessions]

    def _reach(self, state: ContextState) -> Micros | None:
        """When no window reaches any event of the series any more, late ones included."""
        reach = self._program.forgettable_at(state.series) if state.series else None
        return None if reach is None else reach + self._late + 1

    def _over(self, state: ContextState) -> Micros | None:
        """When nothing has to be remembered of the customer: neither an erasure, nor anything else for so long."""
        mark = erased_last(state)
        if mark is not None:
            return mark + self._mark_kept + self._late + 1
        if self.forget is None or not state.sequence:
            return None
        return (state.clock if state.seen is None else state.seen) + self.forget + self._late + 1


def erased_last(state: ContextState) -> Micros | None:
    """The mark of the customer's erasure, if nothing was taken in since."""
    return None if state.sequence else state.erased


def _at(
    state: ContextState, clock: Micros, sessions: tuple[OpenSession, ...], series: dict[int, Any]
) -> ContextState:
    """The state at a later clock, with these sessions and series."""
    return ContextState(
        state.customer_id,
        clock,
        state.sequence,
        state.opened,
        state.recent,
        state.facts,
        sessions,
        series,
        state.starts,
        state.erased,
        state.seen,
    )
