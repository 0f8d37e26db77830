"""Hosts of plans whose customers share capacity: one group where input is bounded, one book per process elsewhere."""

import os
import threading
from collections import Counter
from collections.abc import Sequence
from functools import partial

import apache_beam as beam
import msgspec
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from capacity_days import MIDNIGHT, PATH, PLAN, SOURCE, days
from hosting import BOUNDED, STREAMING, collect, collected, row

from models.folds import Counted, advance, fold_together
from models.times import DAY
from models.volumes import VolumeBook
from schemas import Decision, Outcome, Signal
from transforms import plan_source
from transforms.decide import DecideChained, DecideNextBestAction
from transforms.plan_source import PlanSource
from transforms.session_context import Events

COMPOSITIONS = {"fused": DecideNextBestAction, "chained": partial(DecideChained, inline=True)}


def decided(decide, source: PlanSource, events: Sequence, folder, flags=BOUNDED) -> Counter:
    """What a composition makes of events, as types and bytes."""
    with beam.Pipeline(options=PipelineOptions(list(flags))) as pipeline:
        signals = [event for event in events if isinstance(event, Signal)]
        outcomes = [event for event in events if isinstance(event, Outcome)]
        inputs = Events(
            pipeline | "Signals" >> beam.Create(signals).with_output_types(Signal),
            pipeline | "Outcomes" >> beam.Create(outcomes).with_output_types(Outcome),
        )
        for tag, outputs in (inputs | decide(source))._asdict().items():
            collect(outputs, tag, str(folder))
    return collected(str(folder))


def together(events) -> Counter:
    fold = PLAN.decide_fold()
    keyed = [(event.customer_id, event) for event in events]
    return Counter(row(out) for out in fold_together(fold, keyed) if not isinstance(out, Counted))


@pytest.mark.parametrize("decide", COMPOSITIONS.values(), ids=COMPOSITIONS)
def test_bounded_input_is_folded_as_one_group_in_the_order_of_event_time(decide, tmp_path):
    events = days(1, customers=120, step=DAY // 96)
    assert decided(decide, SOURCE, events[::-1], tmp_path) == together(events)


def test_worker_processes_cannot_share_a_group(tmp_path, monkeypatch):
    root = PATH.parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root), str(root / "tests")]))
    monkeypatch.chdir(root)
    flags = ["--runner=DirectRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    events = days(1, customers=80)
    assert decided(DecideNextBestAction, SOURCE, events[::-1], tmp_path, flags) == together(events)


def test_a_second_run_in_the_same_process_starts_from_nothing(tmp_path):
    events = days(2, customers=40)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first = decided(DecideNextBestAction, SOURCE, events, tmp_path / "one")
    assert decided(DecideNextBestAction, SOURCE, events, tmp_path / "two") == first


def test_a_plan_without_volume_constraints_keeps_its_steps():
    def steps(path):
        pipeline = beam.Pipeline(options=PipelineOptions(list(BOUNDED)))
        inputs = Events(
            pipeline | "Signals" >> beam.Create([]).with_output_types(Signal),
            pipeline | "Outcomes" >> beam.Create([]).with_output_types(Outcome),
        )
        _ = inputs | "Decide" >> DecideNextBestAction(PlanSource(str(path)))
        names = {proto.unique_name for proto in pipeline.to_runner_api().components.transforms.values()}
        return {name.removeprefix("Decide/") for name in names if name.startswith("Decide/FoldPerKey/")}

    plain, sharing = steps(PATH.parent / "small"), steps(PATH)
    assert {name for name in sharing - plain if name.count("/") == 1} == {"FoldPerKey/KeyTogether"}
    assert not [name for name in plain if "Together" in name]


@pytest.fixture
def own_process(monkeypatch):
    """As a process that has just started."""
    monkeypatch.setattr(plan_source, "_books", {})
    monkeypatch.setattr(plan_source, "_handles", {})


@pytest.mark.usefixtures("own_process")
def test_all_folds_of_a_process_share_one_book_and_fresh_ones_have_their_own():
    source = PlanSource(str(PATH), past="nothing")
    decide, ledger, fresh = source.fold("decide"), source.fold("ledger"), source.fold("decide").fresh()
    views = [event for event in days(3, customers=30) if isinstance(event, Signal)]

    def offered(fold):
        found = []
        for event in views:
            _, outputs = advance(fold, fold.initial(), event)
            found += [len(out.offers) for out in outputs if isinstance(out, Decision)]
        return found

    alone, again = offered(fresh), offered(source.fold("decide").fresh())
    assert alone == again
    shared = plan_source._shared(source.load().plan, "nothing").book
    assert offered(decide()) == alone
    used = [price.left for price in shared.quote(MIDNIGHT).prices]
    assert used
    assert used != [price.left for price in VolumeBook.of(PLAN.spec).quote(MIDNIGHT).prices]
    assert ledger.turn() is decide.turn()


@pytest.mark.usefixtures("own_process")
def test_threads_never_exceed_capacity_together():
    source = PlanSource(str(PATH), past="nothing")
    views = [event for event in days(4, customers=400, length=DAY) if isinstance(event, Signal)]
    fold, turn, made = source.fold("decide")(), source.fold("decide").turn(), []

    def work(own):
        for event in own:
            with turn:
                _, outputs = advance(fold, fold.initial(), event)
            made.extend(out for out in outputs if isinstance(out, Decision))

    threads = [threading.Thread(target=work, args=(views[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    offers = [offer for decision in made for offer in decision.offers]
    assert len(made) == len(views)
    assert sum(offer.action == "call-us" for offer in offers) <= 12
    governed = sum(offer.message_class == "marketing" and offer.action != "leaflet" for offer in offers)
    assert 0 < governed <= 60


@pytest.mark.usefixtures("own_process")
@pytest.mark.parametrize("past", ["nothing", "unknown"])
def test_on_unbounded_input_a_process_that_does_not_know_what_was_spent_offers_nothing_scarce(past, tmp_path):
    events = days(5, customers=40, length=DAY)
    source = PlanSource(str(PATH), past=past)
    decide = partial(DecideNextBestAction, host="stateful")
    found = decided(decide, source, events, tmp_path, STREAMING)
    plan_actions = ("letter", "call-us")
    offers = [
        offer["action"]
        for name, data in found.elements()
        if name == "Decision"
        for offer in msgspec.msgpack.decode(data)["offers"]
    ]
    assert any(action in plan_actions for action in offers) == (past == "nothing")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--runner=PrismRunner"], "PrismRunner has many"),
        (
            ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=3"],
            "not by 3",
        ),
    ],
)
def test_unbounded_input_is_refused_where_several_processes_would_each_spend_all(flags, said):
    pipeline = beam.Pipeline(options=PipelineOptions(flags))
    inputs = Events(
        pipeline | "Signals" >> beam.Create([]).with_output_types(Signal),
        pipeline | "Outcomes" >> beam.Create([]).with_output_types(Outcome),
    )
    with pytest.raises(ValueError, match=said):
        inputs | DecideNextBestAction(SOURCE, host="stateful")
