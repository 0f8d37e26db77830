"""A tighter policy never yields more contacts: what exactly is true of that, why, and where it ends.

Theorem. Let requests come in the order of their times, each for one placement, and nothing be answered. Let every limit
be about all that contact policy governs (`each: customer`, no scope, channel or brand). Then no tightening of the
plan makes more marketing contacts up to any moment, however requests, opt-outs and news follow each other.
Tightenings: a lower `at_most`, a longer `per`, a limit more, a longer pause or one more on signals, an engagement rule
more, a kill switch, narrower dates, fewer brands, quiet hours; those that remove actions are about marketing.

Proof. Such limits say when contact k may come: not before contact k - at_most of each plus its `per`. The ledger takes
each contact as soon as it may, so its k-th contact is no later than the k-th of any other choice from the requests that
keeps the limits (induction over k). A tighter plan makes one such choice: it keeps the looser limits too, and what the
other tightenings do is to take slots away. (Slots of one placement are open to the same actions, hence to no more
marketing once marketing actions are taken away.)

For a limit with a scope the same holds inside of its scope, if it is the only one and each request has one slot:
whether a slot goes to an action in its scope, if it may, does not depend on it. The conditions are needed: the tests at
the end are the counterexamples.
"""

from collections import Counter
from copy import deepcopy
from typing import Any

import pytest
from contact_oracle import Oracle
from contact_worlds import World, policy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metamorphic_bank import (
    LIMITS,
    MARKETING,
    PAUSES,
    Rules,
    answer,
    bank,
    compiled,
    decisions,
    histories,
    known,
    limit,
    offered,
    pause,
    pressure,
    request,
)
from test_contact_policy import LIMITS as ANY_LIMIT
from test_contact_policy import choices, life

from schemas import OutcomeKind

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ABOUT_MARKETING = {"classes": ["marketing"]}
GROUPS = st.sampled_from(("lending", "deposits"))
HOURS = st.sampled_from((1, 6, 24, 60))


def tightened(rules: Rules, **parts: Any) -> Rules:
    """A copy of a plan with entries added to its lists; those of the contact policy by the same name."""
    changed = deepcopy(rules)
    for name, entry in parts.items():
        home = changed["contact"] if name in ("limits", "suppressions", "quiet_hours") else changed
        home[name] = [*home.get(name, []), entry]
    return changed


def edited(rules: Rules, kind: str, index: int, **changes: Any) -> Rules:
    """A copy of a plan with one limit, suppression or action changed."""
    changed = deepcopy(rules)
    entries = changed[kind] if kind == "actions" else changed["contact"][kind]
    entries[index % len(entries)].update(changes)
    return changed


def lower_limit(draw: Any, rules: Rules) -> Rules:
    index = draw(st.integers(0, len(rules["contact"]["limits"]) - 1))
    return edited(
        rules,
        "limits",
        index,
        at_most=draw(st.integers(0, rules["contact"]["limits"][index]["at_most"] - 1)),
    )


def longer_window(draw: Any, rules: Rules) -> Rules:
    index = draw(st.integers(0, len(rules["contact"]["limits"]) - 1))
    hours = int(rules["contact"]["limits"][index]["per"][:-1])
    return edited(rules, "limits", index, per=f"{hours + draw(HOURS)}h")


def another_limit(draw: Any, rules: Rules) -> Rules:
    return tightened(rules, limits=limit("added", draw(st.integers(0, 3)), draw(HOURS)))


def longer_pause(draw: Any, rules: Rules) -> Rules:
    if not rules["contact"]["suppressions"]:
        return another_pause(draw, rules)
    index = draw(st.integers(0, len(rules["contact"]["suppressions"]) - 1))
    hours = int(rules["contact"]["suppressions"][index]["pause"][:-1])
    return edited(rules, "suppressions", index, pause=f"{hours + draw(HOURS)}h")


def another_pause(draw: Any, rules: Rules) -> Rules:
    pauses = draw(st.sampled_from(("action", "group", "issue", "channel", "all")))
    return tightened(rules, suppressions=pause("added", draw(HOURS), pauses))


def another_rule(draw: Any, rules: Rules) -> Rules:
    when = draw(st.sampled_from(("customer.age >= 18", "customer.vip", "feature.views_1d <= 2")))
    scope = draw(st.sampled_from((ABOUT_MARKETING, {"groups": ["lending"]}, {"actions": ["saver"]})))
    tier = draw(st.sampled_from(("eligibility", "suitability")))
    return tightened(rules, policies={"id": "added", "tier": tier, "when": when, "scope": scope})


def kill_switch(draw: Any, rules: Rules) -> Rules:
    what: dict[str, Any] = draw(
        st.sampled_from(
            (
                {"scope": {"actions": ["loan"]}},
                {"scope": {"groups": ["deposits"]}},
                {"channels": ["mail"]},
                {"brands": ["meadow"]},
                {"scope": {"groups": ["lending"]}, "channels": ["web"], "brands": ["harbour"]},
            )
        )
    )
    since = draw(st.sampled_from(({}, {"since": "2026-05-06"}, {"until": "2026-05-08"})))
    return tightened(rules, stops={"id": "added", **what, **since})


