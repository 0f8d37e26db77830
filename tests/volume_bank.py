"""A small bank whose customers share capacity, and deciding one slot at a time against its book."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from models.plan.spec import PlanSpec
from models.times import Micros
from models.volumes import Quote, VolumeBook

MIDNIGHT: Micros = 1_795_219_200_000_000
"""Saturday 21 November 2026, 00:00 in London and in UTC."""

ACTIONS = [("offer", "mails", "marketing"), ("call", "calls", "marketing"), ("notice", "mails", "service")]


class Contact(NamedTuple):
    """What the book has to know of a contact."""

    action: str
    channel: str = "email"
    brand: str = "north"


def bank(*volumes: Mapping[str, Any], **more: Any) -> PlanSpec:
    """A plan with an inbound and an outbound channel, and these volume constraints."""
    parts = {
        "plan": "nextbeam/1",
        "name": "capacity",
        "time_zone": "Europe/London",
        "brands": ["north", "south"],
        "channels": {"web": {"direction": "inbound"}, "email": {"direction": "outbound"}},
        "vocabulary": {"signal_types": ["view"]},
        "placements": {"hero": {"channel": "web", "slots": 2}, "body": {"channel": "email"}},
        "issues": {"i": {}},
        "groups": {"mails": {"issue": "i"}, "calls": {"issue": "i"}},
        "actions": [
            {
                "id": name,
                "group": group,
                "value": 10,
                "message_class": kind,
                "treatments": [{"id": f"{name}-said", "placements": ["hero", "body"]}],
            }
            for name, group, kind in ACTIONS
        ],
        "contact": {"volumes": list(volumes)},
    }
    return msgspec.convert({**parts, **more}, PlanSpec)


class Offered(NamedTuple):
    """A contact made: when, and to whose bid."""

    at: Micros
    action: int
    bid: float
    quote: Quote


def offer(
    book: VolumeBook, at: Micros, bids: Sequence[tuple[int, float]], channel: str = "email"
) -> Offered | None:
    """Give one slot as the allocator does: to the best bid that is not refused and not below 0."""
    quote = book.quote(at)
    book.seen(at, channel, "north", bids)
    charges = quote.surcharges(channel, "north")
    refused = 0
    for _, bits in quote.exhausted(channel, "north"):
        refused |= bits
    nets = [(bid - (charges[a] if charges else 0.0), -a, bid) for a, bid in bids if not refused >> a & 1]
    net, minus, bid = max(nets, default=(-1.0, 0, 0.0))
    if net < 0:
        return None
    book.take(at, Contact(ACTIONS[-minus][0], channel))
    return Offered(at, -minus, bid, quote)


def offer_all(
    book: VolumeBook, requests: Iterable[tuple[Micros, Sequence[tuple[int, float]]]]
) -> list[Offered]:
    """Give the slots of all requests; who got one."""
    found = [offer(book, at, bids) for at, bids in requests]
    return [one for one in found if one is not None]
