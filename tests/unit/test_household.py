"""Households: limits that count the contacts of everybody who lives there, and the state that they share."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_bank import RULES, START, candidates, day, outcome, plan, signal

from models.folds import Counted, advance
from models.ledger import HouseholdFold, LedgerFold, by_household, key_of
from models.ledger.household import EMPTY_FOR, MOST_MEMBERS
from models.times import DAY, HOUR, NEVER
from schemas import DeadLetter, Decision, Feedback, OutcomeKind, Reason

HOME = {"id": "home", "at_most": 1, "per": "7d", "each": "customer", "whose": "household"}
OWN = {"id": "own", "at_most": 1, "per": "7d", "each": "action"}


class Home:
    """A household; its state goes through bytes after every step."""

    def __init__(self, **policy):
        self.spec = plan(**{"limits": [HOME], **policy})
        self.fold = HouseholdFold(LedgerFold.of(self.spec, "digest", rules=RULES), step="ApplyContactPolicy")
        self.state = self.fold.initial()

    def apply(self, event):
        before = self.fold.encode(self.state)
        state, outputs = advance(self.fold, self.state, event)
        assert self.fold.encode(self.state) == before
        self.state = self.fold.decode(self.fold.encode(state))
        assert self.state == state
        return outputs

    def decide(self, who, at, order=("loan",), **about):
        about = {"customer_id": who, "household_id": "home", "name": f"{who}{at}", **about}
        return next(
            output
            for output in self.apply(candidates(self.spec, list(order), at, **about))
            if isinstance(output, Decision)
        )

    def offered(self, who, at, order=("loan",), **about):
        return [offer.action for offer in self.decide(who, at, order, **about).offers]

    def report(self, who, kind, at, **named):
        return self.apply(outcome(kind, at, customer_id=who, household_id="home", **named))


def rules(decision):
    return {candidate.action: candidate.rule for candidate in decision.ranked}


def test_a_contact_of_one_counts_for_all():
    home = Home()
    assert home.offered("ann", day(0)) == ["loan"]
    assert rules(home.decide("ben", day(1))) == {"loan": "home"}
    assert home.offered("ben", day(1.5), ["loan", "fraud-alert"]) == ["fraud-alert"]
    assert home.offered("ben", day(7)) == ["loan"]


def test_limits_for_customers_stay_with_the_customer():
    home = Home(limits=[{**HOME, "at_most": 2}, OWN])
    assert home.offered("ann", day(0)) == ["loan"]
    assert rules(home.decide("ann", day(1))) == {"loan": "own"}
    assert home.offered("ben", day(1)) == ["loan"]


def test_pauses_stay_with_the_customer():
    home = Home(
        limits=[{**HOME, "at_most": 9}],
        suppressions=[{"id": "no", "outcomes": ["Rejected"], "pause": "9d"}],
    )
    name = home.decide("ann", day(0)).decision_id
    home.report("ann", OutcomeKind.REJECTED, day(0.1), decision_id=name)
    assert home.offered("ann", day(1)) == []
    assert home.offered("ben", day(1)) == ["loan"]


def test_an_offer_is_answered_only_by_the_customer_who_got_it():
    home = Home()
    name = home.decide("ann", day(0)).decision_id
    letter, counted = home.report("ben", OutcomeKind.CLICKED, day(0.1), decision_id=name)
    assert (letter.reason, counted) == (Reason.UNATTRIBUTED, Counted.DEAD)


@pytest.mark.parametrize(("counts", "second"), [("reserved", []), ("committed", ["loan"])])
def test_a_limit_for_households_too_says_which_contacts_count(counts, second):
    home = Home(limits=[{**HOME, "counts": counts}])
    name = home.decide("ann", day(0)).decision_id
    assert home.offered("ben", day(0.1)) == second
    home.report("ann", OutcomeKind.IMPRESSION, day(0.2), decision_id=name)
    assert home.offered("cleo", day(0.3)) == []


def test_a_release_for_one_makes_room_for_another():
    home = Home()
    name = home.decide("ann", day(0)).decision_id
    home.report("ann", OutcomeKind.BOUNCED, day(0.1), decision_id=name)
    assert home.offered("ben", day(0.2)) == ["loan"]


def test_silence_of_one_is_said_by_a_timer_and_not_by_the_events_of_another():
    home = Home()
    home.decide("ann", day(0))
    said = home.apply(candidates(home.spec, ["loan"], day(3), customer_id="ben", household_id="home"))
    assert not [output for output in said if isinstance(output, Feedback)]
    (silence,) = [output for output in _expired(home, day(3)) if isinstance(output, Feedback)]
    assert (silence.customer_id, silence.outcome, silence.label) == ("ann", OutcomeKind.NO_RESPONSE, False)


def test_an_event_of_one_never_makes_an_event_of_another_late():
    home = Home()
    home.decide("ann", day(0))
    home.apply(candidates(home.spec, ["loan"], day(9), customer_id="ben", household_id="home"))
    home.apply(candidates(home.spec, ["loan"], day(9), customer_id="ben", household_id="home"))
    said = home.apply(
        outcome(OutcomeKind.CLICKED, day(0.1), action="loan", customer_id="ann", household_id="home")
    )
    assert [each.outcome for each in said if isinstance(each, Feedback)] == [OutcomeKind.CLICKED]


def test_the_changes_of_a_household_are_numbered_in_one_sequence():
    home = Home(limits=[{**HOME, "at_most": 9}])
    found = [home.decide(who, day(0.1 * number)) for number, who in enumerate(["ann", "ben", "ann", "cleo"])]
    assert [decision.ledger_sequence for decision in found] == [1, 2, 3, 4]
    assert len({decision.ledger_since for decision in found}) == 1
    # A ledger that was forgotten goes on where the household is, not where it was.
    silences = [each for each in _expired(home, day(30)) if isinstance(each, Feedback)]
    assert [each.ledger_sequence for each in silences] == [5, 6, 7, 8]
    assert home.state.members == {}
    assert home.decide("ann", day(35)).ledger_sequence == 9
    assert home.decide("ann", day(35.1)).ledger_since == found[0].ledger_since


@pytest.mark.parametrize("timer", [True, False])
@pytest.mark.parametrize(("days", "anew"), [(30, False), (32, True)])
def test_a_household_without_members_is_as_never_seen_once_nothing_from_before_can_come(timer, days, anew):
    home = Home()
    home.decide("ann", day(0))
    while home.state.members:
        _expired(home, home.fold.deadline(home.state))
    empty = home.state.forgotten
    assert home.fold.deadline(home.state) == empty + EMPTY_FOR
    if timer:
        _expired(home, empty + days * DAY)
        assert (home.state == home.fold.initial()) is anew
    decision = home.decide("ann", empty + days * DAY)
    assert decision.ledger_sequence == (1 if anew else 3)


def test_what_was_written_before_members_could_be_erased_is_read():
    home = Home()
    home.decide("ann", day(0))
    written = msgspec.msgpack.decode(home.fold.encode(home.state))
    assert home.fold.decode(msgspec.msgpack.encode(written[:-2])) == home.state


def _unnumbered(record):
    """Silences of others take their number when a timer comes by."""
    if isinstance(record, (Decision, Feedback)):
        return msgspec.structs.replace(record, ledger_sequence=0, ledger_since=None)
    return record


def _expired(home, now):
    home.state, outputs = home.fold.expire(home.state, now)
    return outputs


def test_what_changes_nothing_takes_no_number_and_no_room():
    home = Home()
    home.decide("ann", day(0))
    before = home.state
    assert home.report("ben", OutcomeKind.CLICKED, day(0.1), decision_id="none")[-1] == Counted.DEAD
    assert home.state == before


def test_a_decision_from_before_what_others_may_have_forgotten_is_careful():
    home = Home(limits=[{**HOME, "at_most": 9, "scope": {"groups": ["lending"]}}])
    home.decide("ann", day(10))
    assert home.offered("ben", day(10) - 2 * HOUR, ["loan"]) == ["loan"]
    late = home.decide("ben", day(10) - 2 * HOUR - 1, ["loan", "saver"], placements=["tile"])
    assert [offer.action for offer in late.offers] == ["saver"]
    assert rules(late)["loan"] == "household-unsure"


def test_so_it_is_once_a_ledger_was_forgotten_as_a_whole():
    home = Home()
    home.decide("ann", day(0))
    _expired(home, day(20))
    assert home.state.members == {}
    assert rules(home.decide("ben", day(2))) == {"loan": "household-unsure"}
    assert home.offered("ben", day(20)) == ["loan"]


def test_while_the_ledger_of_one_is_lost_no_limit_for_households_can_be_kept():
    home = Home(limits=[{**HOME, "at_most": 9}, OWN])
    lost = LedgerFold.of(home.spec, "digest", rules=RULES).lost(day(0))
    home.state = msgspec.structs.replace(home.state, members={"ann": lost}, sequence=1, since=day(0))
    assert rules(home.decide("ben", day(1))) == {"loan": "household-unsure"}
    assert home.offered("ben", day(7) + 2 * HOUR) == ["loan"]


def test_an_id_that_stands_for_too_many_is_no_household():
    home = Home(limits=[{**HOME, "at_most": 99}])
    for number in range(MOST_MEMBERS):
        assert home.offered(f"c{number}", START + number) == ["loan"]
    letter, counted = home.apply(
        candidates(home.spec, ["fraud-alert"], START + 99, customer_id="one-more", household_id="home")
    )
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.customer_id, counted) == (
        Reason.HOUSEHOLD_FULL,
        "one-more",
        Counted.DEAD,
    )
    assert home.offered("c0", START + 100) == ["loan"]


def test_signals_that_were_accounted_for_before_are_not_counted_again():
    home = Home()
    fold = HouseholdFold(
        LedgerFold.of(home.spec, "digest", rules=RULES), step="x", forwarded=(type(signal(START)),)
    )
    full = msgspec.structs.replace(
        fold.initial(), members=dict.fromkeys(map(str, range(MOST_MEMBERS)), home.fold.initial())
    )
    _, outputs = fold.step(full, signal(START))
    assert [type(output) for output in outputs] == [DeadLetter]


def test_a_customer_who_moves_is_new_in_the_new_household():
    home, away = Home(), Home()
    home.decide("ann", day(0))
    assert away.offered("ann", day(1), household_id="away") == ["loan"]


@pytest.mark.parametrize("limit", [HOME, OWN], ids=["household", "customer"])
def test_the_key_is_the_household_only_where_a_limit_asks_for_it(limit):
    spec = plan(limits=[limit])
    fold = LedgerFold.of(spec, "digest", rules=RULES)
    hosted = HouseholdFold(fold, step="x") if by_household(spec) else fold
    of_home = outcome(OutcomeKind.CLICKED, START, household_id="c1")
    alone = outcome(OutcomeKind.CLICKED, START)
    asked = candidates(spec, ["loan"], START, household_id="c1")
    keys = [key_of(hosted, event) for event in (of_home, alone, asked)]
    assert keys == (["household c1", "customer c1", "household c1"] if limit is HOME else ["c1"] * 3)


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\x95\x02\x00\x00\x00\x90", b"\x95\x01\x00\x00\x01\x91\x92\xa1a\xc4\x00"]
)
def test_a_state_that_cannot_be_read_is_an_error(data):
    with pytest.raises(ValueError, match="state"):
        Home().fold.decode(data)


events = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["ann", "ben", "cleo"]), st.booleans()), max_size=25
)


@settings(max_examples=100, deadline=None)
@given(events, st.data())
def test_it_does_not_matter_when_a_host_calls_expire(history, data):
    home = Home(limits=[{**HOME, "at_most": 2}, OWN])
    arrivals = []
    for number, (step, who, asks) in enumerate(sorted(history, key=lambda each: each[0])):
        at = START + step * DAY // 4 + number
        about = {"customer_id": who, "household_id": "home"}
        if asks:
            arrivals.append(candidates(home.spec, ["loan", "card"], at, name=f"n{number}", **about))
        else:
            arrivals.append(outcome(OutcomeKind.CLICKED, at, action="loan", **about))

    def lived(pauses):
        state, said = home.fold.initial(), []
        for event in arrivals:
            at = home.fold.order(event)[0]
            state, due = home.fold.expire(state, at - pauses())
            state, outputs = advance(home.fold, state, event)
            said += due + outputs
        state, due = home.fold.expire(state, NEVER)
        return sorted(repr(_unnumbered(each)) for each in said + due)

    assert lived(lambda: 0) == lived(lambda: data.draw(st.integers(0, 9)) * DAY)
