"""Both compositions of the five steps, in both hosts, against each other and against plain Python."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from unittest import mock

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_stream import TestStream
from bank_arrivals import CUSTOMERS, PLAN, bank_arrivals, busy_days
from hosting import (
    BOUNDED,
    STREAMING,
    Accounts,
    Event,
    Outputs,
    Tally,
    bounded,
    collect,
    collected,
    keyed,
    plain,
    row,
    stream,
    streamed,
)
from hypothesis import HealthCheck, given, settings

from models.folds import Counted, advance, fold_events
from models.times import NEVER, micros
from schemas import (
    CandidateSet,
    DeadLetter,
    Decision,
    DecisionRequest,
    Feedback,
    Outcome,
    SessionContext,
    Signal,
)
from transforms import fold_hosts
from transforms.decide import DecideChained, DecideNextBestAction
from transforms.plan_source import PlanSource
from transforms.session_context import Events

CONTEXT = {
    "requests": DecisionRequest,
    "signals": Signal,
    "outcomes": Outcome,
    "sessions": SessionContext,
    "dead_letters": DeadLetter,
}
LEDGER = {"decisions": Decision, "feedback": Feedback, "dead_letters": DeadLetter}
DECIDE = {**LEDGER, "sessions": SessionContext}
FEW = settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
EACH_FOLD = pytest.mark.parametrize(
    ("name", "outputs"),
    [("context", CONTEXT), ("ledger", LEDGER), ("decide", DECIDE)],
    ids=["context", "ledger", "decide"],
)
COMPOSITIONS = {
    "fused": DecideNextBestAction,
    "chained": DecideChained,
    "chained-inline": partial(DecideChained, inline=True),
}


def _fed(name: str, events: Sequence[Event]) -> list:
    """What this fold is fed of the events: what reaches the ledger has been through the steps before it."""
    if name != "ledger":
        return list(events)
    loaded = PLAN.load()
    made = [
        output
        for customer in CUSTOMERS
        for output in fold_events(loaded.fold("context"), [e for e in events if e.customer_id == customer])
    ]
    ranked = [loaded.funnel.candidates(each) if isinstance(each, DecisionRequest) else each for each in made]
    return [each for each in ranked if isinstance(each, CandidateSet | Outcome | Signal)]


def _in_order(events: Sequence[Event]) -> list[Event]:
    fold = PLAN.load().fold("decide")
    return sorted(events, key=lambda event: (fold.order(event), fold.encode_event(event)))


def _decided(
    decide: Callable[[PlanSource], beam.PTransform],
    source: Callable[[beam.Pipeline], Events],
    flags: Sequence[str],
    plan: PlanSource = PLAN,
) -> tuple[Outputs, Accounts]:
    """What a composition makes of events; counted here, as the streaming direct runner forgets counts."""
    tallies = {counted: Tally() for counted in Counted}
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(fold_hosts, "ACCOUNTS", tallies),
    ):
        pipeline = beam.Pipeline(options=PipelineOptions(list(flags)))
        for tag, outputs in (source(pipeline) | decide(plan))._asdict().items():
            collect(outputs, tag, folder)
        pipeline.run().wait_until_finish()
        return collected(folder), {counted: tally.count for counted, tally in tallies.items()}


def _created(events: Sequence[Event]) -> Callable[[beam.Pipeline], Events]:
    def source(pipeline: beam.Pipeline) -> Events:
        signals = [event for event in events if isinstance(event, Signal)]
        outcomes = [event for event in events if isinstance(event, Outcome)]
        return Events(
            pipeline | "Signals" >> beam.Create(signals, reshuffle=False).with_output_types(Signal),
            pipeline | "Outcomes" >> beam.Create(outcomes, reshuffle=False).with_output_types(Outcome),
        )

    return source


@pytest.mark.parametrize("size", [1, 7, 100, None])
@EACH_FOLD
@given(events=bank_arrivals())
@FEW
def test_stateful_host_folds_events_as_they_arrive(name, outputs, size, events):
    fold, fed = PLAN.load().fold(name), _fed(name, events)
    assert streamed(PLAN.fold(name), outputs, stream(keyed(fold, fed), size)) == plain(fold, fed)


@EACH_FOLD
@given(events=bank_arrivals())
@FEW
def test_both_hosts_agree_when_events_arrive_in_order(name, outputs, events):
    fold, fed = PLAN.load().fold(name), _fed(name, _in_order(events))
    rows, expected = keyed(fold, fed), plain(fold, fed)
    assert bounded(PLAN.fold(name), outputs, rows) == expected
    assert bounded(PLAN.fold(name), outputs, rows, host="stateful") == expected


@EACH_FOLD
@given(events=bank_arrivals())
@FEW
def test_grouped_host_does_not_mind_the_order_of_arrival(name, outputs, events):
    fold, fed = PLAN.load().fold(name), _fed(name, events)
    assert bounded(PLAN.fold(name), outputs, keyed(fold, fed)) == plain(fold, fed, in_order=True)


@EACH_FOLD
@given(events=bank_arrivals())
@settings(FEW, max_examples=40)
def test_a_deadline_that_is_kept_moves_on(name, outputs, events):
    fold = PLAN.load().fold(name)
    for customer in CUSTOMERS:
        state = fold.initial()
        for event in _fed(name, [event for event in events if event.customer_id == customer]):
            state, _ = advance(fold, state, event)
        _, at_once = fold.expire(state, NEVER)
        one_by_one = []
        while (due := fold.deadline(state)) is not None:
            state, done = fold.expire(state, due)
            one_by_one += done
            assert fold.deadline(state) is None or fold.deadline(state) > due
        assert Counter(map(row, one_by_one)) == Counter(map(row, at_once))


@given(events=bank_arrivals(most=40))
@settings(FEW, max_examples=5)
def test_fused_and_chained_make_the_same_decisions(events):
    expected = plain(PLAN.load().fold("decide"), events, in_order=True)
    for decide in COMPOSITIONS.values():
        assert _decided(decide, _created(events), BOUNDED) == expected


@pytest.mark.parametrize("decide", COMPOSITIONS.values(), ids=COMPOSITIONS)
def test_busy_days_are_decided_alike_and_accounted_for(decide):
    events = busy_days(600)
    outputs, accounts = _decided(decide, _created(events), BOUNDED)
    assert (outputs, accounts) == plain(PLAN.load().fold("decide"), events, in_order=True)
    made = Counter(name for name, _ in outputs.elements())
    assert all(made[contract.__name__] for contract in DECIDE.values()), made
    assert sum(accounts.values()) == len(events)
    assert (accounts[Counted.DECIDED], accounts[Counted.DEAD]) == (made["Decision"], made["DeadLetter"])


@pytest.mark.parametrize("decide", COMPOSITIONS.values(), ids=COMPOSITIONS)
def test_live_events_in_order_are_decided_as_a_replay_would(decide):
    events = _in_order(busy_days(40, customers=3))

    def source(pipeline: beam.Pipeline) -> Events:
        live = pipeline | _live(events)
        return Events(
            live["signals"] | "Signals" >> beam.Map(_same).with_output_types(Signal),
            live["outcomes"] | "Outcomes" >> beam.Map(_same).with_output_types(Outcome),
        )

    assert _decided(decide, source, STREAMING) == plain(PLAN.load().fold("decide"), events)


def _live(events: Sequence[Event]) -> TestStream:
    """Each event when it happens, and event time with them: timers fire between events."""
    live = TestStream(coder=beam.coders.PickleCoder(), output_tags={"signals", "outcomes"})
    now = None
    for event in events:
        second = micros(event.occurred_at) // 1_000_000
        if second != now:
            now = second
            live = live.advance_watermark_to(second, "signals").advance_watermark_to(second, "outcomes")
        live = live.add_elements([event], "signals" if isinstance(event, Signal) else "outcomes")
    return live.advance_watermark_to_infinity("signals").advance_watermark_to_infinity("outcomes")


def _same(event: Event) -> Event:
    return event


def test_worker_processes_decide_the_same(monkeypatch):
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root), str(root / "tests")]))
    monkeypatch.chdir(root)
    events = busy_days(200)
    flags = ["--runner=DirectRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    fold = PLAN.load().fold("decide")
    outputs = bounded(PLAN.fold("decide"), DECIDE, keyed(fold, events), flags=flags)
    assert outputs == plain(fold, events, in_order=True)
