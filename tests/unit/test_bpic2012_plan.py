"""The plan for the loan process of the BPI Challenge 2012: one application as a story, then the real log."""

from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby

import pyarrow.parquet as pq
import pytest
from realdata import data_dir

from models.decoding import Decoder
from models.folds import Counted, fold_events
from models.mapping import load_mapping
from models.plan.compiled import Plan
from models.plan.expressions import compile_triggers
from models.times import duration, micros
from pipelines.locate import find_mapping, find_plan
from schemas import DeadLetter, Decision, Feedback, SessionContext, Signal

# Day, time, activity and lifecycle of an application that takes the usual way and needs patience.
STORY = """
0 09:00 A_SUBMITTED COMPLETE                     > customer_message: confirm-receipt
0 09:01 A_PARTLYSUBMITTED COMPLETE
0 09:05 A_PREACCEPTED COMPLETE                   > call_list: call-to-complete; customer_message: ask-missing-documents, how-it-goes-on
0 09:06 W_Completeren aanvraag SCHEDULE
1 10:00 W_Completeren aanvraag START
1 10:10 A_ACCEPTED COMPLETE
1 10:11 O_SELECTED COMPLETE
1 10:11 A_FINALIZED COMPLETE
1 10:12 O_CREATED COMPLETE
1 10:13 O_SENT COMPLETE                          > customer_message: explain-offer
1 10:14 W_Nabellen offertes SCHEDULE             > call_list: remind-open-offer
1 10:15 W_Completeren aanvraag COMPLETE          >
2 15:00 W_Nabellen offertes START
2 15:05 W_Nabellen offertes COMPLETE             > call_list: remind-open-offer
9 11:00 W_Nabellen offertes START
9 11:05 W_Nabellen offertes COMPLETE             > call_list: remind-open-offer; desk_task: improve-offer; customer_message: sign-online
12 09:00 O_SENT_BACK COMPLETE
12 09:01 W_Valideren aanvraag SCHEDULE           > desk_task: speed-up-validation; customer_message: confirm-papers
12 10:00 W_Valideren aanvraag START
12 10:30 W_Nabellen incomplete dossiers SCHEDULE > desk_task: call-incomplete-file; customer_message: ask-missing-documents
12 11:00 W_Valideren aanvraag COMPLETE
13 10:00 W_Nabellen incomplete dossiers START
13 10:09 W_Nabellen incomplete dossiers COMPLETE > desk_task: call-incomplete-file
15 09:00 O_ACCEPTED COMPLETE
15 09:00 A_ACTIVATED COMPLETE                    > customer_message: welcome, payment-protection
"""  # noqa: E501


@cache
def plan() -> Plan:
    return Plan.load(find_plan("bpic2012"))


@cache
def decoder() -> Decoder:
    mapping = load_mapping(find_mapping("bpic2012"))
    return Decoder(Signal, plan().spec, reshape=mapping.reshape)


def story_rows(amount=18_000):
    for seq, line in enumerate(STORY.strip().splitlines()):
        told, _, _ = line.partition(">")
        day, clock, *activity, lifecycle = told.split()
        at = datetime.fromisoformat(f"2012-01-09T{clock}:00+00:00") + timedelta(days=int(day))
        yield {
            "case_id": "200001",
            "seq": seq,
            "activity": " ".join(activity),
            "lifecycle": lifecycle,
            "timestamp": at,
            "amount_req": amount,
            "resource": "112",
        }


def offers_of(decision):
    """`placement: action, action; placement: action`, in the order of the decision."""
    grouped = groupby(decision.offers, lambda offer: offer.placement)
    return "; ".join(f"{place}: {', '.join(offer.action for offer in offers)}" for place, offers in grouped)


def told():
    return [line.partition(">")[2].strip() for line in STORY.strip().splitlines() if ">" in line]


def events_in_order(fold, events):
    return fold_events(fold, sorted(events, key=fold.order))


def test_an_application_is_accompanied_from_its_arrival_to_the_payout():
    outputs = list(events_in_order(plan().decide_fold(), map(decoder().decode_row, story_rows())))
    decisions = [output for output in outputs if isinstance(output, Decision)]
    assert [offers_of(decision) for decision in decisions] == told()
    answers = [(each.outcome, each.action) for each in outputs if isinstance(each, Feedback)]
    assert answers[:3] == [
        ("Accepted", "call-to-complete"),
        ("Accepted", "remind-open-offer"),
        ("Conversion", "speed-up-validation"),
    ]
    assert {outcome for outcome, _ in answers[3:]} == {"NoResponse"}
    assert sum(isinstance(output, SessionContext) for output in outputs) == 1
    assert not any(isinstance(output, DeadLetter) for output in outputs)


