"""Allocation against a reference that does everything the slow way: same offers, same record, same verdicts."""

from typing import Any

import msgspec
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from ledger_bank import RULES, Customer, candidates, day, plan
from naive_allocator import NaiveAllocator, Offered, Told

from models.ledger import LedgerFold
from models.times import HOUR
from models.volumes.quotes import RecordedQuotes
from schemas import DeadLetter, Decision, OutcomeKind, Stage
from schemas.decision import Price

IDS = ("ant", "bee", "cat", "dog", "eel", "fox", "note")
PLACES = ("hero", "tile", "mail", "any")
GOVERNED_STAGES = {
    Stage.ACTION_SUPPRESSIONS,
    Stage.TREATMENT_SUPPRESSIONS,
    Stage.CONTACT_LIMITS,
    Stage.CHANNEL_LIMITS,
    Stage.VOLUME_CONSTRAINTS,
}

scopes = st.sampled_from([{}, {"groups": ["g1"]}, {"actions": ["ant", "cat"]}])
channels = st.sampled_from([[], ["web"], ["mail"]])


class Doors:
    """Gates that say what the test tells them."""

    rules = ((Stage.CHANNEL_AVAILABILITY, "shut"), (Stage.TREATMENT_ELIGIBILITY, "hushed"))
    any = True

    def __init__(self, spec):
        self.spec, self.told = spec, Told()

    def refused(self, _, channel):
        bits = sum(1 << IDS.index(action) for action in self.told.shut.get(channel, ()))
        return [(0, bits)] if bits else []

    def refused_treatments(self, _, channel):
        return {
            index: names
            for index, action in enumerate(self.spec.actions)
            if (names := {t.id: 1 for t in action.treatments if t.id in self.told.hushed})
        }


class Prices(RecordedQuotes):
    """Quotes that the test gives; remembers what it is told."""

    def __init__(self, coverage):
        super().__init__(coverage)
        self.taken: list[Any] = []

    def take(self, at, spot):
        self.taken.append((at, spot.action))

    def release(self, at, spot):
        self.taken.remove((at, spot.action))


@st.composite
def actions(draw_):
    found = []
    for name in IDS:
        treatments = [
            {
                "id": f"{name}-{number}",
                "placements": sorted(draw_(st.sets(st.sampled_from(PLACES), min_size=1))),
            }
            for number in range(draw_(st.integers(1, 2)))
        ]
        found.append(
            {
                "id": name,
                "group": draw_(st.sampled_from(["g1", "g2"])),
                "message_class": "service" if name == "note" else "marketing",
                "mandatory": draw_(st.integers(0, 9)) == 0,
                "value": 1.0,
                "treatments": treatments,
            }
        )
    return found


@st.composite
def limits(draw_):
    return [
        {
            "id": f"limit-{number}",
            "at_most": draw_(st.integers(0, 3)),
            "per": draw_(st.sampled_from(["1d", "3d"])),
            "each": draw_(st.sampled_from(["customer", "channel", "group", "action", "treatment"])),
            "scope": draw_(scopes),
            "channels": draw_(channels),
            "same_decision": draw_(st.sampled_from(["counted", "counted", "exempt"])),
        }
        for number in range(draw_(st.integers(0, 2)))
    ]


@st.composite
def bundles(draw_):
    names = list(draw_(st.permutations(IDS)))
    found = []
    for number in range(draw_(st.integers(0, 2))):
        parent, *members = [names.pop() for _ in range(draw_(st.integers(2, 3)))]
        needs, alone = draw_(st.sampled_from(["all", "any", "none"])), draw_(st.booleans())
        found.append(
            {"id": f"bundle-{number}", "parent": parent, "members": members, "needs": needs, "alone": alone}
        )
    return found, names


@st.composite
def plans(draw_):
    catalogue = draw_(actions())
    bundled, rest = draw_(bundles())
    spare = [a for a in catalogue if a["id"] in rest and not a["mandatory"]]
    placements = {
        "hero": {"channel": "web"},
        "tile": {"channel": "web", "slots": 3},
        "mail": {"channel": "mail", "slots": 2},
        "any": {},
    }
    for action in spare[: draw_(st.integers(0, 2))]:
        place = draw_(st.sampled_from(action["treatments"][0]["placements"]))
        placements[place]["fallback"] = action["id"]
    influences = [
        {
            "id": f"influence-{number}",
            **draw_(st.sampled_from([{"outcomes": ["Clicked"]}, {"label": "negative"}])),
            "of": draw_(st.sampled_from(["action", "group", "issue"])),
            "percent": draw_(st.sampled_from([-100, -50, 80])),
            "half_life": draw_(st.sampled_from([None, "1d"])),
            "lasts": "2d",
        }
        for number in range(draw_(st.integers(0, 2)))
    ]
    volumes = [
        {
            "id": f"volume-{number}",
            "at_most": 5,
            "per": "1d",
            "scope": draw_(scopes),
            "channels": draw_(channels),
        }
        for number in range(draw_(st.integers(0, 2)))
    ]
    suppressions = [
        {
            "id": "no",
            "outcomes": ["Rejected"],
            "pause": "2d",
            "pauses": draw_(st.sampled_from(["action", "group"])),
        }
    ]
    return plan(
        actions=catalogue,
        limits=draw_(limits()),
        suppressions=suppressions if draw_(st.booleans()) else (),
        contact={"volumes": volumes},
        channels={"web": {"direction": "inbound"}, "mail": {"direction": "outbound"}},
        issues={"grow": {}},
        groups={"g1": {"issue": "grow"}, "g2": {"issue": "grow"}},
        placements=placements,
        bundles=bundled,
        arbitration={"influences": influences},
    )