def narrower_dates(draw: Any, rules: Rules) -> Rules:
    date = draw(st.sampled_from(({"starts": "2026-05-06"}, {"ends": "2026-05-07T12:00"})))
    changed = deepcopy(rules)
    changed["groups"][draw(GROUPS)] |= date
    return changed


def fewer_brands(draw: Any, rules: Rules) -> Rules:
    return edited(rules, "actions", draw(st.integers(0, len(MARKETING) - 1)), brands=["harbour"])


def quiet_hours(draw: Any, rules: Rules) -> Rules:
    hours = {
        "begins": draw(st.sampled_from(("20:00", "12:00"))),
        "ends": "08:00",
        "channels": ["web", "mail"],
    }
    return tightened(rules, quiet_hours={"id": "added", **hours})


TIGHTENINGS = (
    lower_limit, longer_window, another_limit, longer_pause, another_pause, another_rule, kill_switch, narrower_dates,
    fewer_brands, quiet_hours,
)  # fmt: skip


@pytest.mark.parametrize("tighten", TIGHTENINGS, ids=lambda each: each.__name__)
def test_a_tighter_policy_never_makes_more_contacts_up_to_any_moment(tighten):
    fewer = Counter()

    @QUICK
    @given(st.data(), LIMITS, PAUSES, histories())
    def holds(data, limits, pauses, events):
        rules = bank(contact={"limits": limits, "suppressions": pauses})
        loose, tight = decisions(rules, events), decisions(tighten(data.draw, rules), events)
        for before, after in zip(pressure(loose), pressure(tight), strict=True):
            assert after <= before
        fewer[[*map(offered, tight)] != [*map(offered, loose)]] += 1

    holds()
    assert fewer[True] > 0


@QUICK
@given(st.data(), LIMITS, PAUSES, histories())
def test_so_it_is_for_several_tightenings_at_once(data, limits, pauses, events):
    loose = tight = bank(contact={"limits": limits, "suppressions": pauses})
    for tighten in data.draw(st.lists(st.sampled_from(TIGHTENINGS), min_size=2, max_size=4, unique=True)):
        if "added" not in str(tight) or tighten in (longer_window, narrower_dates, fewer_brands):
            tight = tighten(data.draw, tight)
    before, after = (pressure(decisions(rules, events)) for rules in (loose, tight))
    assert all(few <= many for few, many in zip(after, before, strict=True))


SCOPES = st.sampled_from(
    ({}, {"scope": {"groups": ["lending"]}}, {"scope": {"actions": ["card", "saver"]}}, {"channels": ["mail"]},
     {"each": "channel"}, {"each": "direction", "directions": ["outbound"]}, {"brands": ["meadow"]},
     {"per_brand": True}, {"each": "channel", "scope": {"groups": ["deposits"]}}),
)  # fmt: skip


@QUICK
@given(
    SCOPES,
    st.integers(1, 3),
    st.integers(0, 2),
    HOURS,
    st.sampled_from((0, 2, 20)),
    PAUSES,
    histories(placements=("hero", "letter")),
)
def test_inside_its_scope_a_single_tighter_limit_never_makes_more_contacts(
    scope, at_most, fewer, hours, longer, pauses, events
):
    def contacts(rules):
        """Up to each decision, those in the scope, by what the limit is `each` for."""
        groups = {action["id"]: action["group"] for action in rules["actions"]}
        about, counts, found = scope.get("scope", {}), Counter(), []
        for decision in decisions(rules, events):
            for offer in decision.offers:
                inside = (
                    offer.action in about.get("actions", MARKETING),
                    groups[offer.action] in about.get("groups", groups.values()),
                    offer.channel in scope.get("channels", ("web", "mail")),
                    offer.channel == "mail" or "directions" not in scope,
                    decision.brand in scope.get("brands", ("harbour", "meadow")),
                )
                if all(inside):
                    counts["each" in scope and offer.channel, "per_brand" in scope and decision.brand] += 1
            found.append(dict(counts))
        return found

    loose = bank(contact={"limits": [{**limit("one", at_most, hours), **scope}], "suppressions": pauses})
    tight = edited(loose, "limits", 0, at_most=max(0, at_most - fewer), per=f"{hours + longer}h")
    for before, after in zip(contacts(loose), contacts(tight), strict=True):
        assert all(count <= before.get(unit, 0) for unit, count in after.items())


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_whatever_is_answered_and_however_late_contacts_under_a_tighter_limit_keep_the_looser_one(seed, data):
    """Here more contacts of another kind may follow; the limit itself stays kept, in its own scope, in any window."""
    _, history = life(seed)
    chosen = choices(ANY_LIMIT, lambda values: data.draw(st.sampled_from(values)))
    loose = {**chosen, "counts": "reserved", "at_most": chosen["at_most"] + 1, "per": "6s"}
    tight = {**loose, "at_most": loose["at_most"] - data.draw(st.sampled_from((0, 1))), "per": "20s"}
    ample = {
        "at_most": 100,
        "per": "60s",
        "each": "customer",
    }  # as long as this, either way, answers are heard
    world = World(policy([tight, ample], []))
    world.oracle = Oracle(policy([loose, ample], []))
    for decision in world.run(history):
        assert world.broken(decision) == []


