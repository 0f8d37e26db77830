"""The book of capacity: what it guarantees, and what its prices do."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from volume_bank import MIDNIGHT, Contact, bank, offer, offer_all

from models.times import DAY, HOUR, MINUTE
from models.volumes import RecordedQuotes, VolumeBook
from models.volumes.demand import BOUNDS, bucket

OFFER, CALL, NOTICE = range(3)
GOVERNED = 1 << OFFER | 1 << CALL

moments = st.lists(st.integers(0, 3 * DAY), max_size=60)
bids = st.lists(st.floats(0, 100), min_size=60, max_size=60)


def requests(times, worths, action=OFFER):
    return [(MIDNIGHT + at, [(action, worth)]) for at, worth in zip(times, worths, strict=False)]


def daily(at_most=None, **more):
    bound = {} if at_most is None else {"at_most": at_most}
    return bank({"id": "mails", "calendar": "day", **bound, **more})


def stream(seed, days, per_day):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, days * DAY, days * per_day))
    return [
        (MIDNIGHT + int(at), [(OFFER, float(w))])
        for at, w in zip(times, rng.lognormal(0, 1, len(times)), strict=True)
    ]


@given(times=moments, worths=bids, cap=st.integers(0, 6), hours=st.integers(1, 40))
def test_no_rolling_window_ever_holds_more_than_at_most_in_any_order(times, worths, cap, hours):
    book = VolumeBook.of(bank({"id": "mails", "at_most": cap, "per": f"{hours}h"}))
    made = [one.at for one in offer_all(book, requests(times, worths))]
    assert all(sum(at <= other < at + hours * HOUR for other in made) <= cap for at in made)


@given(times=moments, worths=bids, cap=st.integers(0, 6), every=st.sampled_from(["hour", "day", "week"]))
def test_no_calendar_window_ever_holds_more_than_at_most_in_any_order(times, worths, cap, every):
    book = VolumeBook.of(bank({"id": "mails", "at_most": cap, "calendar": every}))
    made = [one.at for one in offer_all(book, requests(times, worths))]
    length = {"hour": HOUR, "day": DAY, "week": 7 * DAY}[every]
    monday = MIDNIGHT - 5 * DAY
    windows = [(at - monday) // length for at in made]
    assert all(windows.count(window) <= cap for window in windows)


@given(times=moments, worths=bids, cap=st.integers(1, 4), released=st.lists(st.integers(0, 59), max_size=10))
def test_what_is_released_can_be_given_to_others_and_no_more(times, worths, cap, released):
    book, made = VolumeBook.of(daily(cap)), []
    for number, request in enumerate(requests(times, worths)):
        made += [one.at for one in offer_all(book, [request])]
        if number in released and made:
            book.release(made.pop(), Contact("offer"))
        days = [(at - MIDNIGHT) // DAY for at in made]
        assert all(days.count(day) <= cap for day in days)


@settings(max_examples=60)
@given(
    times=st.lists(st.integers(0, 3 * DAY), max_size=150),
    seed=st.integers(0, 9),
    cap=st.integers(0, 20),
    more=st.integers(0, 20),
    window=st.sampled_from([{"calendar": "day"}, {"per": "1d"}, {"per": "5h"}]),
)
def test_a_tighter_constraint_never_yields_more_contacts(times, seed, cap, more, window):
    worths = np.random.default_rng(seed).lognormal(0, 1, len(times))
    asked = requests(sorted(times), worths.tolist())
    tight, loose = (
        offer_all(VolumeBook.of(bank({"id": "mails", "at_most": bound, **window})), asked)
        for bound in (cap, cap + more)
    )
    for at, _ in asked:
        assert sum(one.at <= at for one in tight) <= sum(one.at <= at for one in loose)


@given(
    times=moments, worths=bids, window=st.sampled_from([{"calendar": "day"}, {"per": "1d"}, {"per": "1h"}])
)
def test_nothing_costs_anything_while_no_more_than_a_hundredth_of_capacity_is_wanted(times, worths, window):
    """Whatever the shape of demand: it takes that much to believe that capacity may not be ample."""
    book = VolumeBook.of(bank({"id": "mails", "at_most": 100 * 60, **window}))
    made = offer_all(book, requests(sorted(times), worths))
    assert len(made) == len(times)
    assert all(one.quote.prices == () and one.quote.surcharges("email", "north") is None for one in made)


def test_nothing_costs_anything_while_steady_demand_is_a_third_of_capacity():
    made = offer_all(VolumeBook.of(daily(900)), stream(seed=1, days=4, per_day=300))
    assert len(made) == 4 * 300
    assert {one.quote.prices for one in made} == {()}


def test_scarce_capacity_lasts_all_day_and_goes_to_the_highest_bids():
    asked = stream(seed=2, days=5, per_day=1000)
    made = offer_all(VolumeBook.of(daily(100)), asked)
    for day in range(1, 5):  # on the first nobody knows what is to come
        begins, ends = MIDNIGHT + day * DAY, MIDNIGHT + (day + 1) * DAY
        worths = sorted((w for at, [(_, w)] in asked if begins <= at < ends), reverse=True)
        today = [one for one in made if begins <= one.at < ends]
        assert sum(one.bid for one in today) >= 0.95 * sum(worths[:100])
        assert 95 <= len(today) <= 100
        by_hour = {(one.at - begins) // (6 * HOUR) for one in today}
        assert by_hour == {0, 1, 2, 3}


def hourly(per_day, days, worth):
    """So many bids of one worth each day, evenly."""
    return [
        (MIDNIGHT + (n * 10 + 3) * DAY // (10 * per_day), [(OFFER, worth)]) for n in range(days * per_day)
    ]


@pytest.mark.parametrize("window", [{"per": "24h"}, {"calendar": "day"}], ids=str)
@pytest.mark.parametrize("better", [0, 7, 20])
def test_capacity_is_used_where_many_bids_are_the_same(better, window):
    """No price tells them apart: above their worth it would leave everything unused."""
    asked = sorted(hourly(96, 10, 4.5) + (hourly(better, 10, 9.0) if better else []))
    made = offer_all(VolumeBook.of(bank({"id": "seats", "at_most": 10, **window})), asked)
    best = 10 * (4.5 * max(0, 10 - better) + 9.0 * min(10, better))
    assert len(made) >= 99
    assert sum(one.bid for one in made) >= 0.8 * best


def test_a_price_is_paid_that_no_losing_bid_would_have_paid():
    book = VolumeBook.of(daily(100))
    for at, slots in stream(seed=3, days=2, per_day=1000):
        quote = book.quote(at)
        (price,) = [price.price for price in quote.prices] or [0.0]
        left = not quote.exhausted("email", "north")
        assert (offer(book, at, slots) is not None) == (slots[0][1] >= price and left)


@settings(max_examples=60)
@given(times=st.lists(st.integers(0, DAY - 1), min_size=1, max_size=60), worths=bids, share=st.floats(0, 1))
def test_in_the_first_window_a_minimum_is_met_whenever_supply_allows(times, worths, share):
    needed = max(1, int(share * len(times)))
    book = VolumeBook.of(
        bank({"id": "calls", "at_least": needed, "calendar": "day", "scope": {"groups": ["calls"]}})
    )
    asked = [
        (at, [(CALL, worth / 100), (OFFER, 5.0)]) for at, [(_, worth)] in requests(sorted(times), worths)
    ]
    assert sum(one.action == CALL for one in offer_all(book, asked)) >= needed


@pytest.mark.parametrize("seed", range(4))
def test_later_a_minimum_is_met_without_coming_first(seed):
    spec = bank({"id": "calls", "at_least": 100, "calendar": "day", "scope": {"groups": ["calls"]}})
    rng = np.random.default_rng(seed)
    asked = [
        (at, [(OFFER, worth), (CALL, worth * float(rng.uniform(0, 0.9)))])
        for at, [(_, worth)] in stream(seed, 5, 500)
    ]
    calls = [one for one in offer_all(VolumeBook.of(spec), asked) if one.action == CALL]
    days = [(one.at - MIDNIGHT) // DAY for one in calls]
    assert all(days.count(day) >= 100 for day in range(5))
    subsidies = [-price.price for one in calls if one.at >= MIDNIGHT + DAY for price in one.quote.prices]
    assert 0 < max(subsidies) < 10
    last = max(one.at for one in calls if one.at < MIDNIGHT + 3 * DAY)
    assert last > MIDNIGHT + 2 * DAY + 12 * HOUR


def test_a_minimum_that_is_met_costs_nothing_any_more():
    spec = bank({"id": "calls", "at_least": 2, "calendar": "day", "scope": {"groups": ["calls"]}})
    book = VolumeBook.of(spec)
    asked = [(MIDNIGHT + number * HOUR, [(OFFER, 5.0), (CALL, 1.0)]) for number in range(6)]
    assert [one.action for one in offer_all(book, asked)] == [CALL, CALL, OFFER, OFFER, OFFER, OFFER]


def test_where_two_constraints_overlap_each_keeps_its_own_and_prices_add_up():
    spec = bank(
        {"id": "mails", "at_most": 200, "calendar": "day"},
        {"id": "seats", "at_most": 40, "calendar": "day", "scope": {"groups": ["calls"]}},
    )
    rng = np.random.default_rng(5)
    asked = [
        (at, [(OFFER, worth), (CALL, worth * 2.0 * float(rng.lognormal(0, 0.5)))])
        for at, [(_, worth)] in stream(5, 3, 1000)
    ]
    made = offer_all(VolumeBook.of(spec), asked)
    for day in range(3):
        today = [one.action for one in made if (one.at - MIDNIGHT) // DAY == day]
        assert len(today) <= 200
        assert today.count(CALL) <= 40
        assert len(today) >= (150 if day == 0 else 190)
    quote = next(one.quote for one in made if len(one.quote.prices) == 2)
    asking = {price.constraint: price.price for price in quote.prices}
    charges = quote.surcharges("email", "north")
    assert charges is not None
    assert charges[CALL] == asking["mails"] + asking["seats"] > charges[OFFER] == asking["mails"]
    assert quote.dearest(CALL, "email", "north") == max(asking, key=asking.__getitem__)


def test_exempt_messages_use_capacity_but_are_neither_priced_nor_refused():
    book = VolumeBook.of(daily(3))
    for number in range(5):
        assert offer(book, MIDNIGHT + number, [(NOTICE, 1.0)]) is not None
    quote = book.quote(MIDNIGHT + HOUR)
    assert quote.exhausted("email", "north") == [("mails", GOVERNED)]
    assert [(price.left, price.exhausted) for price in quote.prices] == [(0, True)]
    book = VolumeBook.of(daily(10))
    for number in range(9):
        offer(book, MIDNIGHT + number * MINUTE, [(NOTICE, 1.0)])
    charges = book.quote(MIDNIGHT + HOUR).surcharges("email", "north")
    assert charges is not None
    assert charges[NOTICE] == 0.0 < charges[OFFER]


def test_capacity_is_kept_for_the_exempt_messages_to_come():
    notices = [(MIDNIGHT + (2 * n + 1) * DAY // 180, [(NOTICE, 1.0)]) for n in range(4 * 90)]
    asked = sorted([*notices, *stream(seed=5, days=4, per_day=50)])
    made = offer_all(VolumeBook.of(daily(100)), asked)
    for day in range(1, 4):  # on the first nobody knows what is to come
        today = [one.action for one in made if MIDNIGHT + day * DAY <= one.at < MIDNIGHT + (day + 1) * DAY]
        assert today.count(NOTICE) == 90
        assert 5 <= today.count(OFFER) <= 15


@pytest.mark.parametrize(
    ("about", "counted"),
    [
        (
            {},
            [
                "offer email north",
                "offer email south",
                "offer web north",
                "call email north",
                "notice email north",
            ],
        ),
        (
            {"channels": ["email"]},
            ["offer email north", "offer email south", "call email north", "notice email north"],
        ),
        ({"directions": ["inbound"]}, ["offer web north"]),
        ({"brands": ["south"]}, ["offer email south"]),
        ({"scope": {"groups": ["calls"]}}, ["call email north"]),
        ({"scope": {"classes": ["service"]}}, ["notice email north"]),
    ],
)
def test_a_constraint_counts_what_it_is_about(about, counted):
    every = [
        "offer email north",
        "offer email south",
        "offer web north",
        "call email north",
        "notice email north",
    ]
    found = []
    for contact in every:
        book = VolumeBook.of(daily(1, **about))
        book.take(MIDNIGHT, Contact(*contact.split()))
        if any(price.exhausted for price in book.quote(MIDNIGHT).prices):
            found.append(contact)
    assert found == counted


def test_a_contact_of_an_unknown_brand_counts_for_every_brand_and_one_of_a_retired_action_for_nothing():
    book = VolumeBook.of(daily(1, brands=["south"]))
    book.take(MIDNIGHT, Contact("retired"))
    assert book.quote(MIDNIGHT).prices == () or not book.quote(MIDNIGHT).prices[0].exhausted
    book.take(MIDNIGHT, Contact("offer", "email", ""))
    assert book.quote(MIDNIGHT).exhausted("email", "south") == [("mails", GOVERNED)]


def test_a_quote_stays_true_while_its_decision_makes_offers():
    quote = VolumeBook.of(daily(2)).quote(MIDNIGHT)
    assert quote.prices[0].left == 2
    assert [quote.offered(OFFER, "email", "north"), quote.exhausted("email", "north")] == [False, []]
    assert quote.offered(CALL, "email", "north")
    assert quote.exhausted("email", "north") == [("mails", GOVERNED)]


def test_a_mandatory_action_is_demand_at_any_price():
    spec = bank({"id": "mails", "at_most": 10, "calendar": "day"})
    first = msgspec.structs.replace(spec.actions[CALL], mandatory=True)
    spec = msgspec.structs.replace(spec, actions=(spec.actions[OFFER], first, spec.actions[NOTICE]))
    book = VolumeBook.of(spec)
    for number in range(9):
        book.quote(MIDNIGHT + number)
        book.seen(MIDNIGHT + number, "email", "north", [(CALL, 0.1), (OFFER, 3.0)])
        book.take(MIDNIGHT + number, Contact("call"))
    assert book.quote(MIDNIGHT + HOUR).prices[0].price > 1000


def test_the_same_calls_give_the_same_quotes():
    asked = stream(seed=4, days=2, per_day=400)
    one, two = (offer_all(VolumeBook.of(daily(50)), asked) for _ in range(2))
    assert [(made.at, made.quote.prices) for made in one] == [(made.at, made.quote.prices) for made in two]


def test_recorded_quotes_are_given_back():
    spec = bank(
        {"id": "mails", "at_most": 60, "calendar": "day"},
        {"id": "ample", "at_most": 100_000, "calendar": "day"},
        {"id": "calls", "at_least": 5, "calendar": "day", "scope": {"groups": ["calls"]}},
    )
    recorded = RecordedQuotes.of(spec)
    for one in offer_all(VolumeBook.of(spec), stream(seed=6, days=2, per_day=300)):
        recorded.give(one.quote.prices)
        again = recorded.quote(one.at)
        assert again.prices == one.quote.prices
        for channel in ("email", "web"):
            assert again.exhausted(channel, "north") == one.quote.exhausted(channel, "north")
            given, asked = again.surcharges(channel, "north"), one.quote.surcharges(channel, "north")
            assert (given and list(given)) == (asked and list(asked))
    recorded.seen(MIDNIGHT, "email", "north", [])
    recorded.take(MIDNIGHT, Contact("offer"))
    recorded.release(MIDNIGHT, Contact("offer"))
    with pytest.raises(KeyError):
        recorded.give([msgspec.structs.replace(again.prices[0], constraint="no-such")])


def test_a_book_whose_past_is_unknown_offers_nothing_until_the_next_window():
    book = VolumeBook.of(daily(100), past="unknown")
    assert offer(book, MIDNIGHT + 20 * HOUR, [(OFFER, 1.0)]) is None
    assert offer(book, MIDNIGHT + 23 * HOUR, [(OFFER, 1.0), (NOTICE, 0.5)]).action == NOTICE
    assert offer(book, MIDNIGHT + DAY, [(OFFER, 1.0)]) is not None
    book = VolumeBook.of(bank({"id": "mails", "at_most": 10, "per": "2h"}), past="unknown")
    times = [MIDNIGHT, MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR]
    assert [offer(book, at, [(OFFER, 1.0)]) is not None for at in times] == [False, False, True]


@given(st.floats(allow_nan=False))
def test_any_worth_is_in_the_bucket_between_whose_bounds_it_is(worth):
    found = bucket(worth)
    if 1e-6 <= abs(worth) <= 9e5:
        assert BOUNDS[found] <= worth * (1 + 1e-9 if worth > 0 else 1 - 1e-9)
        assert BOUNDS[found + 1] >= worth * (1 - 1e-9 if worth > 0 else 1 + 1e-9)
    else:
        assert BOUNDS[found] == 0 or abs(worth) > 9e5
