"""What the analysts' views say of a few rows: duplicates, late answers, nulls, and nothing at all."""

from datetime import date

import msgspec
import pytest
from analysed_rows import START, answer, ask, at, candidate, decision, letter, offer, some, visit

from pipelines.sql import VIEWS
from pipelines.sql.limits import PlanLimit
from schemas.dead_letter import Reason

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
SUMS = ("accounted_for", "freshness", "cost_assumptions")
"""Views with rows even where there are none."""


@pytest.mark.parametrize("view", sorted(VIEWS.keys() - set(SUMS)))
def test_nothing_gives_nothing(view):
    assert ask(view) == []


def test_nothing_is_accounted_for_and_not_fresh():
    assert some(ask("accounted_for"), "table_name", "row_count", "redelivered", "unmatched") == [
        ("dead_letters", 0, None, None),
        ("decisions", 0, 0, 0),
        ("feedback", 0, 0, 0),
        ("sessions", 0, 0, None),
    ]
    assert {row["age_s"] for row in ask("freshness")} == {None}


# Decisions and offers


def test_a_decision_that_came_twice_counts_once():
    made = decision("d", offers=[offer(), offer("loan")], ranked=[candidate("isa", 1), candidate("loan", 2)])
    assert some(ask("decisions_flat", made, made), "decision_id", "offers_made", "actions_ranked") == [
        ("d", 2, 2)
    ]
    assert some(ask("offers", made, made), "decision_id", "rank", "action") == [
        ("d", 1, "isa"),
        ("d", 2, "loan"),
    ]
    assert some(ask("funnel", made, made), "stage", "left_here") == [("Output", 2)]


def test_one_id_at_two_times_stays_two_and_is_reported():
    both = [decision("d"), decision("d", hours=2)]
    assert len(ask("decisions_flat", *both)) == 2
    [row] = [row for row in ask("accounted_for", *both) if row["table_name"] == "decisions"]
    assert (row["row_count"], row["distinct_rows"], row["redelivered"], row["conflicting"]) == (2, 1, 0, 1)


def test_a_decision_is_flattened():
    made = decision("d", 15.5, household_id="home", arm="bold", no_action="holdout", trigger="payday", page=None,
        removed=[{"stage": "Eligibility", "rule": "age", "actions": ["a", "b"]},
                 {"stage": "Suitability", "rule": "debt", "actions": ["c"]}])  # fmt: skip
    [row] = ask("decisions_flat", made)
    assert row == {
        "decision_id": "d", "day": TUESDAY, "decided_at": at(15.5), "customer_id": "ana", "household_id": "home",
        "signal_id": "signal-d", "brand": "alder", "channel": "web", "direction": "inbound", "trigger": "payday",
        "page": None, "arm": "bold", "no_action": "holdout", "plan_digest": "plan", "model_digest": "model",
        "session_id": "s1", "session_number": 1, "sequence": 1,
        "ledger_turn": int(START.timestamp()) * 2**31 + 1,
        "placements_asked": 1, "offers_made": 0, "actions_ranked": 0, "actions_removed": 3,
    }  # fmt: skip


def test_an_offer_says_whether_chance_chose_it():
    drawn = offer(sampled=0.3, contenders=[1, 2], probability=0.4, model_propensity=0.2, price=1.5)
    [certain, chance] = ask("offers", decision("d", offers=[offer("loan"), drawn]))
    assert [certain[name] for name in ("sampled", "contenders", "model_propensity", "price", "mandatory")] == [
        None, 0, 0.1, 0.0, False,
    ]  # fmt: skip
    assert [chance[name] for name in ("sampled", "contenders", "model_propensity", "price")] == [
        0.3,
        2,
        0.2,
        1.5,
    ]


# What became of them