def test_while_fraud_is_suspected_nobody_sells():
    rows = list(story_rows())
    rows.insert(
        9,
        rows[8] | {"seq": 900, "activity": "W_Beoordelen fraude", "lifecycle": "SCHEDULE", "resource": None},
    )
    outputs = events_in_order(plan().decide_fold(), map(decoder().decode_row, rows))
    offered = {
        offer.action: offer.message_class
        for output in outputs
        if isinstance(output, Decision) and output.decided_at >= rows[9]["timestamp"]
        for offer in output.offers
    }
    assert {"check-fraud", "second-reader", "welcome"} <= offered.keys()
    assert "marketing" not in offered.values()


def test_small_loans_are_not_renegotiated():
    rows = story_rows(amount=3_000)
    outputs = events_in_order(plan().decide_fold(), map(decoder().decode_row, rows))
    offered = {offer.action for each in outputs if isinstance(each, Decision) for offer in each.offers}
    assert offered.isdisjoint({"improve-offer", "payment-protection"})


def test_what_the_log_answers_are_actions_of_the_plan():
    mapping = load_mapping(find_mapping("bpic2012")).spec
    assert set(mapping.tables["answered"].values()) <= {action.id for action in plan().spec.actions}
    assert set(mapping.tables["types"].values()) == set(plan().spec.vocabulary.signal_types)
    assert set(mapping.tables["kinds"]) == set(mapping.tables["answered"])


@pytest.fixture(scope="module")
def log():
    """The rows of the real log."""
    return pq.read_table(data_dir("bpic2012") / "events_first70.parquet").to_pylist()


@pytest.fixture(scope="module")
def events(log):
    return [decoder().decode_row(row) for row in log]


def test_every_event_of_the_log_is_what_the_plan_knows(events):
    made = Counter(type(event).__name__ for event in events)
    assert made == {"Signal": 175_331, "Outcome": 10_855}
    assert made.total() == 186_186


TRIGGERS = {
    ("A_SUBMITTED", "COMPLETE"): "application-submitted",
    ("W_Afhandelen leads", "SCHEDULE"): "lead-scheduled",
    ("A_PREACCEPTED", "COMPLETE"): "preaccepted",
    ("W_Completeren aanvraag", "COMPLETE"): "completion-call-ended",
    ("O_SENT", "COMPLETE"): "offer-sent",
    ("W_Nabellen offertes", "SCHEDULE"): "offer-call-scheduled",
    ("W_Nabellen offertes", "COMPLETE"): "offer-call-ended",
    ("W_Valideren aanvraag", "SCHEDULE"): "validation-scheduled",
    ("W_Nabellen incomplete dossiers", "SCHEDULE"): "incomplete-file-scheduled",
    ("W_Nabellen incomplete dossiers", "COMPLETE"): "incomplete-call-ended",
    ("W_Beoordelen fraude", "SCHEDULE"): "fraud-check-scheduled",
    ("W_Wijzigen contractgegevens", "SCHEDULE"): "contract-change-scheduled",
    ("A_DECLINED", "COMPLETE"): "declined",
    ("A_CANCELLED", "COMPLETE"): "cancelled",
    ("A_ACTIVATED", "COMPLETE"): "activated",
}


def test_every_waiting_point_of_the_log_is_a_trigger_and_nothing_else_is(log, events):
    assert set(TRIGGERS.values()) == {trigger.id for trigger in plan().spec.triggers}
    first_trigger = compile_triggers(plan().spec)
    found = [
        first.id if isinstance(event, Signal) and (first := first_trigger(event, {})) else None
        for event in events
    ]
    assert found == [TRIGGERS.get((row["activity"], row["lifecycle"])) for row in log]
    assert sum(1 for trigger in found if trigger) == 83_447


def test_real_applications_are_decided_at_every_waiting_point_within_the_limits(log, events):
    fold, cases = plan().decide_fold(), sorted({row["case_id"] for row in log})[::60]
    by_case = {case: [] for case in cases}
    for event in events:
        if event.customer_id in by_case:
            by_case[event.customer_id].append(event)
    tally, unattributed, asked = Counter(), 0, 0
    for case in cases:
        outputs = list(events_in_order(fold, by_case[case]))
        tally.update(output for output in outputs if isinstance(output, Counted))
        unattributed += sum(isinstance(output, DeadLetter) for output in outputs)
        calls = [
            micros(each.decided_at)
            for each in outputs
            if isinstance(each, Decision)
            for offer in each.offers
            if offer.channel == "phone"
        ]
        asked += len(calls)
        for most, per in ((2, "1d"), (4, "7d"), (10, "30d")):
            assert all(sum(end - duration(per) < at <= end for at in calls) <= most for end in calls), (
                f"case {case}: more than {most} calls per {per}"
            )
    triggers = {
        (row["case_id"], row["seq"]) for row in log if (row["activity"], row["lifecycle"]) in TRIGGERS
    }
    assert tally[Counted.DECIDED] == sum(case in by_case for case, _ in triggers)
    assert tally.total() == sum(map(len, by_case.values()))
    assert tally[Counted.DEAD] == unattributed <= 0.005 * tally.total()
    assert asked > 100
