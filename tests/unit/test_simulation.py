"""The simulated bank: the same for a seed, plausible, readable, and true to its response model."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from random_decider import RandomDecider
from uk_bank import spec

from models.decoding import Decoder
from models.simulation import Simulation, SimulationConfig, write
from models.simulation.draws import generator, pick
from models.simulation.feeds import arrivals_of, record_of
from models.simulation.responses import respond
from models.simulation.spoiling import SPOILERS
from models.simulation.strays import is_stray
from models.times import DAY, micros
from schemas import Outcome, OutcomeKind, Signal

SMALL = SimulationConfig(customers=40, days=2, seed=5)


def simulation(config=SMALL):
    return Simulation(config, spec(), RandomDecider(spec()))


@cache
def bank():
    """300 customers over four days; most tests read it."""
    return tuple(simulation(SimulationConfig(customers=300, days=4, seed=11)).customers())


def signals(kind=None):
    return [e for told in bank() for e in told.events if isinstance(e, Signal) and kind in {None, e.type}]


def outcomes():
    return [e for told in bank() for e in told.events if isinstance(e, Outcome)]


# ---------------------------------------------------------------- the same again


def test_a_simulation_gives_the_same_lines_again():
    first, again = ([a.payload for a in simulation().arrivals()] for _ in range(2))
    assert first == again
    assert len(first) > 500


def test_another_seed_is_another_bank():
    other = Simulation(SimulationConfig(customers=40, days=2, seed=6), spec(), RandomDecider(spec()))
    assert [a.payload for a in simulation().arrivals()] != [a.payload for a in other.arrivals()]


def test_a_customer_is_the_same_however_many_others_there_are():
    few = Simulation(SimulationConfig(customers=3, days=2, seed=5), spec(), RandomDecider(spec()))
    many = simulation()
    for one, same in zip(few.customers(), many.customers(), strict=False):
        assert one.events == same.events
        assert list(arrivals_of(one, few.config)) == list(arrivals_of(same, many.config))


def test_the_first_days_do_not_depend_on_how_many_follow():
    short, long = (
        [e for told in Simulation(config, spec()).customers() for e in told.events]
        for config in (SimulationConfig(customers=50, days=days, seed=5) for days in (2, 9))
    )
    assert short == [event for event in long if micros(event.occurred_at) < SMALL.ends]


def test_writing_gives_the_lines_of_the_iterator_in_the_same_order(tmp_path, monkeypatch):
    monkeypatch.setattr("models.simulation.writing._BLOCK", 7)  # several runs to merge
    write(simulation(), tmp_path)
    for stream in ("signals", "outcomes"):
        expected = b"".join(a.payload + b"\n" for a in simulation().arrivals() if a.stream == stream)
        assert (tmp_path / f"{stream}.jsonl").read_bytes() == expected


# ---------------------------------------------------------------- events are in order, and readable


def test_events_come_in_time_order_and_within_the_period():
    begins, ends, closes = (
        SimulationConfig(days=4).begins,
        SimulationConfig(days=4).ends,
        SimulationConfig(days=4).closes,
    )
    for told in bank():
        keys = [
            (micros(e.occurred_at), isinstance(e, Outcome), getattr(e, "signal_id", None) or e.outcome_id)
            for e in told.events
        ]
        assert keys == sorted(keys)
        assert all(begins <= at < (closes if outcome else ends) for at, outcome, _ in keys)


def test_every_event_has_an_id_of_its_own():
    ids = Counter(getattr(e, "signal_id", None) or e.outcome_id for told in bank() for e in told.events)
    assert [name for name, count in ids.items() if count > 1] == []


def test_the_first_event_of_a_customer_is_their_profile():
    for told in bank():
        first = told.events[0]
        assert first.type == "profile"
        assert set(first.profile) <= set(spec().vocabulary.customer)


def test_a_good_line_reads_back_as_the_very_event():
    for told in bank()[:60]:
        config = SimulationConfig(seed=11, duplicates=0, malformed=0, late=0)
        for event, arrival in zip(told.events, arrivals_of(told, config), strict=True):
            assert msgspec.json.decode(arrival.payload, type=type(event)) == event


def test_signals_speak_the_vocabulary_of_the_plan():
    plan = spec()
    vocabulary = plan.vocabulary
    for signal in signals():
        assert signal.type in vocabulary.signal_types
        assert signal.page is None or signal.page in vocabulary.pages
        assert signal.channel in plan.channels
        assert signal.brand in plan.brands
        assert set(signal.placements) <= set(plan.placements)
        _assert_declared(signal.attributes, vocabulary.attributes)
        _assert_declared(signal.profile or {}, vocabulary.customer)


_TYPES = {"integer": int, "number": (int, float), "string": str, "boolean": bool, "strings": tuple}


def _assert_declared(facts, declared):
    for name, value in facts.items():
        field = declared[name]
        if value is None:
            continue
        assert isinstance(value, _TYPES[field.type]), (name, value)
        values = value if isinstance(value, tuple) else (value,)
        assert not field.one_of or set(values) <= set(field.one_of), (name, value)
        assert field.minimum is None or value >= field.minimum, (name, value)
        assert field.maximum is None or value <= field.maximum, (name, value)


# ---------------------------------------------------------------- a plausible bank


def test_population_looks_like_a_retail_bank():
    facts = [told.events[0].profile for told in bank()]
    share = {
        name: np.mean([bool(fact[name]) for fact in facts])
        for name in ("consent_marketing", "vulnerable", "app_registered")
    }
    assert 0.75 < share["consent_marketing"] < 0.95
    assert 0.02 < share["vulnerable"] < 0.15
    assert 0.7 < share["app_registered"] < 0.95
    assert min(fact["age"] for fact in facts) > 16
    assert {brand for fact in facts for brand in fact["brands"]} == set(spec().brands)


def test_permissions_are_consistent():
    for told in bank():
        fact = told.events[0].profile
        assert fact["consent_marketing"] or not (fact["consent_email"] or fact["consent_sms"])


def test_nobody_under_age_borrows():
    borrowed = {"credit_card", "personal_loan", "mortgage"}
    facts = [told.events[0].profile for told in simulation(SimulationConfig(customers=400)).customers()]
    assert [f["age"] for f in facts if f["age"] < 18 and borrowed & set(f["holdings"])] == []


def test_people_visit_by_day_and_sleep_at_night():
    hours = Counter(signal.occurred_at.hour for signal in signals("login"))
    night, day = sum(hours[h] for h in range(1, 5)), sum(hours[h] for h in range(8, 21))
    assert day > 20 * night


def test_visits_span_channels_and_devices():
    devices = {signal.device_id for signal in signals("page_view")}
    by_customer = Counter(device.split("-")[0] for device in devices)
    assert max(by_customer.values()) >= 2
    assert {signal.channel for signal in signals("page_view")} == {"web", "app"}


def test_an_application_is_finished_or_noticed_as_abandoned():
    started, completed = len(signals("application_started")), len(signals("application_completed"))
    abandoned = len(signals("application_abandoned"))
    assert started > 10
    assert started - 3 <= completed + abandoned <= started  # the last may outlive the period
    assert abandoned > completed / 2


def test_conversations_say_what_they_were_about():
    for kind in ("call", "webchat"):
        for signal in signals(kind):
            assert {"intent", "sentiment", "duration_s", "topic"} <= set(signal.attributes)
    assert len(signals("call_started")) >= len(signals("call")) > 0


def test_complaints_are_unhappier_than_the_rest():
    config = SimulationConfig(customers=800, days=6, seed=3, visits_per_day=0, card_payments_per_day=0)
    talks = [
        event.attributes
        for told in Simulation(config, spec()).customers()
        for event in told.events
        if "sentiment" in event.attributes
    ]
    moods = {
        complaint: np.mean([t["sentiment"] for t in talks if (t["intent"] == "complaint") == complaint])
        for complaint in (True, False)
    }
    assert moods[True] < moods[False] - 0.3


def test_interest_shows_in_what_people_look_at():
    views = [
        (told.person.customer.hidden.interest["savings"], sum(t == "savings" for _, t in told.person.looked))
        for told in bank()
    ]
    assert np.corrcoef(np.array(views).T)[0, 1] > 0.2


def test_life_events_change_what_the_bank_knows():
    config = SimulationConfig(customers=400, days=30, seed=2, visits_per_day=0, card_payments_per_day=0)
    changed = Counter(
        name
        for told in Simulation(config, spec()).customers()
        for event in told.events[1:]
        if isinstance(event, Signal) and event.type == "profile"
        for name in event.profile
    )
    assert {"bereaved", "complaint_open", "consent_marketing"} <= set(changed)


# ---------------------------------------------------------------- the closed loop


def test_every_outcome_answers_an_offer_that_was_made_or_is_a_stray():
    for told in bank():
        made = {(d.decision_id, r.offer.rank): (d, r.offer) for d, r in told.responses}
        actions = {offer.action for _, offer in made.values()}
        for outcome in (e for e in told.events if isinstance(e, Outcome) and not is_stray(e)):
            if outcome.decision_id is None:
                assert outcome.kind is OutcomeKind.CONVERSION
                assert outcome.action in actions
            else:
                decision, offer = made[outcome.decision_id, outcome.rank]
                assert outcome.action == offer.action
                assert outcome.occurred_at > decision.decided_at


def test_nothing_is_offered_and_nothing_answered_without_a_fold():
    config = SimulationConfig(customers=30, days=2, seed=5, unattributed=0)
    for told in Simulation(config, spec()).customers():
        assert told.responses == []
        assert told.counted == {}
        assert all(isinstance(event, Signal) for event in told.events)


def test_answers_follow_their_truth():
    answers = [response for told in bank() for _, response in told.responses]
    for low, high in ((0.0, 0.05), (0.05, 0.15), (0.15, 1.0)):
        chosen = [r for r in answers if low <= r.answer.positive < high]
        expected = np.array([r.answer.positive for r in chosen])
        seen = np.array([r.positive for r in chosen])
        sigma = np.sqrt(np.sum(expected * (1 - expected)))
        assert len(chosen) > 200
        assert abs(seen.sum() - expected.sum()) < 4 * sigma


def test_being_noticed_follows_its_truth_and_fades_by_position():
    answers = [r for told in bank() for _, r in told.responses if r.offer.placement == "app_home_carousel"]
    rates = []
    for slot in (1, 2, 3):
        chosen = [r for r in answers if r.offer.slot == slot]
        expected = np.array([r.answer.notices for r in chosen])
        noticed = np.mean([r.noticed for r in chosen])
        assert abs(noticed - expected.mean()) < 4 * np.sqrt(np.mean(expected * (1 - expected)) / len(chosen))
        rates.append(noticed)
    assert rates[0] > rates[1] > rates[2]


def test_drivers_can_tell_who_says_yes():
    answers = [response.answer for told in bank() for _, response in told.responses]
    parts = {
        name: np.std([getattr(answer, name) for answer in answers])
        for name in ("base", "drivers", "taste", "place", "repeat")
    }
    assert parts["drivers"] > 0.5
    assert parts["drivers"] > parts["taste"] > 0.2


def test_the_same_offer_gets_the_same_answer_whichever_plan_made_it():
    told = next(t for t in bank() if len(t.responses) > 3)
    decision, response = told.responses[0]

    model = simulation(SimulationConfig(customers=300, days=4, seed=11)).model
    renamed = msgspec.structs.replace(decision, decision_id="of-another-plan")
    fresh = simulation(SimulationConfig(customers=300, days=4, seed=11))
    person = next(t for t in fresh.customers() if t.person.customer == told.person.customer).person
    one, other = (respond(model, person, d, response.offer, 11, 0.2) for d in (decision, renamed))
    assert one.answer == other.answer
    assert [o.occurred_at for o in one.outcomes] == [o.occurred_at for o in other.outcomes]


def test_a_click_opens_the_page_and_a_conversion_changes_the_holdings():
    opened = [s for s in signals("page_view") if s.signal_id.endswith(".page")]
    clicks = [
        o for o in outcomes() if o.kind is OutcomeKind.CLICKED and o.channel in {"web", "app"} and o.action
    ]
    assert abs(len(opened) - len(clicks)) <= 2  # the last clicks may outlive the period
    gained = [s for s in signals("profile") if s.signal_id.endswith(".facts") and "holdings" in s.profile]
    assert gained


def test_the_fold_sees_each_event_once():
    for told in bank():
        assert sum(told.counted.values()) == len(told.events)


# ---------------------------------------------------------------- the feeds


@cache
def noisy():
    config = SimulationConfig(
        customers=400, days=2, seed=9, duplicates=0.05, late=0.1, malformed=0.03, unattributed=0.02
    )
    told = tuple(simulation(config).customers())
    return config, told, [a for one in told for a in arrivals_of(one, config)]


@pytest.mark.parametrize("rate", ["duplicates", "late", "malformed"])
def test_noise_comes_at_the_stated_rate(rate):
    config, told, lines = noisy()
    events = sum(len(one.events) for one in told)
    marks = Counter(line.mark for line in lines)
    seen = {"duplicates": marks["duplicate"], "late": marks["late"]}
    seen["malformed"] = sum(marks[reason] for reason in {reason.value for reason, _ in SPOILERS.values()})
    expected = getattr(config, rate) * events
    assert abs(seen[rate] - expected) < 4 * np.sqrt(expected)


def test_strays_come_at_the_stated_rate():
    config, told, _ = noisy()
    events = [event for one in told for event in one.events]
    stray = sum(isinstance(e, Outcome) and is_stray(e) for e in events)
    # Profile signals of the first moment and reactions are not followed by strays.
    followed = sum(isinstance(e, Signal) and e.signal_id.count("-") == 2 for e in events)
    expected = config.unattributed * followed
    assert abs(stray - expected) < 4 * np.sqrt(expected) + 0.02 * followed * config.unattributed


def test_good_lines_are_all_there_whatever_the_noise():
    _, told, lines = noisy()
    good = sorted(line.payload for line in lines if line.mark in {"good", "late"})
    assert len(good) == sum(len(one.events) for one in told)
    repeated = {line.payload for line in lines if line.mark == "duplicate"}
    assert repeated <= set(good)


def test_noise_changes_no_event():
    clean = SimulationConfig(customers=20, days=2, seed=5, duplicates=0, late=0, malformed=0)
    noise = SimulationConfig(customers=20, days=2, seed=5, duplicates=0.5, late=0.5, malformed=0.5)
    for one, same in zip(simulation(clean).customers(), simulation(noise).customers(), strict=True):
        assert one.events == same.events


def test_late_lines_arrive_after_later_ones():
    _, _, lines = noisy()
    order = sorted((line for line in lines if line.mark in {"good", "late"}), key=lambda a: a.arrives_at)
    times = [json.loads(line.payload)["occurred_at"] for line in order]
    assert times != sorted(times)


@pytest.mark.parametrize("name", SPOILERS)
def test_a_spoiled_line_is_one_line_refused_for_the_reason_it_names(name):
    reason, spoil = SPOILERS[name]
    for contract, event in ((Signal, signals("page_view")[0]), (Outcome, outcomes()[0])):
        broken = spoil(record_of(event))
        assert b"\n" not in broken
        assert Decoder(contract, spec()).decode(broken).reason is reason


# ---------------------------------------------------------------- the files


def test_the_manifest_counts_what_the_files_hold(tmp_path):
    manifest = write(simulation(), tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_bytes()) == manifest
    for stream in ("signals", "outcomes"):
        lines = (tmp_path / f"{stream}.jsonl").read_bytes().count(b"\n")
        noise = manifest["duplicates"][stream] + sum(manifest["malformed"][stream].values())
        assert manifest["lines"][stream] == lines == sum(manifest[stream].values()) + noise


def test_the_accounting_adds_up(tmp_path):
    accounting = write(simulation(), tmp_path)["accounting"]
    parts = ("decided", "observed", "duplicates", "dead_letters")
    assert accounting["inputs"] == sum(accounting[part] for part in parts)


def test_the_truth_has_a_row_for_every_offer_and_customer(tmp_path):
    manifest = write(simulation(), tmp_path)
    answers = pq.read_table(tmp_path / "truth" / "answers.parquet").to_pandas()
    assert len(answers) == manifest["lives"]["offers"]
    assert answers.positive.sum() == manifest["lives"]["positive"]
    parts = answers[["logit_base", "logit_drivers", "logit_taste", "logit_place", "logit_repeat"]].sum(axis=1)
    assert np.allclose(1 / (1 + np.exp(-parts)), answers.p_says_yes)
    assert np.allclose(answers.p_arrives * answers.p_notices * answers.p_says_yes, answers.p_positive)
    assert pq.read_table(tmp_path / "truth" / "customers.parquet").num_rows == 40
    assert pq.read_table(tmp_path / "truth" / "coefficients.parquet").num_rows == len(spec().actions)


def test_nothing_but_the_files_is_left_behind(tmp_path):
    write(simulation(), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "manifest.json", "outcomes.jsonl", "signals.jsonl", "truth"
    ]  # fmt: skip


def test_an_empty_bank_can_be_written(tmp_path):
    manifest = write(simulation(SimulationConfig(customers=0)), tmp_path)
    assert manifest["lines"] == {"signals": 0, "outcomes": 0}


# ---------------------------------------------------------------- configuration and draws


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"duplicates": 1.5}, "duplicates=1.5 cannot be simulated: it must be between 0 and 1"),
        ({"customers": -1}, "customers=-1 cannot be simulated: it must be 0 or more"),
        ({"start": datetime(2026, 3, 2)}, "must be a time with an offset"),  # noqa: DTZ001
        ({"settle": timedelta(seconds=-1)}, "must be 0 or more"),
        ({"visits_per_day": float("nan")}, "visits_per_day=nan cannot be simulated"),
    ],
)
def test_what_cannot_be_simulated_is_refused(change, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        SimulationConfig(**change)


def test_days_begin_when_the_configuration_says():
    start = datetime(2026, 7, 1, 6, 30, tzinfo=UTC)
    config = SimulationConfig(customers=20, days=1, seed=1, start=start)
    times = [micros(e.occurred_at) for told in Simulation(config, spec()).customers() for e in told.events]
    assert micros(start) <= min(times)
    assert max(times) < micros(start) + 2 * DAY


def test_draws_depend_on_their_name_only():
    assert generator(1, "a", 2).random() == generator(1, "a", 2).random()
    assert generator(1, "a", 2).random() != generator(1, "a2").random()
    assert generator(1, "a").random() != generator(2, "a").random()


def test_picking_follows_the_weights():
    draws = generator(1, "pick")
    picked = Counter(pick(draws, {"a": 3.0, "b": 1.0, "c": 0.0}) for _ in range(4_000))
    assert picked["c"] == 0
    assert abs(picked["a"] / 4_000 - 0.75) < 0.03