# Where it ends: what is true of these plans is not what one might hope.


def test_with_a_limit_on_one_action_the_customer_may_hear_of_more_actions_in_all():
    """The longer window lets the loan go to another day, on which nothing else would have been offered."""
    events = [known(), request(0, 0, "letter"), request(1, 168, "letter"), request(2, 204, "hero")]
    about_loans = {**limit("loans", 1, 144), "scope": {"actions": ["loan"]}}
    places = {"loan": ("hero", "letter"), "card": ("letter",)}
    rules = bank(contact={"limits": [about_loans]})
    rules["actions"] = [action for action in rules["actions"] if action["id"] in places]
    for action in rules["actions"]:
        action["treatments"][0]["placements"] = list(places[action["id"]])
    longer = edited(rules, "limits", 0, per="192h")
    assert [offered(each) for each in decisions(rules, events)] == [["loan"], ["loan"], []]
    assert [offered(each) for each in decisions(longer, events)] == [["loan"], ["card"], ["loan"]]


def test_a_page_that_counts_as_one_contact_may_be_a_larger_page():
    events = [known(), request(0, 0, "hero"), request(1, 168, "hero"), request(2, 204, "tile")]
    weekly = limit("pages", 1, 144, same_decision="exempt")
    rules = bank(marketing_only=True, contact={"limits": [weekly]})
    longer = edited(rules, "limits", 0, per="192h")
    assert [len(each.offers) for each in decisions(rules, events)] == [1, 1, 0]
    assert [len(each.offers) for each in decisions(longer, events)] == [1, 0, 2]


def test_with_pauses_by_answers_less_said_may_be_less_refused():
    """A customer who was not asked did not say no."""
    said_no = {"id": "no", "outcomes": ["Rejected"], "pause": "30d", "pauses": "all"}
    contact = {"limits": [limit("daily", 2, 24)], "suppressions": [said_no]}
    rules = bank(marketing_only=True, contact=contact)
    asked = [known(), request(0, 0), request(1, 1), *(request(n, 30 * n) for n in range(2, 6))]
    told = [*asked[:3], answer(0, 2, decisions(rules, asked)[1], 1, OutcomeKind.REJECTED), *asked[3:]]
    tight = edited(rules, "limits", 0, at_most=1)
    assert pressure(decisions(rules, told))[-1] == 2
    assert pressure(decisions(tight, told))[-1] == 5


def test_an_action_stopped_in_one_placement_may_make_room_for_two():
    """Allocation is greedy: it fills the slots in the order asked."""
    rules = bank(marketing_only=True)
    rules["actions"] = [action for action in rules["actions"] if action["id"] in ("loan", "bond")]
    rules["actions"][0]["treatments"] = [
        {"id": "large", "placements": ["hero"]},
        {"id": "small", "placements": ["tile"]},
    ]
    rules["actions"][1]["treatments"][0]["placements"] = ["hero"]
    both = [known(), request(0, 0, "hero", "tile")]
    stopped = tightened(rules, stops={"id": "large-loan", "treatments": ["large"]})
    assert [offered(each) for each in decisions(rules, both)] == [["loan"]]
    assert [offered(each) for each in decisions(stopped, both)] == [["bond", "loan"]]


def test_a_service_message_less_leaves_its_slot_to_marketing():
    rules = bank(
        policies=[
            {
                "id": "calm",
                "tier": "suitability",
                "when": "customer.age > 50",
                "scope": {"groups": ["lending"]},
            }
        ]
    )
    asked = [known(), request(0, 0, "letter"), request(1, 1, "hero")]
    stopped = tightened(rules, stops={"id": "quiet", "scope": {"actions": ["notice"]}})
    assert pressure(decisions(rules, asked)) == [1, 1]
    assert pressure(decisions(stopped, asked)) == [1, 2]


def test_the_histories_have_something_to_lose():
    plan = compiled(bank(contact={"limits": [limit("daily", 2, 24)], "suppressions": [pause("opt-out", 24)]}))
    refused = Counter()

    @settings(max_examples=80, deadline=None, database=None, derandomize=True)
    @given(histories())
    def look(events):
        for decision in decisions(plan, events):
            refused.update(candidate.rule or candidate.stage.value for candidate in decision.ranked)

    look()
    assert min(refused[each] for each in ("daily", "opt-out", "Output")) > 40
