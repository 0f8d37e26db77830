"""Sizes and shares, measured: a simulated bank is decided by its plan, and everything that comes of it is weighed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from benchmarks.cost.model import Traffic
from models.audit.seals import sealed
from models.decoding import Decoder
from models.folds import advance
from models.plan.compiled import Plan
from models.simulation import Simulation, SimulationConfig
from pipelines.locate import find_plan
from schemas import Decision, Feedback, Outcome, SessionContext, Signal
from schemas.rows import rows

_BYTES = {bool: 1, int: 8, float: 8, type(None): 0}


def stored_bytes(value: Any) -> int:
    """A value as BigQuery counts it: text by its bytes and two more, numbers and times by eight."""
    if isinstance(value, str | bytes):
        return 2 + len(value.encode() if isinstance(value, str) else value)
    if isinstance(value, Mapping):
        return sum(map(stored_bytes, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(stored_bytes, value))
    return _BYTES.get(type(value), 8)


def measure(*, customers: int, days: int, seed: int = 7) -> Traffic:
    """The traffic of a bank, an event on average."""
    plan = Plan.load(find_plan("uk_bank"))
    fold = plan.decide_fold()
    found: dict[str, list[int]] = defaultdict(list)
    for payloads in _customers(plan, customers, days, seed):
        state = fold.initial()
        for payload, event in sorted(payloads, key=lambda each: fold.order(each[1])):
            state, outputs = advance(fold, state, event)
            found["event"].append(len(payload))
            found["shuffled"].append(len(fold.encode_event(event)) + len(event.customer_id))
            found["state"].append(len(fold.encode(state)))
            for output in outputs:
                _weigh(found, output)
        for output in fold.expire(state, 2**62)[1]:
            _weigh(found, output)
    return _averages(found)


def _customers(
    plan: Plan, customers: int, days: int, seed: int
) -> Iterator[Sequence[tuple[bytes, Signal | Outcome]]]:
    simulation = Simulation(
        SimulationConfig(customers=customers, days=days, seed=seed), plan.spec, plan.decide_fold()
    )
    decoders = {"signals": Decoder(Signal, plan.spec), "outcomes": Decoder(Outcome, plan.spec)}
    by_customer: dict[str, list[tuple[bytes, Signal | Outcome]]] = defaultdict(list)
    for line in simulation.arrivals():
        event = decoders[line.stream].decode(line.payload)
        if isinstance(event, Signal | Outcome):
            by_customer[event.customer_id].append((line.payload, event))
    yield from by_customer.values()


_ROWS = {contract: rows(contract) for contract in (Decision, Feedback, SessionContext)}
_NAMES: Mapping[type, str] = {Decision: "decision", Feedback: "feedback", SessionContext: "session"}


def _weigh(found: dict[str, list[int]], output: Any) -> None:
    name = _NAMES.get(type(output))
    if name:
        record = output if isinstance(output, SessionContext) else sealed(output)
        found[name].append(len(msgspec.json.encode(record)))
        found[f"{name}_row"].append(stored_bytes(_ROWS[type(record)](record)))


def _averages(found: Mapping[str, Sequence[int]]) -> Traffic:
    events = len(found["event"])

    def mean(name: str) -> float:
        weighed = found.get(name, ())
        return round(sum(weighed) / len(weighed)) if weighed else 0

    def share(name: str) -> float:
        return round(len(found.get(name, ())) / events, 4)

    return Traffic(
        event=mean("event"),
        shuffled=mean("shuffled"),
        state=mean("state"),
        decisions=share("decision"),
        decision=mean("decision"),
        decision_row=mean("decision_row"),
        feedback=share("feedback"),
        feedback_message=mean("feedback"),
        feedback_row=mean("feedback_row"),
        sessions=share("session"),
        session_row=mean("session_row"),
    )
