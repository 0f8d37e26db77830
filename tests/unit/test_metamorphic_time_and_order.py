"""Changes of plan and history that must change nothing: clocks, weeks, the order of a file, the unit of value."""

from collections import Counter
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metamorphic_bank import (
    LIMITS,
    PAUSES,
    answer,
    bank,
    compiled,
    decisions,
    histories,
    known,
    limit,
    offered,
    outputs,
    pause,
    pressure,
    request,
)
from msgspec.structs import replace

from schemas import Decision, Feedback, Outcome, OutcomeKind

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
QUARTER = timedelta(minutes=15)

# Clocks.

CHANGES = [
    pytest.param("Europe/London", "2026-03-29T01:00", id="london-forward"),
    pytest.param("Europe/London", "2026-10-25T01:00", id="london-back"),
    pytest.param("Australia/Lord_Howe", "2026-04-04T15:00", id="lord-howe-back-by-half-an-hour"),
    pytest.param("Australia/Lord_Howe", "2026-10-03T15:30", id="lord-howe-forward-by-half-an-hour"),
    pytest.param("America/New_York", "2026-03-08T07:00", id="new-york-forward"),
    pytest.param("America/Santiago", "2026-09-06T04:00", id="santiago-skips-midnight"),
    pytest.param("Africa/Cairo", "2026-04-23T22:00", id="cairo-skips-midnight"),
    pytest.param("Africa/Cairo", "2026-10-29T21:00", id="cairo-has-eleven-at-night-twice"),
]
NIGHTS = [("22:00", "07:00"), ("23:00", "00:30"), ("00:00", "02:15"), ("01:30", "02:00"), ("02:00", "21:00")]


def quiet_on(day: date, begins: str, ends: str) -> set[datetime]:
    """The quarters of an hour of a calendar day that are quiet on a clock that never changes."""
    midnight = datetime.combine(day, datetime.min.time())
    quarters = [midnight + n * QUARTER for n in range(96)]
    if begins < ends:
        return {at for at in quarters if begins <= f"{at:%H:%M}" < ends}
    return {at for at in quarters if not ends <= f"{at:%H:%M}" < begins}


