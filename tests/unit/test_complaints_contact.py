"""What people complain about in the systems they have, number by number, and that it does not happen here.

Whole slices: a plan written and loaded as its author would, signals and outcomes in, decisions out. Here those about
contacts; docs/complaints.md lists all twenty, and where they are.
"""

import json
from datetime import timedelta
from itertools import permutations

import pytest
from metamorphic_bank import (
    START,
    answer,
    bank,
    decisions,
    known,
    limit,
    loaded,
    offered,
    outputs,
    pause,
    request,
    selling,
    signal,
    sold,
)

from models.decoding import Decoder, Rejection
from models.folds import advance
from models.plan.load import PlanError
from schemas import DeadLetter, Decision, OutcomeKind, Signal


@pytest.fixture
def plan(tmp_path):
    """Loads a plan from its text."""
    return lambda rules: loaded(rules, tmp_path)


def test_complaint_01_an_upgrade_leaves_pauses_without_an_end(plan):
    """New versions wrote a lifetime of zero to pauses in progress, which then never ended."""
    opt_out = pause("opt-out", 240, "all")
    old, new = (
        plan(selling(suppressions=[opt_out])),
        plan({**selling(suppressions=[opt_out], limits=[limit("more", 9, 24)]), "version": "2"}),
    )
    assert old.digest != new.digest
    state = old.decide_fold().initial()
    for event in (known(), signal("stop", 0, type="opt_out", attributes={"action": "loan"})):
        state, _ = advance(old.decide_fold(), state, event)
    upgraded = new.decide_fold()
    state = upgraded.decode(old.decide_fold().encode(state))
    end = START + timedelta(hours=240)
    asked = [
        request(0, 1),
        request(1, 2, occurred_at=end - timedelta(microseconds=1)),
        request(2, 3, occurred_at=end),
    ]
    found = []
    for event in asked:
        state, said = advance(upgraded, upgraded.decode(upgraded.encode(state)), event)
        found += [offered(each) for each in said if isinstance(each, Decision)]
    assert found == [[], [], ["loan"]]
    with pytest.raises(PlanError, match="no time at all"):
        plan(selling(suppressions=[pause("opt-out", 0, "all")]))


def test_complaint_02_each_surface_has_a_cap_of_its_own(plan):
    """Capped by person in one place and by device or cookie in another, a person gets the cap many times over."""
    events = [known()]
    for number, (channel, placement) in enumerate(
        [("web", "hero"), ("mail", "letter"), ("text", "message")] * 4
    ):
        device = {"device_id": f"device-{number}", "session_id": f"session-{number}"}
        events.append(request(number, number / 10, placement, channel=channel, **device))
    assert sum(map(len, sold(plan(selling(limits=[limit("two", 2, 24)])), events))) == 2


@pytest.mark.parametrize("spelling", ["Web", "WEB", "web ", "ｗｅｂ"])
def test_complaint_03_another_spelling_switches_the_cap_off(plan, spelling):
    """Where letter case of a name differs between rule and event, the rule is silently not applied."""
    with pytest.raises(PlanError, match="channel") as refused:
        plan(selling(limits=[limit("web", 1, 24, channels=[spelling])]))
    assert "plan.yaml:" in str(refused.value)
    good = plan(selling(limits=[limit("web", 1, 24, channels=["web"])]))
    event = {"signal_id": "s", "customer_id": "c", "occurred_at": "2026-05-04T09:00:00Z", "type": "view"}
    decode = Decoder(Signal, good.spec).decode
    for name in ("channel", "brand"):
        said = {**event, "channel": "web", "brand": "harbour"}
        assert isinstance(decode(json.dumps(said).encode()), Signal)
        refused = decode(json.dumps({**said, name: said[name].upper()}).encode())
        assert isinstance(refused, Rejection | DeadLetter), refused
    nameless = decode(
        json.dumps({**event, "channel": "web", "brand": "harbour", "Customer_Id": "d"}).encode()
    )
    assert isinstance(nameless, Signal)
    assert nameless.customer_id == "c"


def test_complaint_04_what_was_prepared_counts_whether_sent_or_not(plan):
    """A message that bounced or was never sent uses up the cap for good."""
    one = plan(selling(limits=[limit("one", 1, 48)]))
    asked = [known(), request(0, 0, "letter"), request(1, 2, "letter"), request(2, 3, "letter")]
    assert sold(one, asked) == [["loan"], [], []]
    for kind in (OutcomeKind.BOUNCED, OutcomeKind.EXPIRED):
        back = answer(0, 1, decisions(one, asked)[0], 1, kind)
        assert sold(one, [*asked[:2], back, *asked[2:]]) == [["loan"], ["loan"], []]
    unseen = selling(limits=[limit("one", 1, 100)])
    unseen["channels"]["mail"]["unconfirmed"] = "release"
    later = [*asked, request(3, 60, "letter")]
    assert sold(plan(unseen), later) == [["loan"], [], [], ["loan"]]
    came = answer(0, 1, decisions(plan(unseen), asked)[0], 1, OutcomeKind.DELIVERED)
    assert sold(plan(unseen), [*later[:2], came, *later[2:]]) == [["loan"], [], [], []]