@pytest.mark.parametrize(
    ("answers", "result", "contact"),
    [
        ([], "open", "reserved"),
        ([answer("d", "Delivered")], "open", "committed"),
        ([answer("d", "Impression"), answer("d", "Clicked", ledger_sequence=3)], "positive", "committed"),
        ([answer("d", "NoResponse")], "negative", "committed"),
        ([answer("d", "NoResponse", label=None, contact="released")], "released", "released"),
        ([answer("d", "Bounced")], "released", "released"),
        ([answer("d", "Bounced"), answer("d", "Delivered", ledger_sequence=3)], "open", "committed"),
        ([answer("d", "Rejected"), answer("d", "Accepted", ledger_sequence=3)], "positive", "committed"),
        ([answer("d", "Accepted", rank=2)], "open", "reserved"),
    ],
)
def test_an_offer_becomes(answers, result, contact):
    [row] = ask("decision_outcomes", decision("d", offers=[offer()]), *answers)
    assert (row["result"], row["contact"]) == (result, contact)


def test_a_late_conversion_counts_for_the_day_of_its_decision_and_once():
    bought = answer("d", "Conversion", 90, value=35.0, ledger_sequence=4)
    clicked = answer("d", "Clicked", 0.1)
    made = decision("d", 0, offers=[offer(propensity=0.5)])
    [row] = ask("decision_outcomes", made, clicked, bought, bought)
    assert [row[name] for name in ("day", "responded_at", "value_realised")] == [MONDAY, at(0.1), 35.0]
    assert (row["seen"], row["clicked"], row["accepted"], row["silent"]) == (True, True, True, False)
    [earned] = ask("revenue", made, clicked, bought, bought)
    assert [earned[name] for name in ("day", "offers", "positive", "value", "value_expected")] == [
        MONDAY,
        1,
        1,
        35,
        10,
    ]


def test_what_is_open_is_in_no_rate():
    made = [decision(name, offers=[offer()]) for name in "abc"]
    [row] = ask("revenue", *made, answer("a", "Accepted"), answer("b", "NoResponse"))
    assert (row["offers"], row["answered"], row["positive"], row["acceptance"]) == (3, 2, 1, 0.5)
    [fresh] = ask("revenue", made[2])
    assert (fresh["answered"], fresh["acceptance"], fresh["value"]) == (0, None, 0.0)


def test_feedback_on_an_offer_that_is_not_there_is_unmatched():
    stray = [
        answer("gone", "Clicked"),
        answer("d", "Clicked", rank=2),
        answer("d", "Accepted", action="loan"),
    ]
    made = decision("d", offers=[offer()])
    kept = [
        row for row in ask("accounted_for", made, *stray) if row["table_name"] in ("feedback", "decisions")
    ]
    assert some(kept, "table_name", "unmatched") == [("decisions", 1), ("feedback", 3)]
    assert [row["unmatched"] for row in ask("accounted_for", made, visit())][1] == 0


def test_a_plan_that_never_said_its_limits_is_not_taken_for_one_that_keeps_them():
    made = [decision(name, offers=[offer()]) for name in "ab"]
    said, other = (
        msgspec.structs.replace(LIMIT, plan_digest=digest) for digest in (made[0].plan_digest, "another")
    )
    for limits, unpromised in ([], 2), ([other], 2), ([said, other], 0):
        [row] = [r for r in ask("accounted_for", *made, limits=limits) if r["table_name"] == "decisions"]
        assert row["unpromised"] == unpromised


def test_the_states_of_a_contact_follow_the_ledger_not_the_clock():
    late = answer("d", "Impression", 0.5, ledger_sequence=5)
    lost = answer("d", "Bounced", 9, ledger_sequence=3)
    found = ask("contact_states", decision("d", offers=[offer()]), late, lost)
    first = int(START.timestamp()) * 2**31
    assert sorted(some(found, "from_turn", "until_turn", "contact")) == [
        (first + 1, first + 3, "reserved"),
        (first + 3, first + 5, "released"),
        (first + 5, None, "committed"),
    ]


# How often


