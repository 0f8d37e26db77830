"""Which offer of a plan, if any, a recorded outcome answers when that plan was not the live one."""

from datetime import UTC, datetime

import pytest

from models.identity import decision_id
from models.replaying.counterparts import Link, Trail
from schemas import Outcome, OutcomeKind

LIVE, OTHER, THIRD = "1" * 16, "2" * 16, "3" * 16
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def outcome(signal: str | None = "s1", *, by: str = LIVE, **fields: object) -> Outcome:
    named = None if signal is None else decision_id(signal, by)
    return Outcome(
        outcome_id="o", customer_id="c", occurred_at=AT, kind=OutcomeKind.CLICKED, decision_id=named, **fields
    )


def trail(digest: str, **options: object) -> Trail:
    """Signals s1 to s3; offers on two of them."""
    made = Trail(digest, (LIVE, THIRD), **options)
    for signal in ("s1", "s2", "s3"):
        made.heard(signal)
    made.decided("s1", ("isa", "loan"))
    made.decided("s2", ())
    return made


@pytest.mark.parametrize(
    ("answer", "link", "action"),
    [
        pytest.param(outcome(None, action="isa"), Link.BY_ACTION, "isa", id="by-action-alone"),
        pytest.param(
            outcome(action="loan", rank=1), Link.SAME_OFFER, "loan", id="same-action-at-another-rank"
        ),
        pytest.param(outcome(by=THIRD, action="isa"), Link.SAME_OFFER, "isa", id="the-second-live-digest"),
        pytest.param(outcome(action="card"), Link.OTHER_OFFER, None, id="another-action"),
        pytest.param(outcome("s2", action="isa"), Link.OTHER_OFFER, None, id="nothing-was-offered"),
        pytest.param(outcome("s3", action="isa"), Link.NO_DECISION, None, id="nothing-was-decided"),
        pytest.param(outcome(rank=1), Link.UNNAMED, None, id="a-rank-alone"),
        pytest.param(outcome("elsewhere", action="isa"), Link.UNKNOWN, "isa", id="no-such-signal"),
        pytest.param(outcome(by="9" * 16, action="isa"), Link.UNKNOWN, "isa", id="no-such-plan"),
    ],
)
def test_outcomes_of_the_live_plan_under_another(answer, link, action):
    attached, found = trail(OTHER).attach(answer)
    assert found is link
    assert (attached.action if attached else None) == action
    if link is Link.SAME_OFFER:
        assert attached.decision_id == decision_id("s1", OTHER)
        assert attached.rank is None
    elif attached is not None:
        assert attached is answer


def test_outcomes_stand_as_they_are_under_the_live_plan_itself():
    for answer in (
        outcome(action="isa"),
        outcome(action="card"),
        outcome(rank=7),
        outcome("s3", action="isa"),
    ):
        attached, link = trail(LIVE).attach(answer)
        assert attached is answer
        assert link is Link.OWN


@pytest.mark.parametrize(
    ("rank", "link", "action"),
    [
        pytest.param(2, Link.SAME_OFFER, "loan", id="the-rank-was-offered-here-too"),
        pytest.param(1, Link.OTHER_OFFER, None, id="the-rank-was-something-else"),
        pytest.param(3, Link.UNNAMED, None, id="no-such-rank"),
        pytest.param(None, Link.UNNAMED, None, id="one-of-two-and-none-named"),
    ],
)
def test_a_rank_alone_is_looked_up_where_the_live_plan_was_folded_too(rank, link, action):
    under = trail(OTHER, live_offers={LIVE: {"s1": ("card", "loan")}})
    attached, found = under.attach(outcome(rank=rank))
    assert (found, attached.action if attached else None) == (link, action)


def test_a_signal_heard_after_an_earlier_look_is_found_too():
    late = trail(OTHER)
    assert late.attach(outcome("s9", action="isa"))[1] is Link.UNKNOWN
    late.heard("s9")
    late.decided("s9", ("isa",))
    assert late.attach(outcome("s9", action="isa"))[1] is Link.SAME_OFFER
