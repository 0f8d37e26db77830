"""events.ndjson: one line an event; one of two hundred is malformed, and one of two hundred comes twice."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from benchmarks.decide50.generate import customers
from benchmarks.decide50.generate.draws import Draws
from benchmarks.decide50.generate.strategy import (
    BRANDS,
    CHANNELS,
    DEVICES,
    PAGES,
    PLACEMENT_NAMES,
    PLACEMENTS,
    PRODUCTS,
    REGIONS,
    TYPES,
)
from benchmarks.decide50.generate.visits import Arrivals, Crowd, arrivals

_FIRST_DAY = np.datetime64("2026-03-01T00:00:00.000")
_TYPE_SHARES = (0.42, 0.18, 0.07, 0.05, 0.015, 0.015, 0.03, 0.13, 0.06, 0.015, 0.015)
_PAGE_SHARES = (0.17, 0.12, 0.17, 0.08, 0.05, 0.075, 0.07, 0.12, 0.06, 0.085)
_PAGE_OF = {
    "product_view": "product",
    "search": "search",
    "add_to_cart": "product",
    "remove_from_cart": "cart",
    "checkout": "checkout",
    "login": "account",
}
"""Of the types that happen on one page only."""
_PRICED = {"add_to_cart", "remove_from_cart"}
_OUTCOMES = {"impression", "click", "convert", "dismiss"}
_REFERRERS = ("direct", "email", "ads", "social")
_CAMPAIGNS, _ITEMS, _LONGEST_MS = 37, 500, 40_000
_EVERY, _MALFORMED_AT, _AGAIN_AT = 200, 60, 160
_FAULTS = 4


class Told(msgspec.Struct):
    """What was written: counts."""

    events: int = 0
    lines: int = 0
    decision_requests: int = 0
    outcomes: int = 0
    malformed: int = 0
    redelivered: int = 0


def lines(draws: Draws, crowd: Crowd, actions: int, told: Told) -> Iterator[bytes]:
    """All lines in order of time; counts them in `told`."""
    encode = msgspec.json.Encoder().encode
    for part in arrivals(draws, crowd):
        for event in _events(draws, part, actions, told.events):
            place = told.events % _EVERY
            line = encode(event)
            if place == _MALFORMED_AT:
                line = _malformed(event, told.events // _EVERY % _FAULTS)
                told.malformed += 1
            else:
                told.decision_requests += event["type"] == "page_view" and event["page"] in PLACEMENTS
                told.outcomes += event["type"] in _OUTCOMES
            told.events += 1
            told.lines += 1
            yield line
            if place == _AGAIN_AT:
                told.redelivered += 1
                told.lines += 1
                yield line


def _malformed(event: dict[str, Any], fault: int) -> bytes:
    """Cut off, of nobody, of an unknown type, or at no time."""
    if fault == 0:
        whole = msgspec.json.encode(event)
        return whole[: len(whole) // 2]
    if fault == 1:
        del event["customer_id"]
    elif fault == 2:
        event["type"] = "page_viewed"
    else:
        event["ts"] = "some day"
    return msgspec.json.encode(event)


def _events(draws: Draws, part: Arrivals, actions: int, first: int) -> Iterator[dict[str, Any]]:
    """One dictionary an arrival; `first` is the number of the first."""
    times = np.datetime_as_string(_FIRST_DAY + part.at.astype("timedelta64[ms]")).tolist()
    columns = (
        part.customer,
        part.brand,
        part.channel,
        part.device,
        draws.weighted("type", part.order, _TYPE_SHARES),
        draws.weighted("page", part.order, _PAGE_SHARES),
        draws.below("item", part.order, _ITEMS),
        draws.below("dwell", part.order, _LONGEST_MS),
        draws.below("cents", part.order, 8000),
        draws.below("action", part.order, actions),
        draws.below("salt", part.order, 1 << 32),
    )
    rows = zip(times, *(column.tolist() for column in columns), strict=True)
    for number, (at, *values) in enumerate(rows, first):
        yield _event(number, at, *values)


def _event(
    number: int,
    at: str,
    customer: int,
    brand_index: int,
    channel: int,
    device: int,
    type_index: int,
    page_index: int,
    item: int,
    dwell_ms: int,
    cents: int,
    action: int,
    salt: int,
) -> dict[str, Any]:
    brand, kind = BRANDS[brand_index], TYPES[type_index]
    page = _PAGE_OF.get(kind) or PAGES[page_index]
    attributes: dict[str, Any] = {
        "device": DEVICES[device],
        "referrer": _REFERRERS[number % len(_REFERRERS)],
        "dwell_ms": dwell_ms,
        "campaign": f"spring-{number % _CAMPAIGNS}",
        "geo": REGIONS[number % len(REGIONS)],
    }
    if kind in _PRICED:
        attributes["value"] = 5 + cents / 100
    if kind in _OUTCOMES:
        attributes["action"] = f"A{action:03d}"
        attributes["placement"] = PLACEMENT_NAMES[action % len(PLACEMENT_NAMES)]
    event = {
        # Ids ascend, so that events of one millisecond have one order everywhere.
        "event_id": f"{number:08x}-{salt:08x}-{customer:08x}",
        "customer_id": customers.name(customer),
        "brand": brand,
        "channel": CHANNELS[channel],
        "type": kind,
        "ts": f"{at}Z",
        "page": page,
        "url": f"https://{brand}.example/{page}/p{item:04d}?src=bench",
        "attributes": attributes,
    }
    if page == "product" or kind in _PRICED:
        event["product"] = PRODUCTS[item % len(PRODUCTS)]
    return event