@st.composite
def requests(draw_, spec, number):
    """Ranked candidates, mandatory first, and what gates and capacity say to them."""
    mandatory = {action.id for action in spec.actions if action.mandatory}
    chosen = draw_(st.permutations(IDS))[: draw_(st.integers(1, len(IDS)))]
    chosen = sorted(chosen, key=lambda name: name not in mandatory)
    found = candidates(
        spec,
        chosen,
        day(number),
        name=f"r{number}",
        placements=draw_(st.lists(st.sampled_from(PLACES), min_size=1, max_size=4)),
        channel=draw_(st.sampled_from(["web", "mail"])),
    )
    if draw_(st.booleans()):
        evidence = tuple(draw_(st.sampled_from([0.0, 3.0, 40.0])) for _ in IDS)
        found = msgspec.structs.replace(found, evidence=evidence)
    shut = {
        channel: draw_(st.lists(st.sampled_from(IDS), max_size=1, unique=True)) for channel in ("web", "mail")
    }
    hushed = frozenset(draw_(st.lists(st.sampled_from([f"{name}-0" for name in IDS]), max_size=2)))
    volumes = [volume.id for volume in spec.contact.volumes]
    prices = {name: draw_(st.sampled_from([0.0, 0.05, 0.4, 2.0, -0.3])) for name in volumes}
    left = {name: draw_(st.sampled_from([0, 1, 2, 5])) for name in volumes}
    return found, Told(shut if draw_(st.booleans()) else {}, hushed, prices, left)


def recorded(decision: Decision) -> list[Offered]:
    names = [candidate.action for candidate in decision.ranked]
    return [
        Offered(
            offer.placement,
            offer.slot,
            offer.action,
            offer.treatment,
            offer.bundle,
            offer.fallback,
            offer.bid,
            offer.price,
            offer.sampled,
            tuple(names[rank - 1] for rank in offer.contenders),
            offer.contender_prices,
        )
        for offer in decision.offers
    ]


def simply(offers: list[Offered]) -> list[Offered]:
    """Without what is said only where more than priorities has a say."""
    return [Offered(**{**vars(offer), "bid": None}) for offer in offers]


OUTCOMES = (OutcomeKind.CLICKED, OutcomeKind.REJECTED, OutcomeKind.BOUNCED)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.data())
def test_any_plan_is_allocated_as_the_reference_does_it(data):
    spec = data.draw(plans())
    volumes = Prices.of(spec) if data.draw(st.booleans()) else None
    doors = Doors(spec)
    fold = LedgerFold.of(spec, "digest", rules=RULES, gates=doors, volumes=volumes)
    customer, naive = Customer(spec, fold), NaiveAllocator(spec, volumes=volumes is not None)
    for number in range(data.draw(st.integers(1, 4))):
        asked, told = data.draw(requests(spec, number))
        doors.told = told
        if volumes is not None:
            volumes.give(
                [
                    Price(constraint=name, price=told.prices[name], left=told.left[name])
                    for name in told.prices
                ]
            )
        (decision, _) = customer.apply(asked)
        offers, verdicts = naive.decide(asked, day(number), told)
        fast = all(offer.bid is None for offer in decision.offers)
        event("by priority" if fast else "by bids")
        for offer in decision.offers:
            for name in ("bundle", "fallback", "sampled", "contenders", "contender_prices", "price"):
                if getattr(offer, name):
                    event(f"an offer with {name}")
        for candidate in decision.ranked:
            event(f"ended at {candidate.stage}")
        assert recorded(decision) == (simply(offers) if fast else offers)
        assert {c.action: (c.stage.value, c.rule) for c in decision.ranked} == verdicts
        assert (decision.no_action is None) == bool(decision.offers)
        for candidate in decision.ranked:
            assert candidate.action != "note" or candidate.stage not in GOVERNED_STAGES
        answer(data, customer, naive, decision, day(number) + HOUR)
        if volumes is not None:
            made = [c for c in naive.contacts if c.state != "released" and c.paid]
            assert sorted(volumes.taken) == sorted((c.at, c.action) for c in made)


def answer(data, customer, naive, decision, at):
    """Some outcomes of the decision, told to both."""
    for offer in decision.offers:
        kind = data.draw(st.sampled_from([None, *OUTCOMES]))
        if kind is None:
            continue
        said = customer.report(
            kind, at, decision_id=decision.decision_id, rank=offer.rank, outcome_id=f"o{at}{offer.rank}"
        )
        if not isinstance(said, DeadLetter):
            naive.answer(decision.decision_id, offer.action, kind, at)