def test_contact_pressure_counts_what_reached_the_customer():
    mail = {"channel": "mail", "direction": "outbound"}
    found = ask(
        "contact_pressure",
        decision("a", 0, [offer(), offer("alert", message_class="service")]),
        decision("b", 1, [offer(channel="mail")], **mail),
        decision("c", 6 * 24, [offer()], brand="beech"),
        decision("e", 7 * 24, [offer()]),
        decision("z", 0, [offer()], customer_id="ben"),
        answer("b", "Bounced"),
    )
    names = (
        "customer_id",
        "day",
        "contacts",
        "marketing",
        "unasked",
        "channels",
        "given_back",
        "contacts_7d",
    )
    assert some(found, *names) == [
        ("ana", MONDAY, 2, 1, 0, 1, 1, 2),
        ("ana", date(2026, 3, 8), 1, 1, 0, 1, 0, 3),
        ("ana", date(2026, 3, 9), 1, 1, 0, 1, 0, 2),
        ("ben", MONDAY, 1, 1, 0, 1, 0, 1),
    ]
    assert [row["contacts_30d"] for row in found] == [2, 3, 4, 1]


LIMIT = PlanLimit(
    plan_digest="plan", limit_id="daily", at_most=1, window_us=24 * 3_600_000_000, each="customer", whose="customer",
    per_brand=False, counts="reserved", same_decision="counted", exempt=("service",), actions=(), action_groups=(),
    issues=(), classes=(), channels=(), brands=(), outbound=("mail",), silences=(),
)  # fmt: skip


@pytest.mark.parametrize(
    ("hours", "limit", "breaches"),
    [
        ((0, 1), {}, [("d1", 2)]),
        ((0, 24), {}, []),
        ((0, 23.999), {}, [("d1", 2)]),
        ((0, 1, 2), {"at_most": 2}, [("d2", 3)]),
        ((0, 1), {"plan_digest": "another"}, []),
        ((0, 1), {"exempt": ("service", "marketing")}, []),
        ((0, 1), {"channels": ("mail",)}, []),
        ((0,), {"at_most": 0}, [("d0", 1)]),
        ((5, 0), {}, [("d1", 2)]),
    ],
)
def test_a_cap_is_breached_by_the_contact_that_came_last(hours, limit, breaches):
    made = [decision(f"d{n}", when, [offer()], ledger_sequence=n) for n, when in enumerate(hours)]
    changed = msgspec.structs.replace(LIMIT, **limit)
    assert (
        some(ask("cap_breaches", *made, *made, limits=[changed, changed]), "decision_id", "contacts")
        == breaches
    )


def test_a_contact_given_back_before_makes_room_and_one_given_back_after_does_not():
    made = [decision("a", 0, [offer()], ledger_sequence=1), decision("b", 2, [offer()], ledger_sequence=5)]
    assert ask("cap_breaches", *made, answer("a", "Bounced", ledger_sequence=4), limits=[LIMIT]) == []
    assert len(ask("cap_breaches", *made, answer("a", "Bounced", ledger_sequence=6), limits=[LIMIT])) == 1


# Where candidates go


def test_the_funnel_narrows_to_what_is_offered():
    made = decision(
        "d",
        ranked=[
            candidate("isa", 1),
            candidate("loan", 2, "Arbitration"),
            candidate("card", 3, "Arbitration"),
        ],
        removed=[{"stage": "Eligibility", "rule": "age", "actions": ["a", "b", "c", "e"]}],
    )
    names = ("day", "stage", "entered", "left_here", "share_left", "share_of_all")
    assert some(ask("funnel", made), *names) == [
        (MONDAY, "Eligibility", 7, 4, 4 / 7, 4 / 7),
        (MONDAY, "Arbitration", 3, 2, 2 / 3, 2 / 7),
        (MONDAY, "Output", 1, 1, 1.0, 1 / 7),
    ]
    ruled = ask(
        "funnel_rules", made, sql="SELECT stage, rule, candidates, decisions FROM funnel_rules ORDER BY 1"
    )
    assert some(ruled, "stage", "rule", "candidates", "decisions") == [
        ("Arbitration", None, 2, 1),
        ("Eligibility", "age", 4, 1),
        ("Output", None, 1, 1),
    ]


