"""The steps of our folds, each on what it gets in decide-50: one process, one form of the kernel.

python -m benchmarks.steps.deciding DATA ROUNDS
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.decide50.folds import decoder
from benchmarks.steps.sample import Call, Sample, sample
from benchmarks.steps.timing import Step, passes
from models.audit.seals import sealed
from models.collector import settle
from models.times import micros
from schemas import Decision
from schemas.packing import encoder
from schemas.unpacking import packed_columns


def steps(found: Sample) -> Iterator[Step]:
    """All steps, in the order in which an event meets them."""
    yield from _around(found)
    yield from _funnel(found)
    yield from _ledger(found)
    yield from _records(found)


def _around(found: Sample) -> Iterator[Step]:
    plan, context, fold = found.plan, found.plan.context_fold(), found.plan.decide_fold()
    events, states = _once(found.events), _once(found.states)
    encoded = _once([fold.encode_event(event) for event in found.events])
    cells = _once([fold.encode(state) for state in found.states])
    behaviour = [(state.context, event) for state, event in found.behaviour]
    asking = [(state.context, event) for state, event in found.asking]
    yield Step("decode: a line to a signal, mapped and checked", decoder(plan).decode, _once(found.lines))
    yield Step("event codec: encode", fold.encode_event, events)
    yield Step("event codec: decode", fold.decode_event, encoded)
    yield Step("state codec: encode context and ledger", fold.encode, states)
    yield Step("state codec: decode context and ledger", fold.decode, cells)
    yield Step("context: an event that asks nothing", context.step, lambda: behaviour)
    yield Step("context: an event that asks, with its snapshot", context.step, lambda: asking)
    yield Step("features: match and remember an event", _remember(found), lambda: behaviour)
    at = [(state, micros(event.occurred_at), event) for state, event in asking]
    yield Step("features: all values", context.features_at, lambda: at)


def _remember(found: Sample) -> Callable[..., object]:
    """One event into the session's slots and the customer's series."""
    program = found.plan.context_fold().program

    def remember(state: Any, event: Any) -> None:
        matches, at = program.match(event), micros(event.occurred_at)
        slots = state.sessions[-1].slots if state.sessions else {}
        program.remember(slots, event, matches, at, event.signal_id, state.clock)
        program.roll(state.series, event, matches, at, event.signal_id, state.clock)

    return remember


def _funnel(found: Sample) -> Iterator[Step]:
    plan, funnel = found.plan, found.plan.funnel
    engaged = [funnel.engage(request) for request in found.requests]
    scored = [funnel.score(candidates) for candidates in engaged]
    vectors = [plan.vectors.vector(request.context.features).copy() for request in found.requests]
    yield Step("policy: the rules of 50 actions", plan.engagement.apply, _once(found.requests))
    features = [request.context.features for request in found.requests]
    yield Step("score: the model's input from the features", plan.vectors.vector, _once(features))
    yield Step("score: linear, 50 actions", plan.scorer.score, _once(vectors))
    yield Step("arbitrate: priorities and order", funnel.arbitrate, _once(scored))
    yield Step("policy, score and arbitrate in a row", funnel.candidates, _once(found.requests))


def _ledger(found: Sample) -> Iterator[Step]:
    ledger = found.plan.ledger_fold()
    decider, recorder = getattr(ledger, "_decider", None), getattr(ledger, "_recorder", None)
    yield Step("ledger: decide, reserve and record", ledger.step, lambda: found.ledgers)
    if decider is not None and found.allocations:
        yield Step("ledger: allocate", decider.allocate, lambda: _own_books(found.allocations))
    if recorder is not None and found.recordings:
        yield Step("record: a decision", recorder.decision, lambda: found.recordings)


def _own_books(calls: Sequence[Call]) -> list[Call]:
    """The calls, each with a shallow copy of the customer's book, which allocation may change."""
    return [(copy(book), *others) for book, *others in calls]


def _records(found: Sample) -> Iterator[Step]:
    batch = 200
    made = [found.decisions[start : start + batch] for start in range(0, len(found.decisions), batch)]
    whole = [each for each in made if len(each) == batch] or made[:1]
    encode = encoder()
    decode = msgspec.msgpack.Decoder(Decision).decode
    written = [[encode(each) for each in some] for some in whole]
    yield Step("encode: a decision", encode, _once(found.decisions))
    yield Step("decode: a decision", decode, _once([encode(each) for each in found.decisions]))
    yield Step("seal: a decision", sealed, _once(found.decisions))
    yield Step(
        "Parquet: columns of a decision", packed_columns(Decision), _once(written), each=len(written[0])
    )


def _once(items: Sequence[Any]) -> Callable[[], list[Call]]:
    """The same items in each pass, one argument each."""
    calls = [(item,) for item in items]
    return lambda: calls


if __name__ == "__main__":
    world = sample(Path(sys.argv[1]))
    settle()
    sys.stdout.buffer.write(msgspec.json.encode(passes(steps(world), int(sys.argv[2]))))
