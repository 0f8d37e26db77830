"""A comparison whose every text is hostile, for tests of the page and of the terminal."""

from collections import Counter

import msgspec
from drafts import entry
from uk_bank import spec

from models.replaying.cohorts import Cell
from models.replaying.comparing import compare
from models.replaying.comparison import Comparison, Finding, Side, Span
from models.replaying.counterparts import Link
from models.replaying.tally import CellSums, CustomerRow, OfferKey, PriceSums, Sums, Tally
from schemas import Stage


def comparison(text: str) -> Comparison:
    """Two plans that differ everywhere, and say `text` wherever somebody else's words can stand."""
    plans = (
        spec(),
        msgspec.structs.replace(
            spec(), actions=entry(spec().actions, "cash-isa", value=1.0, description=text)
        ),
    )
    sides = tuple(
        Side(
            label=label, path=text, name=text, version=text, digest=digest, currency=text, decoded=90,
            refused={text: 10}, accounted={text: 1}, dead={text: 1}, outcomes={Link.OWN.value: 3}, left_out=1,
        )
        for label, digest in (("A", "a" * 16), ("B", "b" * 16))
    )  # fmt: skip
    span = Span(
        files=(text,),
        lines=100,
        customers=3,
        first="2026-03-02T00:00:00",
        last="2026-03-03T00:00:00",
        live=text,
    )
    found = compare(sides, plans, (_tally(text, 40), _tally(text, 70)), span)
    return msgspec.structs.replace(found, findings=(*found.findings, Finding(level="note", text=text)))


def _tally(text: str, offers: int) -> Tally:
    tally = Tally(decisions=100, candidates=600)
    tally.no_action = Counter({text: 100 - offers})
    tally.arms = Counter({text: offers, "nba": 3})
    tally.feedback = Counter({text: offers})
    tally.links = Counter({Link.OWN: 3})
    tally.offers[OfferKey(text, text, text, text, text, text, text)] = Sums(offers, offers * 1.5, 2.0, 4)
    tally.reached[Cell("action", text)] = 3
    tally.removed[Stage.CONTACT_LIMITS, text][text] = 600 - offers * 2
    tally.removed[Stage.ARBITRATION, ""][text] = offers
    tally.cohorts[Cell("care", "vulnerable")] = CellSums(3, 100, offers, offers, 2, 5.0, 1.0)
    tally.cohorts[Cell(text, text)] = CellSums(3, 100, offers, offers, 2, 5.0, 1.0)
    tally.marked["vulnerable", text] = offers
    tally.prices[text] = PriceSums(100, 50.0, 2.0, 3)
    tally.customers = {1: CustomerRow(offers, offers, 2.0, 1.0), 2: CustomerRow(0, 0, 0.0, 0.0)}
    return tally
