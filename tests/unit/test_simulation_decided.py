"""The simulated bank with the real fold in the loop: its files, read again, give the very same decisions."""

from collections import Counter, defaultdict
from functools import cache

import numpy as np
import pytest
from uk_bank import FOLDER

from models.decoding import Decoder, Rejection
from models.folds import Counted, fold_events
from models.plan.compiled import Plan
from models.simulation import Simulation, SimulationConfig
from models.simulation.feeds import arrivals_of
from models.simulation.manifest import Manifest
from models.simulation.spoiling import SPOILERS
from models.simulation.truth import DRIVERS, drivers_of, topic_of
from models.times import micros
from schemas import DeadLetter, Decision, MessageClass, Outcome, Signal

CONFIG = SimulationConfig(
    customers=80, days=3, seed=21, duplicates=0.05, late=0.1, malformed=0.05, unattributed=0.01
)
CONTRACTS = {"signals": Signal, "outcomes": Outcome}


@cache
def plan():
    return Plan.load(FOLDER)


@cache
def decoders():
    return {stream: Decoder(contract, plan().spec) for stream, contract in CONTRACTS.items()}


@cache
def bank():
    simulation = Simulation(CONFIG, plan().spec, plan().decide_fold())
    told = tuple(simulation.customers())
    return simulation, told


@cache
def replayed(number):
    """What a bounded run makes of one customer's lines (decoded, sorted, folded), and what it cannot read."""
    told = bank()[1][number]
    fold = plan().decide_fold()
    read = [(a, decoders()[a.stream].decode(a.payload)) for a in arrivals_of(told, CONFIG)]
    good = sorted((event for _, event in read if not isinstance(event, Rejection)), key=fold.order)
    return list(fold_events(fold, good)), [(a, r) for a, r in read if isinstance(r, Rejection)]


def test_the_files_read_again_give_the_very_decisions_of_the_loop():
    for told in bank()[1]:
        decided = {
            d.decision_id: d for d in replayed(told.person.customer.number)[0] if isinstance(d, Decision)
        }
        for decision, response in told.responses:
            again = decided[decision.decision_id]
            assert again.offers == decision.offers
            assert again.ranked == decision.ranked
            assert again.context.features == decision.context.features
            assert response.offer in again.offers
        assert len(decided) == told.counted["decided"]


def test_the_manifest_foretells_the_accounting_of_a_run():
    simulation, customers = bank()
    manifest, counted, inputs = Manifest(simulation), Counter(), 0
    for told in customers:
        manifest.tell(told)
        for arrival in arrivals_of(told, CONFIG):
            manifest.line(arrival)
            inputs += 1
        outputs, rejected = replayed(told.person.customer.number)
        counted.update(output.value for output in outputs if isinstance(output, Counted))
        counted["dead_letters"] += len(rejected)
    assert manifest.contents()["accounting"] == {"inputs": inputs, **counted}
    assert inputs == counted.total()


def test_every_spoiled_line_is_refused_for_the_reason_stated_and_no_other_is():
    reasons, seen = {reason.value for reason, _ in SPOILERS.values()}, Counter()
    for told in bank()[1]:
        lines = list(arrivals_of(told, CONFIG))
        for arrival in lines:
            read = decoders()[arrival.stream].decode(arrival.payload)
            spoiled = arrival.mark in reasons
            assert isinstance(read, Rejection) == spoiled, (arrival.mark, read)
            if spoiled:
                assert read.reason.value == arrival.mark
                seen[arrival.mark] += 1
    assert set(seen) == reasons


def test_only_strays_and_answers_after_the_response_window_are_dead():
    letters = Counter(
        output.reason.value
        for told in bank()[1]
        for output in replayed(told.person.customer.number)[0]
        if isinstance(output, DeadLetter)
    )
    assert set(letters) == {"unattributed_outcome"}


DECLARED = {"interest": "views_{topic}_7d", "mood": "sentiment_30d", "fatigue": "impressions_7d"}


@pytest.mark.parametrize("driver", DECLARED)
def test_drivers_are_the_declared_features(driver):
    columns = plan().table.columns
    compared = 0
    for told in bank()[1]:
        for decision, response in told.responses:
            topic = topic_of(response.offer.group)
            feature = decision.context.features[columns.index(DECLARED[driver].format(topic=topic))]
            # The person has seen more by now; what they saw up to the decision is in the features.
            at = micros(decision.decided_at)
            value = drivers_of(told.person, response.offer.group, at)[DRIVERS.index(driver)]
            expected = feature if driver == "mood" else np.log1p(feature)
            assert value == pytest.approx(expected, abs=1e-9)
            compared += 1
    assert compared > 300


def test_permission_wins_over_everything():
    for told in bank()[1]:
        for decision, response in told.responses:
            if response.offer.message_class is not MessageClass.MARKETING:
                continue
            known = decision.context.customer
            assert known["consent_marketing"]
            assert not known["bereaved"]
            assert not known["breathing_space"]
            assert response.offer.channel != "email" or known["consent_email"]
            assert response.offer.channel != "sms" or known["consent_sms"]


def test_what_the_plan_offers_is_varied():
    offered, issues = Counter(), defaultdict(int)
    for told in bank()[1]:
        for _, response in told.responses:
            offered[response.offer.action] += 1
            issues[response.offer.issue] += 1
    assert len(offered) >= 35
    assert set(issues) == set(plan().spec.issues)
    assert max(issues.values()) < 0.6 * sum(issues.values())
