"""Service messages beside offers in one slot: they use capacity, and do not lock marketing out of what is there."""

from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from metamorphic_bank import START, Rules, bank, compiled, signal
from volume_bank import MIDNIGHT, Contact
from volume_bank import bank as capacity

from models.folds import fold_together
from models.times import HOUR, MINUTE
from models.volumes import VolumeBook
from schemas import Decision

HOURS = 12
OFFER, CALL, NOTICE = range(3)


def page(**volume: Any) -> Rules:
    """A tile that marketing wants, and a service message too, for less; both use what is limited."""
    actions = [_action("sell", "lending", "marketing", 90), _action("help", "care", "service", 10)]
    limited = {"id": "in", "at_most": 20, "calendar": "hour", "directions": ["inbound"], **volume}
    places = {"one": {"channel": "web"}}
    return bank(actions=actions, placements=places, contact={"volumes": [limited]})


def _action(name: str, group: str, kind: str, value: float) -> dict[str, Any]:
    treatments = [{"id": f"{name}-said", "placements": ["one"]}]
    return {"id": name, "group": group, "message_class": kind, "value": value, "treatments": treatments}


def by_hour(rules: Rules, *, weights: bool = False) -> list[Counter[str]]:
    """What each hour offers, of sixty requests of as many customers, and the highest price of all."""
    random = Random(3)
    events = []
    for minute in range(HOURS * 60):
        facts = {"age": random.randrange(100)} if weights else {"age": 40}
        about = {"occurred_at": START + timedelta(minutes=minute, seconds=1), "customer": f"c{minute}"}
        events.append(signal(minute, 0, placements=("one",), profile=facts, **about))
    found = [Counter[str]() for _ in range(HOURS)]
    fold = compiled(rules).decide_fold()
    for output in fold_together(fold, [(event.customer_id, event) for event in events]):
        if isinstance(output, Decision):
            hour = (output.decided_at - START) // timedelta(hours=1)
            found[hour].update(offer.action for offer in output.offers)
            dearest = max((price.price for price in output.prices), default=0.0)
            found[hour]["dearest"] = max(found[hour]["dearest"], dearest)
    return found


def test_what_marketing_may_not_have_goes_to_service_and_marketing_has_it_again_in_the_next_hour():
    for hour in by_hour(page()):
        assert (hour["sell"], hour["help"]) == (20, 40)
        assert hour["dearest"] <= 45


def test_it_has_as_much_where_bids_differ():
    weights = [{"when": f"customer.age >= {n}", "percent": 40.0} for n in range(10, 100, 10)]
    rules = {**page(), "arbitration": {"context_weights": weights}}
    assert [hour["sell"] for hour in by_hour(rules, weights=True)] == [20] * HOURS


def test_a_fallback_that_uses_the_same_capacity_does_not_lock_marketing_out():
    rules = page()
    rules["placements"] = {"one": {"channel": "web", "fallback": "help"}}
    for hour in by_hour(rules):
        assert hour["sell"] >= 19
        assert hour["dearest"] <= 45


def test_with_marketing_alone_counted_marketing_has_it_all():
    for hour in by_hour(page(scope={"classes": ["marketing"]})):
        assert hour["sell"] == 20


@pytest.mark.parametrize(
    ("bids", "taken", "wanted"),
    [
        pytest.param([(OFFER, 5.0), (NOTICE, 1.0)], NOTICE, False, id="whoever-has-it-uses-it"),
        pytest.param([(OFFER, 5.0), (NOTICE, 1.0)], OFFER, False, id="so-it-is-not-wanted-at-a-price"),
        pytest.param([(OFFER, 1.0), (NOTICE, 5.0)], NOTICE, True, id="service-that-wins-is-to-come-again"),
        pytest.param([(NOTICE, 5.0)], NOTICE, True, id="and-so-is-service-alone"),
        pytest.param([(OFFER, 5.0)], OFFER, True, id="marketing-alone-has-a-price"),
    ],
)
def test_a_slot_is_wanted_at_most_once(bids, taken, wanted):
    book = VolumeBook.of(capacity({"id": "mails", "at_most": 20, "calendar": "hour"}))
    for minute in range(59):
        at = MIDNIGHT + minute * MINUTE
        book.quote(at)
        book.seen(at, "email", "north", bids)
        book.take(at, Contact(("offer", "call", "notice")[taken]))
    (pacer,) = book._pacers
    assert pacer.demand.count == (59 if wanted else 0)
    assert (book.quote(MIDNIGHT + HOUR).surcharges("email", "north") is not None) == wanted


def test_a_minimum_counts_on_what_is_used_by_whoever_has_the_slot():
    book = VolumeBook.of(capacity({"id": "mails", "at_least": 20, "calendar": "hour"}))
    for minute in range(180):
        at = MIDNIGHT + minute * MINUTE
        book.quote(at)
        book.seen(at, "email", "north", [(OFFER, 5.0), (NOTICE, 1.0)])
        book.take(at, Contact("offer"))
    assert book.quote(MIDNIGHT + 3 * HOUR).surcharges("email", "north") is None
