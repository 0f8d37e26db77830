"""A reference for allocation: everything by name, nothing compiled, every question asked anew for every slot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.exploration.sampling import draw
from models.ledger.attribution import LABELS
from models.plan.spec import ActionSpec, PlanSpec, ScopeSpec, VolumeSpec
from models.times import Micros, duration
from schemas import CandidateSet, OutcomeKind, Stage
from schemas.common import MessageClass

Verdict = tuple[str, str | None]


@dataclass
class Contact:
    """One contact, and where it stands."""

    at: Micros
    decision: str
    action: str
    treatment: str
    channel: str
    state: str = "reserved"
    paid: bool = True
    """Whether it is a contact of its own, not part of its bundle's."""


@dataclass(frozen=True)
class Offered:
    """What the record says of an offer."""

    placement: str
    slot: int
    action: str
    treatment: str
    bundle: str | None = None
    fallback: bool = False
    bid: float | None = None
    price: float = 0.0
    sampled: float | None = None
    contenders: tuple[str, ...] = ()
    contender_prices: tuple[float, ...] = ()


@dataclass
class Told:
    """What one decision is told from outside: by gates and by capacity."""

    shut: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Actions that a gate refuses, by channel."""
    hushed: frozenset[str] = frozenset()
    """Treatments that a gate refuses."""
    prices: Mapping[str, float] = field(default_factory=dict)
    """By volume constraint."""
    left: Mapping[str, int] = field(default_factory=dict)


class NaiveAllocator:
    """One customer. Events come in the order of time."""

    def __init__(self, spec: PlanSpec, *, volumes: bool) -> None:
        self.spec = spec
        self.volumes = volumes
        self.actions = {action.id: action for action in spec.actions}
        self.contacts: list[Contact] = []
        self.outcomes: list[tuple[OutcomeKind, Contact, Micros]] = []
        self.reserve = {body.fallback for body in spec.placements.values() if body.fallback}

    # --- what happened

    def answer(self, decision: str, action: str, kind: OutcomeKind, at: Micros) -> None:
        """An outcome of an offer."""
        (contact,) = [one for one in self.contacts if (one.decision, one.action) == (decision, action)]
        if kind in (OutcomeKind.BOUNCED, OutcomeKind.EXPIRED):
            contact.state = "released" if contact.state == "reserved" else contact.state
        elif kind != OutcomeKind.PENDING:
            contact.state = "committed"
        self.outcomes.append((kind, contact, at))

    # --- one decision

    def decide(
        self, candidates: CandidateSet, at: Micros, told: Told
    ) -> tuple[list[Offered], dict[str, Verdict]]:
        """The offers and what became of every candidate."""
        self.at, self.told, self.given = at, told, candidates
        self.left = dict(told.left)
        self.order = [self.spec.actions[index].id for index in candidates.order]
        self.now: list[Contact] = []
        self.stopped: dict[str, Verdict] = {}
        self.asked = {
            name: self.spec.placements[name].channel or candidates.request.channel
            for name in candidates.request.placements
            if name in self.spec.placements
        }
        before = {name: {a: self.refusal(a, name) for a in self.order} for name in self.asked}
        offers: list[Offered] = []
        number = 0
        for name in self.asked:
            here = [a for a in self.order if self.fits(a, name) and before[name][a] is None]
            offers += self.fill(name, [a for a in here if a not in self.reserve], number) or self.fall_back(
                name, here
            )
            number += self.spec.placements[name].slots
        self.contacts += self.now
        return offers, {a: self.verdict(a, before, offers) for a in self.order}

    def fill(self, name: str, here: Sequence[str], number: int) -> list[Offered]:
        found: list[Offered] = []
        bundle = None
        slots = self.spec.placements[name].slots
        self.lost: list[Any] = []
        while len(found) < slots:
            free = [a for a in here if a not in self.offered]
            slot = number + len(found) + 1
            if bundle is not None:
                bids = [bid for bid in self.bids(slot, name, free, paid=True) if bid[1] in bundle.members]
                for bid in bids:
                    self.stop_by_offers(bid[1], name)
                bids = [bid for bid in bids if self.by_offers(bid[1], name) is None]
                if bids:
                    found = [self.in_bundle(o, bundle.id) if o.action == bundle.parent else o for o in found]
                    won = self.give(name, len(found) + 1, bids[0], self.chance(bids))
                    self.now[-1].paid = False
                    found.append(self.in_bundle(won, bundle.id))
                    continue
                bundle = None
            bids = [bid for bid in self.bids(slot, name, free) if not self.tied(bid[1])]
            able = []
            for bid in bids:
                if self.by_offers(bid[1], name) is None:
                    if self.complete(bid[1], name, free, slots - len(found), found):
                        able.append(bid)
                    else:
                        self.stopped.setdefault(bid[1], ("BundlingValidity", self.bundle_of(bid[1]).id))
            buyers = []
            for bid in able:
                dear = self.too_dear(bid, name)
                if dear is None:
                    buyers.append(bid)
                else:
                    self.stopped.setdefault(bid[1], ("VolumeConstraints", dear))
            self.lost = self.chance([bid for bid in able if self.exhausted(bid[1], name) is None])
            for bid in bids:
                if buyers and bid == buyers[0]:
                    break
                self.stop_by_offers(bid[1], name)
            if not buyers:
                break
            found.append(self.give(name, len(found) + 1, buyers[0], self.lost))
            self.pay(buyers[0][1], name)
            bundle = self.bundle_of(buyers[0][1])
        return found

    def fall_back(self, name: str, here: Sequence[str]) -> list[Offered]:
        action = self.spec.placements[name].fallback
        if action not in here or action in self.offered:
            return []
        stop = self.by_offers(action, name)
        bid = self.bid(action, name, None)
        dear = self.too_dear(bid, name)
        if stop or dear:
            self.stopped.setdefault(action, stop or ("VolumeConstraints", dear))
            return []
        offer = self.give(name, 1, bid, self.lost)
        self.pay(action, name)
        return [Offered(**{**vars(offer), "fallback": True, "bid": None})]

    def give(self, name: str, slot: int, bid: Any, contenders: Sequence[Any]) -> Offered:
        _, action, amount, price, sampled = bid
        channel = self.asked[name]
        treatment = next(
            t.id for t in self.said_in(action, name) if self.treatment_rule(action, t.id, channel) is None
        )
        self.now.append(Contact(self.at, self.given.request.decision_id, action, treatment, channel))
        ranked = sorted(contenders, key=lambda one: self.order.index(one[1]))
        prices = tuple(one[3] for one in ranked)
        said = tuple(self.first_price(one[1]) for one in ranked)
        return Offered(
            name,
            slot,
            action,
            treatment,
            bid=amount,
            price=price,
            sampled=sampled,
            contenders=tuple(one[1] for one in ranked),
            contender_prices=() if prices == said else prices,
        )

    def in_bundle(self, offer: Offered, name: str) -> Offered:
        return Offered(**{**vars(offer), "bundle": name})

    @property
    def offered(self) -> set[str]:
        return {contact.action for contact in self.now}

    # --- bids

    def bids(self, slot: int, name: str, actions: Sequence[str], *, paid: bool = False) -> list[Any]:
        found = [self.bid(action, name, slot, paid=paid) for action in actions]
        return sorted(
            found, key=lambda bid: (not bid[0], 0.0 if bid[0] else -bid[2], self.order.index(bid[1]))
        )

    def bid(self, action: str, name: str, slot: int | None, *, paid: bool = False) -> Any:
        """Mandatory, action, amount, price, sampled."""
        index = list(self.actions).index(action)
        spec = self.actions[action]
        worth, sampled = self.given.priorities[index], None
        p, evidence = (
            self.given.propensities[index],
            (self.given.evidence or [0.0] * len(self.actions))[index],
        )
        marketing = spec.message_class == MessageClass.MARKETING and not spec.mandatory
        if slot is not None and marketing and evidence > 0 and 0 < p < 1:
            (sampled,) = draw(self.given.request.decision_id, slot, [action], [p], [evidence])
            worth *= sampled / p
        worth *= self.boost(action)
        price = 0.0 if paid else self.price(action, self.asked[name])
        return spec.mandatory, action, worth - price, price, sampled

    def boost(self, action: str) -> float:
        factor = 1.0
        for at, influence, unit in sorted(
            (at, influence.id, self.unit(contact.action, influence.of))
            for kind, contact, at in self.outcomes
            for influence in self.spec.arbitration.influences
            if (kind in influence.outcomes or self.labelled(kind, influence.label))
            and self.in_scope(influence.scope, contact.action)
        ):
            (spec,) = [one for one in self.spec.arbitration.influences if one.id == influence]
            age = self.at - at
            if self.unit(action, spec.of) == unit and age < duration(spec.lasts):
                decay = 1.0 if spec.half_life is None else 0.5 ** (age / duration(spec.half_life))
                factor *= 1.0 + spec.percent / 100.0 * decay
        return factor

    def labelled(self, kind: OutcomeKind, label: str | None) -> bool:
        return label is not None and LABELS.get(kind) is (label == "positive")

    def unit(self, action: str, of: str) -> str:
        group = self.actions[action].group
        return {"action": action, "group": group, "issue": self.spec.groups[group].issue}[of]

    def chance(self, bids: Sequence[Any]) -> list[Any]:
        if any(bid[0] for bid in bids) or all(bid[4] is None for bid in bids):
            return []
        return [bid for bid in bids if bid[4] is not None or not bid[2] <= 0.0 < bid[3]]

    # --- capacity

    def covering(self, action: str, channel: str) -> list[VolumeSpec]:
        if not self.volumes:
            return []
        return [
            volume
            for volume in self.spec.contact.volumes
            if self.in_scope(volume.scope, action) and (not volume.channels or channel in volume.channels)
        ]

    def price(self, action: str, channel: str) -> float:
        if self.actions[action].message_class in self.spec.contact.exempt:
            return 0.0
        return sum(self.told.prices.get(volume.id, 0.0) for volume in self.covering(action, channel))

    def first_price(self, action: str) -> float:
        channel = next(channel for name, channel in self.asked.items() if self.fits(action, name))
        return self.price(action, channel)

    def exhausted(self, action: str, name: str) -> str | None:
        if self.actions[action].message_class in self.spec.contact.exempt:
            return None
        gone = [v.id for v in self.covering(action, self.asked[name]) if self.left.get(v.id) == 0]
        return gone[0] if gone else None

    def too_dear(self, bid: Any, name: str) -> str | None:
        mandatory, action, amount, price, _ = bid
        if gone := self.exhausted(action, name):
            return gone
        if mandatory or not amount <= 0.0 < price:
            return None
        asking = [(self.told.prices.get(v.id, 0.0), v.id) for v in self.covering(action, self.asked[name])]
        most = max(price for price, _ in asking)
        return next(name for price, name in asking if price == most)

    def pay(self, action: str, name: str) -> None:
        for volume in self.covering(action, self.asked[name]):
            if self.left.get(volume.id):
                self.left[volume.id] -= 1

    # --- bundles

    def bundle_of(self, parent: str) -> Any:
        return next((bundle for bundle in self.spec.bundles if bundle.parent == parent), None)

    def tied(self, action: str) -> str | None:
        tied = [bundle.id for bundle in self.spec.bundles if action in bundle.members and not bundle.alone]
        return tied[0] if tied else None

    def complete(
        self, action: str, name: str, free: Sequence[str], left: int, found: Sequence[Offered]
    ) -> bool:
        bundle = self.bundle_of(action)
        if bundle is None or bundle.needs == "none":
            return True
        beside = sum(offer.action in bundle.members for offer in found)
        kept = list(self.now)
        self.now.append(self.contact(action, name))
        followers = 0
        for member in self.actions:  # in any order: a limit that all of them fit is kept in all orders
            fits = member in bundle.members and member in free and followers < left - 1
            if fits and self.by_offers(member, name) is None:
                self.now.append(self.contact(member, name))
                followers += 1
        self.now = kept
        return beside + followers >= (len(bundle.members) if bundle.needs == "all" else 1)

    def contact(self, action: str, name: str) -> Contact:
        return Contact(self.at, "", action, self.said_in(action, name)[0].id, self.asked[name])

    # --- rules

    def fits(self, action: str, name: str) -> bool:
        if action in self.reserve and self.spec.placements[name].fallback != action:
            return False
        return bool(self.said_in(action, name))

    def said_in(self, action: str, name: str) -> list[Any]:
        return [t for t in self.actions[action].treatments if name in t.placements]

    def in_scope(self, scope: ScopeSpec, action: str) -> bool:
        spec: ActionSpec = self.actions[action]
        return (
            (not scope.groups or spec.group in scope.groups)
            and (not scope.actions or action in scope.actions)
            and not scope.issues
            and not scope.classes
        )

    def refusal(self, action: str, name: str) -> Verdict | None:
        """The first rule that refuses an action at a placement before anything is offered."""
        channel = self.asked[name]
        rules = self.rules_on(action, channel, [])
        fitting = [self.treatment_rule(action, t.id, channel) for t in self.said_in(action, name)]
        if fitting and all(rule is not None for rule in fitting):
            rules.append(max(rule for rule in fitting if rule is not None))
        return min(rules)[1] if rules else None

    def by_offers(self, action: str, name: str) -> Verdict | None:
        """The first rule that refuses it now, of which nothing was known before."""
        rules = self.rules_on(action, self.asked[name], self.now)
        return min(rules)[1] if rules else None

    def stop_by_offers(self, action: str, name: str) -> None:
        stop = self.by_offers(action, name)
        if stop is not None:
            self.stopped.setdefault(action, stop)

    def rules_on(
        self, action: str, channel: str, now: Sequence[Contact]
    ) -> list[tuple[tuple[int, int], Verdict]]:
        found: list[tuple[tuple[int, int], Verdict]] = []
        if action in self.told.shut.get(channel, ()):
            found.append(((0, 0), ("OutboundChannelAvailability", "shut")))
        if self.actions[action].message_class in self.spec.contact.exempt:
            return found
        for number, rule in enumerate(self.spec.contact.suppressions):
            if any(
                kind in rule.outcomes
                and at <= self.at < at + duration(rule.pause)
                and self.unit(contact.action, rule.pauses) == self.unit(action, rule.pauses)
                for kind, contact, at in self.outcomes
            ):
                found.append(((1, number), ("ContactPoliciesActionSuppressions", rule.id)))
        for number, limit in enumerate(self.spec.contact.limits):
            if limit.each == "treatment" and limit.at_most:
                continue
            if not self.in_scope(limit.scope, action) or (limit.channels and channel not in limit.channels):
                continue
            if self.count(limit, self.key(limit.each, action, "", channel), now) >= limit.at_most:
                stage = (
                    "ContactPoliciesChannelLimits"
                    if limit.each == "channel"
                    else "ContactPoliciesActionLimits"
                )
                found.append(((2, number), (stage, limit.id)))
        return found

    def treatment_rule(
        self, action: str, treatment: str, channel: str
    ) -> tuple[tuple[int, int], Verdict] | None:
        if treatment in self.told.hushed:
            return (0, 1), ("TreatmentEligibilityChannels", "hushed")
        if self.actions[action].message_class in self.spec.contact.exempt:
            return None
        for number, limit in enumerate(self.spec.contact.limits):
            fitting = self.in_scope(limit.scope, action) and (not limit.channels or channel in limit.channels)
            asked = limit.each == "treatment" and fitting
            if asked and self.count(limit, (action, treatment), []) >= limit.at_most:
                return (2, number), ("ContactPoliciesActionLimits", limit.id)
        return None

    def count(self, limit: Any, key: Any, now: Sequence[Contact]) -> int:
        known = [c for c in self.contacts if c.state != "released" and c.at > self.at - duration(limit.per)]
        known += now if limit.same_decision == "counted" else []
        return sum(
            self.key(limit.each, c.action, c.treatment, c.channel) == key
            and self.in_scope(limit.scope, c.action)
            and (not limit.channels or c.channel in limit.channels)
            and self.actions[c.action].message_class not in self.spec.contact.exempt
            for c in known
        )

    def key(self, each: str, action: str, treatment: str, channel: str) -> Any:
        group = self.actions[action].group
        return {
            "customer": "",
            "channel": channel,
            "group": group,
            "action": action,
            "treatment": (action, treatment),
        }[each]

    # --- verdicts

    def verdict(
        self, action: str, before: Mapping[str, Mapping[str, Any]], offers: Sequence[Offered]
    ) -> Verdict:
        if action in {offer.action for offer in offers}:
            return Stage.OUTPUT.value, None
        fitting = [name for name in self.asked if self.fits(action, name)]
        if any(before[name][action] is None for name in fitting):
            if action in self.stopped:
                return self.stopped[action]
            tied = self.tied(action)
            return ("BundlingValidity", tied) if tied else (Stage.ARBITRATION.value, None)
        rules = [before[name][action] for name in fitting or self.asked]
        if rules and all(rule is not None for rule in rules):
            return rules[0]
        return Stage.TREATMENT_PLACEMENTS.value, None
