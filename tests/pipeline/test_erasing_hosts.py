"""Erasures in both hosts and both compositions: the same records, counted the same, and state that is cleared."""

import json
from collections import Counter
from itertools import groupby
from unittest import mock

import msgspec
import pyarrow.parquet as pq
import pytest
from apache_beam.utils.timestamp import Timestamp
from bank_arrivals import PLAN
from erased_lives import lives, write_homes
from hosting import BOUNDED, Tally, bounded, empty_stream, keyed, plain, stream, streamed
from test_decide import COMPOSITIONS, DECIDE, _created, _decided
from test_fold_per_key import _Cell, _Timer
from test_household_steps import unnumbered

from models.erasure import CLOSED, ERASE
from models.folds import Counted, Noticed, fold_events
from models.observability import metrics
from models.times import NEVER, micros
from pipelines import cli
from schemas import Outcome, Signal
from transforms import fold_hosts
from transforms.fold_hosts import FoldStateFn
from transforms.metrics import NOTICES
from transforms.plan_source import PlanSource


@pytest.fixture(scope="module")
def homes(tmp_path_factory) -> PlanSource:
    """The small bank, with a limit for households."""
    return PlanSource(str(write_homes(tmp_path_factory.mktemp("homes"))))


def in_order(source: PlanSource, seed: int) -> list[Signal | Outcome]:
    loaded = source.load()
    fold = loaded.fold("decide")
    events = lives(loaded.plan, seed, erased=0.05)
    return sorted(events, key=lambda event: (fold.order(event), fold.encode_event(event)))


def erasures(events: list[Signal | Outcome]) -> list[Signal]:
    return [event for event in events if isinstance(event, Signal) and event.type == ERASE]


def test_both_hosts_agree_when_events_arrive_in_order():
    fold, events = PLAN.load().fold("decide"), in_order(PLAN, 5)
    rows, expected = keyed(fold, events), plain(fold, events)
    assert any(CLOSED.encode() in data for _, data in expected[0])
    assert sum(expected[1].values()) == len(events)
    assert bounded(PLAN.fold("decide"), DECIDE, rows) == expected
    assert bounded(PLAN.fold("decide"), DECIDE, rows, host="stateful") == expected
    assert streamed(PLAN.fold("decide"), DECIDE, stream(rows, 7)) == expected


def test_timers_that_fire_between_events_change_nothing():
    fold = PLAN.load().fold("decide")
    events = [event for event in in_order(PLAN, 6) if event.customer_id in ("c1", "c2")]
    assert erasures(events)
    source = empty_stream()
    for at_ms, together in groupby(events, key=lambda event: micros(event.occurred_at) // 1000):
        source = source.advance_watermark_to(Timestamp(micros=at_ms * 1000))
        source = source.add_elements(keyed(fold, list(together)))
    assert streamed(PLAN.fold("decide"), DECIDE, source.advance_watermark_to_infinity()) == plain(
        fold, events
    )


@pytest.mark.parametrize("decide", COMPOSITIONS.values(), ids=COMPOSITIONS)
def test_fused_and_chained_say_the_same(decide):
    events = in_order(PLAN, 7)
    assert _decided(decide, _created(events), BOUNDED) == plain(PLAN.load().fold("decide"), events)


def test_households_are_hosted_alike(homes):
    fold, events = homes.load().fold("decide"), in_order(homes, 5)
    rows, expected = keyed(fold, events), plain(fold, events)
    assert bounded(homes.fold("decide"), DECIDE, rows) == expected
    assert unnumbered(bounded(homes.fold("decide"), DECIDE, rows, host="stateful")) == unnumbered(expected)
    decided = _decided(COMPOSITIONS["chained"], _created(events), BOUNDED, plan=homes)
    assert unnumbered(decided) == unnumbered(expected)


def test_each_customer_who_is_erased_counts_once_beside_the_accounts():
    fold, events = PLAN.load().fold("decide"), in_order(PLAN, 5)
    again = [*events, *erasures(events)]
    outputs = [
        output
        for name in dict.fromkeys(event.customer_id for event in again)
        for output in fold_events(fold, [event for event in again if event.customer_id == name])
    ]
    expected = outputs.count(Noticed.ERASED)
    assert expected == len(erasures(events)) > 5
    tally = Tally()
    with mock.patch.object(fold_hosts, "NOTICES", {Noticed.ERASED: tally}):
        streamed(PLAN.fold("decide"), DECIDE, stream(keyed(fold, again), 7))
    assert tally.count == expected
    assert NOTICES[Noticed.ERASED].metric_name.name == metrics.NOTICED[Noticed.ERASED] == "customers_erased"
    assert Counter(isinstance(output, Counted) for output in outputs)[True] == len(again)


@pytest.mark.parametrize("source", ["small", "homes"])
def test_the_cell_of_who_was_erased_is_cleared_by_its_timer(source, homes):
    plans = {"small": PLAN, "homes": homes}[source]
    fold = plans.load().fold("decide")
    events = [event for event in in_order(plans, 5) if event.customer_id == "c0"]
    last = erasures(in_order(plans, 5))[0]
    fold_fn, cell, timer = FoldStateFn(plans.fold("decide"), DECIDE, "Decide", ()), _Cell(), _Timer()
    fold_fn.start_bundle()
    end = events[-1].occurred_at
    gone = Signal(
        signal_id="gone", customer_id="c0", household_id=events[-1].household_id, occurred_at=end,
        type=ERASE, channel=last.channel, brand=last.brand,
    )  # fmt: skip
    for row in keyed(fold, [*events, gone]):
        list(fold_fn.process(row, cell, timer))
    assert 0 < len(cell.value) < 500
    assert list(fold_fn.expire(Timestamp(micros=NEVER), cell, timer)) == []
    assert cell.value is None
    assert cell.calls[-1] == "clear"


@pytest.mark.parametrize("source", ["small", "homes"])
def test_a_run_with_erasures_is_accounted_for_and_replays_without_findings(source, homes, tmp_path, capsys):
    plan = {"small": PLAN, "homes": homes}[source].path
    events = lives(PlanSource(plan).load().plan, 5, erased=0.05)
    for kind, contract in (("signals", Signal), ("outcomes", Outcome)):
        lines = [msgspec.json.encode(event) for event in events if isinstance(event, contract)]
        (tmp_path / f"{kind}.jsonl").write_bytes(b"\n".join(lines))
    inputs = [f"--{kind}={tmp_path / kind}.jsonl" for kind in ("signals", "outcomes")]
    out = tmp_path / "run"
    assert cli.main(["run", "--quiet", *inputs, "--plan", plan, "--out", str(out)]) == 0
    capsys.readouterr()
    assert cli.main(["replay", str(out), "--jobs", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["found"] == {}
    assert report["decisions"] > 20
    records = pq.read_table(out / "feedback").column("feedback_id").to_pylist()
    assert any(name.endswith(f":{CLOSED}") for name in records)