def shown(at: datetime, zone: str) -> datetime:
    """What a clock on the wall shows."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@pytest.mark.parametrize(("begins", "ends"), NIGHTS)
@pytest.mark.parametrize(("zone", "changed"), CHANGES)
def test_a_change_of_the_clock_neither_loses_nor_gains_an_hour_of_quiet(zone, changed, begins, ends):
    """Whole decisions, each quarter of an hour for three days. A day has the quiet that its clock shows: without what
    the clock skips, and twice what it shows twice; and nothing is sent in it."""
    change = datetime.fromisoformat(changed).replace(tzinfo=UTC)
    just_before, right_after = (
        shown(change - timedelta(seconds=1), zone) + timedelta(seconds=1),
        shown(change, zone),
    )
    assert just_before != right_after, "no change of the clock"
    night = {"id": "night", "begins": begins, "ends": ends}
    plan = compiled(bank(marketing_only=True, contact={"quiet_hours": [night]}))
    start = change - 36 * timedelta(hours=1)
    asked = [replace(request(n, 0, "letter"), occurred_at=start + n * QUARTER) for n in range(72 * 4)]
    facts = replace(known(time_zone=zone), occurred_at=start)
    quiet: Counter[date] = Counter()
    for decision in decisions(plan, [facts, *asked]):
        clock = shown(decision.decided_at, zone)
        assert bool(offered(decision)) is (clock not in quiet_on(clock.date(), begins, ends))
        quiet[clock.date()] += not offered(decision)
    for day in (just_before.date(), right_after.date()):
        if shown(start, zone).date() < day < shown(start + timedelta(hours=71.75), zone).date():
            always = quiet_on(day, begins, ends)
            skipped = {at for at in always if just_before <= at < right_after}
            twice = {at for at in always if right_after <= at < just_before}
            assert quiet[day] == len(always) - len(skipped) + len(twice)


@QUICK
@given(histories(), LIMITS, PAUSES, st.integers(-150, 150), st.data())
def test_a_history_that_happened_whole_weeks_earlier_or_later_is_decided_the_same(
    events, limits, pauses, weeks, data
):
    """In a zone whose clocks never change; elsewhere the weeks of a change have hours more or less."""
    hours = {"id": "night", "begins": "20:00", "ends": "10:00", "days": ["monday", "thursday"]}
    plan = compiled(bank(contact={"limits": limits, "suppressions": pauses, "quiet_hours": [hours]}))
    events = answered(plan, events, data)
    shift = timedelta(weeks=weeks)
    moved = [replace(event, occurred_at=event.occurred_at + shift) for event in events]
    assert [timeless(each) for each in outputs(plan, moved)] == [
        timeless(each) for each in outputs(plan, events)
    ]


def answered(plan, events, data):
    """The same history with some of its offers answered."""
    events = list(events)
    made = [(each, offer.rank) for each in decisions(plan, events) for offer in each.offers]
    kinds = st.sampled_from((OutcomeKind.CLICKED, OutcomeKind.REJECTED, OutcomeKind.BOUNCED))
    for number, (decision, rank) in enumerate(made[:: data.draw(st.integers(1, 4))]):
        hours = (decision.decided_at - request(0, 0).occurred_at) / timedelta(hours=1)
        events.append(
            answer(number, hours + data.draw(st.sampled_from((0, 1, 40))), decision, rank, data.draw(kinds))
        )
    return sorted(events, key=lambda event: (event.occurred_at, isinstance(event, Outcome)))


def timeless(said):
    """What was said, without when."""
    if isinstance(said, Decision):
        ranked = [(each.action, each.stage, each.rule, each.priority) for each in said.ranked]
        return said.signal_id, said.offers, ranked, said.removed, said.no_action, said.context.features
    if isinstance(said, Feedback):
        return said.feedback_id, said.outcome, said.label, said.contact, said.delay_s
    return said if isinstance(said, str) else type(said).__name__


# The order of a file, and the unit of value.


def rules_of(limits, pauses):
    rules = bank(contact={"limits": limits, "suppressions": pauses})
    rules["policies"] = [
        {
            "id": "grown",
            "tier": "eligibility",
            "when": "customer.age >= 18",
            "scope": {"groups": ["lending"]},
        },
        {
            "id": "calm",
            "tier": "suitability",
            "when": "feature.views_1d <= 3",
            "scope": {"actions": ["saver"]},
        },
    ]
    return rules


@QUICK
@given(histories(), LIMITS, PAUSES, st.data())
def test_the_order_of_actions_in_the_file_changes_nothing(events, limits, pauses, data):
    rules = rules_of(limits, pauses)
    for action in rules["actions"]:
        action["value"] = data.draw(st.sampled_from((10, 20)))
    shuffled = {**rules, "actions": data.draw(st.permutations(rules["actions"]))}
    for name in ("channels", "placements", "groups", "issues"):
        shuffled[name] = dict(data.draw(st.permutations(list(rules[name].items()))))
    assert [as_said(each) for each in decisions(shuffled, events)] == [
        as_said(each) for each in decisions(rules, events)
    ]


def as_said(decision):
    """A decision; the actions that a rule removed are a set."""
    removed = sorted((each.stage, each.rule, sorted(each.actions)) for each in decision.removed)
    return replace(decision, removed=()), removed


def test_of_equal_priorities_the_ids_decide_and_not_the_order_of_the_file():
    rules = bank()
    for action in rules["actions"]:
        action["value"] = 10
    turned = {**rules, "actions": rules["actions"][::-1]}
    for each in (rules, turned):
        (decision,) = decisions(each, [known(), request(0, 0, "tile")])
        assert [offer.action for offer in decision.offers] == ["bond", "card"]


@QUICK
@given(histories(), LIMITS, PAUSES, st.floats(1e-6, 1e6))
def test_another_unit_of_value_keeps_every_order_and_every_offer(events, limits, pauses, factor):
    rules = rules_of(limits, pauses)
    scaled = deepcopy(rules)
    for action in scaled["actions"]:
        action["value"] *= factor
    for one, other in zip(decisions(rules, events), decisions(scaled, events), strict=True):
        assert [each.action for each in one.ranked] == [each.action for each in other.ranked]
        assert [(o.placement, o.action, o.treatment) for o in one.offers] == [
            (o.placement, o.action, o.treatment) for o in other.offers
        ]
        for mine, theirs in zip(one.ranked, other.ranked, strict=True):
            assert theirs.priority == pytest.approx(mine.priority * factor)


def test_the_histories_offer_refuse_and_pause():
    plan = compiled(rules_of([limit("daily", 2, 24)], [pause("opt-out", 24)]))
    found = Counter()

    @settings(max_examples=40, deadline=None, database=None, derandomize=True)
    @given(histories())
    def look(events):
        said = decisions(plan, events)
        found["offered"] += pressure(said)[-1] if said else 0
        found.update(each.rule for decision in said for each in (*decision.ranked, *decision.removed))

    look()
    assert min(found[each] for each in ("offered", "daily", "opt-out", "grown")) > 20