def test_of_a_decision_that_was_made_twice_the_funnel_counts_the_first():
    def removed(rule, *actions, stage="Applicability"):
        return {"removed": [{"stage": stage, "rule": rule, "actions": actions}]}

    later = decision("d", ledger_sequence=9, ranked=[candidate("isa", 1)], **removed("later", "a"))
    first = decision(
        "d", ledger_sequence=2, ranked=[candidate("loan", 1, "Arbitration")], **removed("first", "b")
    )
    other = decision("e", **removed("first", "b", "c"))
    next_day = decision("e", hours=24, **removed("first", "b"))
    sql = "SELECT day, stage, rule, candidates, decisions FROM funnel_rules ORDER BY day, stage"
    found = ask("funnel_rules", later, first, other, first, next_day, sql=sql)
    assert some(found, "day", "stage", "rule", "candidates", "decisions") == [
        (MONDAY, "Applicability", "first", 3, 2),
        (MONDAY, "Arbitration", None, 1, 1),
        (TUESDAY, "Applicability", "first", 1, 1),
    ]


def test_a_rule_that_takes_an_action_and_treatments_of_another_is_in_one_decision():
    both = decision(
        "d",
        ranked=[
            candidate("isa", 1, "Eligibility", rule="care"),
            candidate("loan", 2, "Eligibility", rule="care"),
        ],
        removed=[{"stage": "Eligibility", "rule": "care", "actions": ["card"]}],
    )
    for made in ((both,), (both, both)):
        [row] = ask("funnel_rules", *made)
        assert (row["candidates"], row["decisions"]) == (3, 1)


def test_exploration_is_another_than_the_best_ranked_of_the_contenders():
    ranked = [candidate("isa", 1), candidate("loan", 2), candidate("card", 3)]
    chance = {"sampled": 0.2, "contenders": [1, 2], "probability": 0.5}
    made = [
        decision("a", offers=[offer("isa", **chance)], ranked=ranked),
        decision("b", offers=[offer("loan", **chance)], ranked=ranked),
        decision("c", offers=[offer("card")], ranked=ranked),
        decision("z", offers=[offer("card")], ranked=ranked, arm="calm"),
    ]
    names = ("arm", "offers", "drawn", "contested", "explored", "share_explored", "mean_probability")
    assert some(ask("exploration_share", *made), *names) == [
        ("calm", 1, 0, 0, 0, 0.0, None),
        ("nba", 3, 2, 2, 1, 1 / 3, 0.5),
    ]


# How well


def test_arms_are_compared_with_intervals():
    made = [decision(f"{who}{n}", offers=[offer()], customer_id=who, arm=arm)
            for arm, people in (("bold", "abcdefgh"), ("calm", "wxyz")) for who in people for n in (0, 1)]  # fmt: skip
    answers = [answer(f"{who}0", "Accepted", value=10.0) for who in "abcw"]
    silent = [answer(f"{who}1", "NoResponse") for who in "abcdwxyz"]
    found = ask("arm_comparison", *made, *answers, *silent, decision("h", customer_id="hal", arm="holdout"))
    bold, calm, holdout = found
    assert [bold[name] for name in ("customers", "offers", "answered", "positive")] == [8, 16, 7, 3]
    assert (bold["acceptance"], bold["reach"], bold["value_per_customer"]) == (3 / 7, 3 / 8, 3.75)
    # Wilson's interval of 3 in 7 and of 1 in 4, from a table
    assert (bold["acceptance_low"], bold["acceptance_high"]) == pytest.approx((0.15822, 0.74954), abs=5e-6)
    assert (calm["reach_low"], calm["reach_high"]) == pytest.approx((0.045587, 0.699358), abs=5e-7)
    # mean 3.75, deviation 5.17549 over 8 customers
    assert (bold["value_low"], bold["value_high"]) == pytest.approx((0.16360, 7.33640), abs=5e-4)
    assert (holdout["customers"], holdout["offers"], holdout["reach"], holdout["acceptance"]) == (
        1,
        0,
        0.0,
        None,
    )
    assert holdout["value_low"] is None