def test_complaint_05_caps_on_messages_do_not_hold_for_what_the_site_shows_nor_several_at_once(plan):
    """One product caps messages, another decides what the site shows; of several caps only one is kept."""
    caps = [limit("day", 2, 24), limit("week", 3, 168), limit("mail", 1, 168, channels=["mail"])]
    several = plan(selling(limits=caps))
    places = ["letter", "hero", "letter", "hero", "message", "letter", "hero"]
    hours = [0, 1, 2, 3, 25, 26, 27]
    found = decisions(
        several, [known(), *(request(n, h, p) for n, (h, p) in enumerate(zip(hours, places, strict=True)))]
    )
    assert [len(offered(each)) for each in found] == [1, 1, 0, 0, 1, 0, 0]
    by = [{each.rule for each in decision.ranked if each.rule} for decision in found]
    assert by[2:4] == [{"day"}, {"day"}]
    assert by[5:] == [{"week"}, {"week"}]


def test_complaint_06_a_change_of_consent_or_cap_takes_hours_to_arrive(plan):
    """Two days until an opt-out is believed, ten minutes until a new cap is."""
    free, capped = plan(selling()), plan(selling(limits=[limit("none", 0, 24)]))
    events = [known(), request(0, 0, "letter"), request(1, 0, "letter", profile={"consent_mail": False})]
    assert sold(free, [*events, request(2, 0, "letter"), request(3, 0, "hero")]) == [
        ["loan"],
        [],
        [],
        ["loan"],
    ]
    state = free.decide_fold().initial()
    for event in events[:2]:
        state, _ = advance(free.decide_fold(), state, event)
    _, said = advance(capped.decide_fold(), state, request(4, 0, "hero"))
    assert [offered(each) for each in said if isinstance(each, Decision)] == [[]]


def test_complaint_07_a_frequency_rule_is_ignored_blocks_service_is_off_by_one_or_reads_zero_as_no_limit(
    plan,
):
    """Mistakes with one rule: not applied, applied to receipts, the wrong unit, a zero with a meaning of its own."""
    weekly = plan(bank(contact={"limits": [limit("weekly", 2, 168)]}))
    edge = timedelta(hours=168)
    asked = [known(), request(0, 0), request(1, 1), request(2, 2), request(3, 3, "notice")]
    asked += [
        request(4, 0, occurred_at=START + edge - timedelta(microseconds=1)),
        request(5, 0, occurred_at=START + edge),
        request(6, 0, occurred_at=START + edge),
    ]
    assert sold(weekly, asked) == [["loan"], ["loan"], [], [], [], ["loan"], []]
    service = [offered(each, marketing=False) for each in decisions(weekly, asked)]
    assert service[3] == ["notice", "terms"]
    assert service[2] == ["notice"]
    none = plan(bank(contact={"limits": [limit("none", 0, 1)]}))
    assert sold(none, asked) == [[]] * 7
    assert sold(plan(bank()), asked[:4]) == [["loan"]] * 3
    with pytest.raises(PlanError, match="at_most"):
        plan(bank(contact={"limits": [{"id": "x", "per": "1d", "each": "customer"}]}))


def test_complaint_08_events_count_twice_out_of_time_or_get_lost(plan):
    """Redelivered events count again, late ones count for today, and of simultaneous ones one overwrites the other."""
    capped = plan(selling(limits=[limit("two", 2, 24)]))
    asked = [request(n, n / 2) for n in range(3)]
    for order in permutations(asked):
        events = [known(), *(event for event in order for _ in range(3))]
        found = decisions(capped, events)
        assert sorted(each.signal_id for each in found) == ["s0", "s1", "s2"]
        assert sum(len(offered(each)) for each in found) == 2
        assert sum(isinstance(each, DeadLetter) for each in outputs(capped, events)) == 0
        counted = {each.signal_id: each.context.features for each in found}
        assert len(counted) == 3
    at_once = [known(), *(request(n, 0, channel="web", device_id=f"d{n}") for n in range(50))]
    assert sum(map(len, sold(plan(selling(limits=[limit("one", 1, 1)])), at_once))) == 1
