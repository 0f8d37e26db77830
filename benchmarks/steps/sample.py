"""What steps are done to: a workload folded once, with the arguments of its steps kept as they came."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.decide50.folds import FILES, decoder, load
from models.decide import DecideFold, DecideState, Event
from models.folds import advance
from models.plan.compiled import Plan
from schemas import CandidateSet, Decision, DecisionRequest, Outcome, Signal

Call = tuple[Any, ...]


@dataclass
class Sample:
    """Of one workload, in its order."""

    plan: Plan
    lines: list[bytes]
    """Of events that decode."""
    events: list[Event]
    behaviour: list[tuple[DecideState, Event]] = field(default_factory=list)
    """States before events that ask for nothing."""
    asking: list[tuple[DecideState, Signal]] = field(default_factory=list)
    """States before events that ask for a decision."""
    states: list[DecideState] = field(default_factory=list)
    """Of customers who did something, at the end."""
    requests: list[DecisionRequest] = field(default_factory=list)
    ledgers: list[tuple[Any, CandidateSet]] = field(default_factory=list)
    """Ledger states before decisions, and their ranked candidates."""
    allocations: list[Call] = field(default_factory=list)
    recordings: list[Call] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)


def sample(data: Path) -> Sample:
    """Fold everything once."""
    plan = load(data)
    decode = decoder(plan).decode
    found = Sample(plan, [], [])
    for name in FILES:
        for line in (data / name).read_bytes().splitlines():
            event = decode(line)
            if isinstance(event, Signal | Outcome):
                found.events.append(event)
                if name == FILES[-1]:
                    found.lines.append(line)
    _fold(found)
    _chain(found)
    return found


def _fold(found: Sample) -> None:
    fold = found.plan.decide_fold()
    if not isinstance(fold, DecideFold):
        raise TypeError("the plan of this workload has no households")
    states: dict[str, DecideState] = {}
    for event in found.events:
        before = states.get(event.customer_id) or fold.initial()
        after, outputs = advance(fold, before, event)
        states[event.customer_id] = after
        decided = [each for each in outputs if isinstance(each, Decision)]
        if decided and isinstance(event, Signal):
            found.asking.append((before, event))
            found.decisions += decided
        elif isinstance(event, Signal) and event.type != "profile":
            found.behaviour.append((before, event))
    found.states = [state for state in states.values() if state.context.opened]


def _chain(found: Sample) -> None:
    """The steps of the decisions one by one, as they are when they are chained."""
    context, funnel, ledger = found.plan.context_fold(), found.plan.funnel, found.plan.ledger_fold()
    _keep_calls(ledger, "_decider", "allocate", found.allocations, changed_later=True)
    _keep_calls(ledger, "_recorder", "decision", found.recordings)
    for state, event in found.asking:
        _, outputs = context.step(state.context, event)
        for request in outputs:
            if isinstance(request, DecisionRequest):
                ranked = funnel.candidates(request)
                found.requests.append(request)
                found.ledgers.append((state.ledger, ranked))
                ledger.step(state.ledger, ranked)


def _keep_calls(
    owner: object, part: str, name: str, kept: list[Call], *, changed_later: bool = False
) -> None:
    """Note the arguments with which a part of a step is called, if there is such a part.

    `changed_later`: the first of them is a working copy that the rest of the step goes on with.
    """
    held = getattr(owner, part, None)
    call: Callable[..., Any] | None = getattr(held, name, None)
    if held is None or call is None:
        return

    class _Noting:
        def __getattr__(self, other: str) -> Any:
            return getattr(held, other)

    def noted(first: Any, *others: Any) -> Any:
        kept.append((deepcopy(first) if changed_later else first, *others))
        return call(first, *others)

    stand_in = _Noting()
    setattr(stand_in, name, noted)
    setattr(owner, part, stand_in)