def test_a_model_is_calibrated_where_what_it_says_comes_true():
    made = [
        decision(f"d{n:02}", offers=[offer(propensity=0.5, model_propensity=(n + 0.5) / 20)])
        for n in range(20)
    ]
    answers = [answer(f"d{n:02}", "Accepted" if n >= 16 else "NoResponse") for n in range(20)]
    found = ask("calibration", *made, *answers, decision("open", offers=[offer()]))
    assert [row["offers"] for row in found] == [2] * 10
    assert [row["observed"] for row in found] == [0.0] * 8 + [1.0] * 2
    assert [row["predicted"] for row in found] == pytest.approx([(2 * n + 1) / 20 for n in range(10)])
    assert found[0]["observed_low"] == pytest.approx(0.0)
    assert found[0]["observed_high"] == pytest.approx(0.657620, abs=5e-7)
    assert [row["as_predicted"] for row in found] == [True] * 7 + [False, True, True]


# Sessions, leftovers, money


def test_a_session_tells_its_steps_and_what_came_of_it():
    made = [
        decision("b", 0.5, [offer()], page=None),
        decision("a", 0.1, [offer()]),
        decision("c", 0.2, session={"session_id": "other"}),
    ]
    found = ask(
        "session_journeys", *made, answer("b", "Accepted", value=5.0), visit(), visit(), visit("idle", 5)
    )
    names = ("session_id", "day", "decisions", "steps", "offers", "seen", "positive", "value")
    assert sorted(some(found, *names)) == [
        ("idle", MONDAY, 0, None, 0, 0, 0, 0.0),
        ("s1", MONDAY, 2, "home > web", 2, 1, 1, 5.0),
    ]


def test_dead_letters_without_a_time_have_no_day():
    found = ask("dead_letters_daily", letter(), letter(customer="ana"), letter(Reason.BAD_TEXT, None))
    assert some(found, "day", "reason", "letters", "customers", "payload_bytes") == [
        (MONDAY, "bad_time", 2, 1, 20),
        (None, "bad_text", 1, 0, 10),
    ]


def test_freshness_is_event_time():
    found = ask("freshness", decision("a"), decision("b", 3), decision("b", 3))
    [row] = [row for row in found if row["table_name"] == "decisions"]
    assert (row["row_count"], row["earliest_at"], row["latest_at"]) == (3, at(0), at(3))
    assert isinstance(row["age_s"], int)


def test_the_cost_of_a_day_follows_from_the_assumptions():
    made = [decision(name, offers=[offer()]) for name in "abcd"]
    [row] = ask("cost_per_decision", *made, answer("a", "Accepted", 30), answer("b", "NoResponse", 30))
    messages = 2 * 0.04 * (4 * (1 + 12) + 2 * 2) / 2**20
    storage = (0.025 + 13 * 0.02) * (4 * 12 + 2) / 2**20
    assert [row[name] for name in ("day", "decisions", "responses", "positive")] == [MONDAY, 4, 2, 1]
    assert (row["compute"], row["messages"], row["storage"]) == pytest.approx((12.0, messages, storage))
    assert row["cost_per_1000"] == pytest.approx(250 * (12 + messages + storage))
    assert row["cost_per_positive"] == pytest.approx(12 + messages + storage)
    [alone] = ask("cost_per_decision", made[0])
    assert alone["cost_per_positive"] is None
