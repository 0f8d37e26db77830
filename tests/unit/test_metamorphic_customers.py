"""What a change of a customer's circumstances, of a class, of an answer or of a name does to a whole history.

Histories are those of `metamorphic_bank`, in order and of one customer, where a statement needs that; else those of
`delivery.world`: several customers and households, late, repeated and answered.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import pytest
from delivery.plans import plans
from delivery.world import World
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from metamorphic_bank import (
    DIGEST,
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
    pressure,
    request,
)
from msgspec.structs import replace

from models.experiments.arms import Arms
from models.identity import decision_id
from models.plan.compiled import Plan
from models.plan.load import Loaded
from models.plan.spec import ExperimentsSpec
from schemas import DeadLetter, Decision, MessageClass, Outcome, OutcomeKind, Signal

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SEEDS = st.integers(0, 2**32)
CIRCUMSTANCES = ("vulnerable", "bereaved", "financial_difficulty", "complaint_open")
KNOWN_AS = {"complaint_open": "complaint"}


NO_ARMS = ExperimentsSpec()
HALF = {"id": "held", "kind": "holdout", "share": 0.5}
HELD = msgspec.convert({"seed": "metamorphic", "arms": [HALF]}, ExperimentsSpec)


@cache
def lived(seed: int) -> tuple[Signal | Outcome, ...]:
    """The events of a history of delivery, as they reached the ledgers: in any order, repeated, with answers."""
    applied = World(seed).run().applied
    return tuple(each.event for events in applied.values() for each in events if each.event is not None)


@cache
def plan_a(arms: ExperimentsSpec = NO_ARMS) -> Plan:
    """The plan of those histories, with these experiments, under its own digest: answers find their offers."""
    plan = plans()[0]
    return Plan.compile(Loaded(replace(plan.spec, experiments=arms), plan.digest, plan.canonical, None))


# Circumstances.


@pytest.mark.parametrize("fact", CIRCUMSTANCES)
def test_from_the_event_that_tells_of_a_circumstance_on_there_is_no_marketing_and_before_it_nothing_changes(
    fact,
):
    lost = Counter()

    @QUICK
    @given(SEEDS, st.data())
    def holds(seed, data):
        events = lived(seed)
        told = data.draw(st.integers(0, len(events) - 1))
        who = max((each for each in events[: told + 1] if same(each, events[told])), key=when)
        mark = Signal(
            signal_id="mark", customer_id=who.customer_id, household_id=who.household_id, occurred_at=when(who),
            type="profile", channel="core", brand="quay", profile={fact: True},
        )  # fmt: skip
        after = [silent_about(fact, event, who.customer_id) for event in events[told:]]
        before = outputs(plan_a(), [*events[:told], *after])
        marked = outputs(plan_a(), [*events[:told], mark, *after])
        assert outputs(plan_a(), events[:told]) == before[: len(outputs(plan_a(), events[:told]))]
        asked = {event.signal_id for event in after if isinstance(event, Signal)}
        earlier = {event.signal_id for event in events[:told] if isinstance(event, Signal)}
        for decision in marketing_of(marked, who.customer_id):
            assert decision.signal_id not in asked - earlier
        lost[any(each.signal_id in asked - earlier for each in marketing_of(before, who.customer_id))] += 1

    holds()
    assert lost[True] > 0


def same(one: Signal | Outcome, other: Signal | Outcome) -> bool:
    """Whether two events are of one customer."""
    return one.customer_id == other.customer_id


def when(event: Signal | Outcome) -> datetime:
    """When it happened. A marker is not older than what is known: what is told later takes it back."""
    return event.occurred_at


def silent_about(fact: str, event: Signal | Outcome, customer: str) -> Signal | Outcome:
    """The event without what it says about a fact: what is taken back ends."""
    if not isinstance(event, Signal) or event.customer_id != customer or not event.profile:
        return event
    return replace(event, profile={name: value for name, value in event.profile.items() if name != fact})


def marketing_of(said: list[Any], customer: str) -> Iterator[Decision]:
    """The decisions that offer a customer marketing."""
    for each in said:
        if isinstance(each, Decision) and each.customer_id == customer and offered(each):
            yield each


@QUICK
@given(
    histories(), LIMITS, PAUSES, st.data(), st.sampled_from(CIRCUMSTANCES), st.sampled_from((-20, -60, -100))
)
def test_where_a_circumstance_only_softens_it_never_makes_more_marketing_up_to_any_moment(
    events, limits, pauses, data, fact, percent
):
    """By the theorem of `test_metamorphic_policy`: it takes slots away from marketing, and gives it none."""
    soft = {KNOWN_AS.get(fact, fact): {"fact": fact, "then": "soften"}, "soften_percent": percent}
    plan = compiled(bank(care=soft, contact={"limits": limits, "suppressions": pauses}))
    told = data.draw(st.integers(1, len(events)))
    mark = replace(
        events[told - 1], signal_id="mark", placements=(), type="profile", attributes={}, profile={fact: True}
    )
    without, marked = decisions(plan, events), decisions(plan, [*events[:told], mark, *events[told:]])
    assert all(few <= many for few, many in zip(pressure(marked), pressure(without), strict=True))


def test_softened_marketing_may_come_later_instead_which_is_not_more():
    """Slot by slot the statement would be false: what a service message took today is left for tomorrow."""
    soft = {"vulnerable": {"fact": "vulnerable", "then": "soften"}, "soften_percent": -80}
    plan = compiled(bank(care=soft, contact={"limits": [limit("one", 1, 100)]}))
    asked = [request(0, 0, "hero"), request(1, 1, "message")]
    without, marked = (decisions(plan, [known(vulnerable=it), *asked]) for it in (False, True))
    assert [offered(each) for each in without] == [["loan"], []]
    assert [offered(each) for each in marked] == [[], ["card"]]


@QUICK
@given(SEEDS, st.sampled_from(("email", "sms")), st.sampled_from((False, None)))
def test_whoever_takes_their_consent_back_gets_no_more_marketing_there(seed, channel, said):
    first = lived(seed)[0]
    events = [silent_about(f"consent_{channel}", event, first.customer_id) for event in lived(seed)]
    earliest = min(event.occurred_at for event in events if same(event, first))
    mark = Signal(
        signal_id="mark", customer_id=first.customer_id, household_id=first.household_id, occurred_at=earliest,
        type="profile", channel="core", brand="quay", profile={f"consent_{channel}": said},
    )  # fmt: skip
    for decision in marketing_of(outputs(plan_a(), [mark, *events]), first.customer_id):
        assert not [
            o for o in decision.offers if o.channel == channel and o.message_class is MessageClass.MARKETING
        ]


# Exempt messages.


@QUICK
@given(histories(), LIMITS, PAUSES, st.data())
def test_a_message_that_is_exempt_consumes_nothing(events, limits, pauses, data):
    plan = compiled(bank(contact={"limits": limits, "suppressions": pauses}))
    without = decisions(plan, events)
    busy = list(events)
    for number in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(1, len(busy)))
        notice = request(f"n{number}", 0, "notice")
        busy.insert(at, replace(notice, occurred_at=busy[at - 1].occurred_at))
    with_them = decisions(plan, busy)
    said = [each for each in with_them if each.placements == ("notice",)]
    assert all(offered(each, marketing=False) == ["notice", "terms"] for each in said)
    rest = [each for each in with_them if each.placements != ("notice",)]
    assert [offered(each) for each in rest] == [offered(each) for each in without]


@QUICK
@given(histories(placements=("hero", "tile", "letter", "message", "notice")), st.data())
def test_a_message_that_is_exempt_is_not_blocked_by_the_strictest_policy(events, data):
    night = {"id": "always", "begins": "00:00", "ends": "23:59", "channels": ["web", "mail", "text"]}
    nothing = {"limits": [limit("nothing", 0, 1)], "quiet_hours": [night]}
    strict = bank(contact=nothing, stops=[{"id": "no-sales", "scope": {"classes": ["marketing"]}}])
    facts = dict.fromkeys(data.draw(st.sets(st.sampled_from(CIRCUMSTANCES))), True)
    marked = [known(**facts), *events[1:]]
    for free, held in zip(decisions(bank(), events), decisions(strict, marked), strict=True):
        assert offered(held) == []
        assert set(offered(free, marketing=False)) <= set(offered(held, marketing=False))


def test_what_is_exempt_is_what_the_plan_says():
    """The properties above can fail: a service message that is not exempt is counted, and refused."""
    strict = bank(contact={"limits": [limit("nothing", 0, 1)], "exempt": ["regulatory"]})
    (decision,) = decisions(strict, [known(), request(0, 0, "notice")])
    assert offered(decision, marketing=False) == ["terms"]


# Refunds.


@pytest.mark.parametrize("kind", [OutcomeKind.BOUNCED, OutcomeKind.EXPIRED])
def test_each_refund_makes_room_for_at_most_one_contact_more(kind):
    more = Counter()

    @settings(QUICK, max_examples=120)
    @given(histories(), LIMITS, PAUSES, st.integers(1, 3), st.data())
    def holds(events, limits, pauses, refunds, data):
        plan = compiled(bank(contact={"limits": limits, "suppressions": pauses}))
        without, events = decisions(plan, events), list(events)
        made = [(each, o.rank) for each in without for o in each.offers if o.action in offered(each)]
        assume(made)
        back = data.draw(st.lists(st.sampled_from(made), min_size=1, max_size=refunds, unique_by=str))
        for number, (decision, rank) in enumerate(back):
            for again in range(data.draw(st.integers(1, 2))):
                place(events, answer(f"{number}-{again}", 0, decision, rank, kind), data)
        found = decisions(plan, events)
        for some, at_most in zip(pressure(without), pressure(found), strict=True):
            assert some <= at_most <= some + len(back)
        more[pressure(found)[-1] - pressure(without)[-1]] += 1

    holds()
    assert more[0] > 0 < more[1]


def place(events: list[Any], outcome: Outcome, data: st.DataObject) -> None:
    """Let an outcome happen some time after its decision, while the offer can be answered."""
    ids = [getattr(event, "signal_id", None) for event in events]
    decided = ids.index(next(d for d in ids if d and decision_of(d) == outcome.decision_id))
    asked = events[decided].occurred_at
    later = [i for i in range(decided, len(events)) if (events[i].occurred_at - asked).days < 2]
    at = data.draw(st.sampled_from(later))
    events.insert(at + 1, replace(outcome, occurred_at=events[at].occurred_at))


def decision_of(signal_id: str) -> str:
    return decision_id(signal_id, DIGEST)


# Holdouts and names.


@QUICK
@given(SEEDS)
def test_whoever_is_held_out_gets_no_marketing_whatever_happens(seed):
    for decision in outputs(plan_a(HELD), lived(seed)):
        if isinstance(decision, Decision):
            held = Arms.of(plan_a(HELD).spec).arm(decision.customer_id, decision.decided_at) == "held"
            assert (decision.arm == "held") is held
            assert not (held and offered(decision))


def test_somebody_is_held_out_who_would_have_got_marketing():
    found = Counter()
    for seed in range(30):
        with_arm = [each for each in outputs(plan_a(HELD), lived(seed)) if isinstance(each, Decision)]
        for decision in (each for each in outputs(plan_a(), lived(seed)) if isinstance(each, Decision)):
            if offered(decision):
                found.update(each.arm for each in with_arm if each.signal_id == decision.signal_id)
    assert found["held"] > 20 < found["nba"]


@QUICK
@given(SEEDS, st.permutations(["zoë", "Ann", "0", "q", "canary"]))
def test_other_names_for_customers_change_nothing_but_their_names(seed, names):
    known_as = sorted({event.customer_id for event in lived(seed)})
    renamed = dict(zip(known_as, names, strict=False))
    events = [replace(event, customer_id=renamed[event.customer_id]) for event in lived(seed)]
    back = {new: old for old, new in renamed.items()}
    assert said(events, back) == said(lived(seed), {name: name for name in renamed})


def said(events: Any, names: dict[str, str]) -> Counter[str]:
    """All decisions, feedback, ... under the old names; without ids that are hashes of names, and numbers of
    changes, which the silences of a household get in the order of names."""
    found: Counter[str] = Counter()
    for each in outputs(plan_a(), events):
        if isinstance(each, DeadLetter):
            found[f"dead: {each.reason} {each.detail}"] += 1
        elif isinstance(each, msgspec.Struct):
            text = msgspec.json.encode(replace(each, customer_id=names[each.customer_id])).decode()
            found[re.sub(r'"(session_id)":"\w+"|"(ledger_sequence)":\d+', "", text)] += 1
        else:
            found[each.value] += 1
    return found
