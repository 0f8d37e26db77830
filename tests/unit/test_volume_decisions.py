"""Plans with volume constraints: what decisions show, and that they can be made again."""

import random
from collections import Counter, defaultdict

import msgspec
import pytest
from capacity_days import MIDNIGHT, PATH, PLAN, days
from hosting import row

from models.folds import advance, fold_together
from models.plan.compiled import Plan
from models.times import DAY, NEVER, micros
from models.volumes import RecordedQuotes
from schemas import ContactState, Decision, Feedback, Offer, Stage

CAPS = {"mails-a-day": 60, "seats": 12}


def decide(events, plan=PLAN):
    return list(fold_together(plan.decide_fold(), [(event.customer_id, event) for event in events]))


def decisions(outputs):
    return [output for output in outputs if isinstance(output, Decision)]


def changed(folder, *edits):
    """The plan with some of its text replaced."""
    text = (PATH / "plan.yaml").read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    (folder / "plan.yaml").write_text(text)
    return Plan.load(folder)


def counting(offer: Offer) -> list[str]:
    """The constraints that an offer counts for, by reading the plan: members of a bundle follow for nothing."""
    if offer.bundle and offer.action == "leaflet":
        return []
    return ["mails-a-day", "seats"] if offer.action == "call-us" else ["mails-a-day"]


def paying(offer: Offer) -> list[str]:
    """The constraints whose price an offer pays."""
    return counting(offer) if offer.message_class == "marketing" else []


@pytest.mark.parametrize("seed", range(3))
def test_no_day_has_more_contacts_than_capacity_and_a_bundle_is_one(seed):
    """Counted from the records alone, in the order they were made; statements must be sent, and use capacity too."""
    standing: dict[tuple[str, int], tuple[int, list[str]]] = {}
    released, used, most, followed = set(), Counter(), Counter(), 0
    for output in decide(days(seed)):
        if isinstance(output, Feedback):
            was, contact = (
                (output.decision_id, output.rank) in released,
                output.contact == ContactState.RELEASED,
            )
            if was != contact:
                day, names = standing[output.decision_id, output.rank]
                used.update({(day, name): -1 if contact else 1 for name in names})
                (released.add if contact else released.discard)((output.decision_id, output.rank))
        for offer in output.offers if isinstance(output, Decision) else ():
            day = (micros(output.decided_at) - MIDNIGHT) // DAY
            standing[output.decision_id, offer.rank] = day, counting(offer)
            used.update((day, name) for name in counting(offer))
            followed += offer.action == "leaflet"
            for name in paying(offer):
                assert used[day, name] <= CAPS[name]
                most[name] = max(most[name], used[day, name])
    assert most["seats"] == 12
    assert 55 <= most["mails-a-day"] <= 60
    assert followed > 0
    assert released


def test_every_offer_shows_the_price_it_paid_and_every_decision_the_prices_that_were_asked():
    paid = 0
    for decision in decisions(decide(days(2))):
        asked = {price.constraint: price.price for price in decision.prices}
        for offer in decision.offers:
            assert offer.price == sum(asked.get(name, 0.0) for name in paying(offer))
            paid += offer.price > 0
            if offer.price and not offer.mandatory:
                assert offer.bid is not None
                assert offer.bid == pytest.approx(offer.priority - offer.price)
                assert offer.bid > 0
        for candidate in decision.ranked:
            if candidate.stage == Stage.VOLUME_CONSTRAINTS:
                (price,) = [price for price in decision.prices if price.constraint == candidate.rule]
                assert price.exhausted or price.price > 0
    assert paid > 20


def test_decisions_do_not_depend_on_the_order_in_which_events_were_read():
    events = days(3, customers=120, step=DAY // 24)
    shuffled = random.Random(1).sample(events, len(events))
    fold = PLAN.decide_fold()
    again = sorted(shuffled, key=lambda event: (fold.order(event), fold.encode_event(event)))
    assert [row(output) for output in decide(again)] == [row(output) for output in decide(events)]


def test_each_customer_can_be_replayed_alone_with_the_quotes_that_were_recorded():
    events = days(4, customers=120)
    made = decide(events)
    recorded = {decision.signal_id: decision for decision in decisions(made)}
    quotes = RecordedQuotes.of(PLAN.spec)
    fold = PLAN.decide_fold(volumes=quotes)
    by_customer = defaultdict(list)
    for event in events:
        by_customer[event.customer_id].append(event)
    again = []
    for own in by_customer.values():
        state = fold.initial()
        for event in own:
            decision = recorded.get(getattr(event, "signal_id", ""))
            quotes.give(decision.prices if decision else ())
            state, outputs = advance(fold, state, event)
            again += outputs
        again += fold.expire(state, NEVER)[1]
    assert Counter(map(row, again)) == Counter(map(row, made))


def test_where_capacity_is_ample_decisions_are_those_of_the_plan_without_it(tmp_path):
    events = days(5, customers=120)
    for name in ("ample", "none"):
        (tmp_path / name).mkdir()
    ample = changed(tmp_path / "ample", ("at_most: 60", "at_most: 60000"), ("at_most: 12", "at_most: 60000"))
    text = [line for line in (PATH / "plan.yaml").read_text().splitlines() if "calendar: day" not in line]
    (tmp_path / "none" / "plan.yaml").write_text("\n".join(text).replace("  volumes:", ""))
    none = Plan.load(tmp_path / "none")
    assert ample.shares_capacity
    assert not none.shares_capacity

    def said(plan):
        return [
            msgspec.structs.replace(decision, decision_id="", plan_digest="", seal="")
            for decision in decisions(decide(events, plan))
        ]

    assert said(ample) == said(none)


def test_without_capacity_nothing_is_offered_but_what_must_be(tmp_path):
    plan = changed(tmp_path, ("at_most: 60", "at_most: 0"))
    offered = {offer.action for decision in decisions(decide(days(6), plan)) for offer in decision.offers}
    assert offered == {"statement"}
