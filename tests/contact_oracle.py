"""The contact policy, decided the slow way: nothing is ever forgotten, and every question is asked of everything.

Of contacts that the plans it lived through would have forgotten, or not remembered, it notes just that. It knows
contacts and triggers as plain lists, in no order and without any index. A limit is tried in every window that
contains the new contact, a suppression with every trigger there ever was. All times are whole `STEP`s, so that trying
every window that starts at a step is exhaustive.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from models.plan.spec import LimitSpec, PlanSpec, SuppressionSpec
from models.times import SECOND, duration

STEP = SECOND
POSITIVE = {"Clicked", "Accepted", "Conversion"}
NEGATIVE = {"Rejected", "NoResponse"}


class Place(NamedTuple):
    """What was, or would be, said to whom, where."""

    customer: str
    household: str | None
    brand: str
    channel: str
    direction: str
    action: str
    treatment: str
    group: str
    issue: str
    message_class: str


@dataclass
class Contact:
    """A contact and all that became of it."""

    place: Place
    at: int
    decision: str
    rank: int
    placement: str = ""
    state: str = "reserved"
    answered: bool = False
    missed: bool = False
    """Whether no limit of the plan that made it was about it."""
    forgotten: bool = False
    """Whether a plan was live that needed it no more."""


class Trigger(NamedTuple):
    """Something that counts for a suppression. A signal without an action has a place without one."""

    rule: str
    place: Place
    at: int


class Offered(NamedTuple):
    """An offer, as far as contact policy decides on it."""

    placement: str
    action: str
    treatment: str


class Oracle:
    """The contact policy of one plan for any number of customers."""

    def __init__(self, spec: PlanSpec) -> None:
        self.contacts: list[Contact] = []
        self.triggers: list[Trigger] = []
        self.clocks: dict[str, int] = {}
        self.change(spec)

    def change(self, spec: PlanSpec) -> None:
        """Another plan from now on."""
        self.spec = spec
        self.late = duration(spec.session.late)
        self.rules = [*spec.contact.suppressions, *spec.contact.limits]
        self.actions = {action.id: action for action in spec.actions}

    # What happens.

    def decide(
        self,
        who: tuple[str, str | None],
        at: int,
        order: Sequence[str],
        placements: Sequence[str],
        channel: str,
        brand: str,
        decision: str,
    ) -> tuple[list[Offered], dict[str, str]]:
        """The offers, and by candidate the rule that refused it, or the stage at which it ended."""
        self.known = list(self.contacts)
        self.made: list[Contact] = []
        offers: list[Offered] = []
        stopped: dict[str, str] = {}
        for placement in placements:
            where = self.spec.placements[placement].channel or channel
            for _ in range(self.spec.placements[placement].slots):
                for action in order:
                    if action in {offer.action for offer in offers}:
                        continue
                    fitting = list(self.places(who, action, placement, where, brand))
                    if not fitting or self.refusal(fitting, at, fresh=True) is not None:
                        continue
                    rule = self.refusal(fitting, at)
                    if rule is not None:
                        stopped.setdefault(action, rule)
                        continue
                    chosen = next(place for place in fitting if not self.treatment_rules(place, at))
                    self.made.append(Contact(chosen, at, decision, len(offers) + 1, placement))
                    offers.append(Offered(placement, action, chosen.treatment))
                    break
        self.keep()
        self.made, made = [], self.made
        fates = {
            action: self.fate(who, action, at, placements, channel, brand, stopped)
            for action in order
            if action not in {contact.place.action for contact in made}
        }
        return offers, fates | {offer.action: "Output" for offer in offers}

    def take(self, places: Sequence[Place], at: int, decision: str) -> list[str]:
        """Note offers as they were made by somebody else; the rules that they break, one after the other."""
        self.known, self.made = list(self.contacts), []
        broken = []
        for rank, place in enumerate(places, 1):
            broken += [rule.id for rule in self.rules if self.refuses(rule, place, at, fresh=False)]
            self.made.append(Contact(place, at, decision, rank))
        self.keep()
        return broken

    def keep(self) -> None:
        """The contacts of a decision are made."""
        for contact in self.made:
            contact.missed = not self.wanted(contact)
        self.contacts += self.made

    def wanted(self, contact: Contact) -> bool:
        """Whether a limit of the plan is about it."""
        return any(about(limit, contact.place) for limit in self.spec.contact.limits)

    def forget(self, customer: str, at: int) -> None:
        """Something changed for a customer: what no limit of the plan can need any more is forgotten."""
        clock = self.clocks[customer] = max(at, self.clocks.get(customer, at))
        needed = clock - self.late - self.longest()
        for contact in self.contacts:
            spared = self.outlived(contact) if contact.missed else contact.state == "released"
            if contact.place.customer == customer and contact.at <= needed and not spared:
                contact.forgotten = True

    def outlived(self, contact: Contact) -> bool:
        """Whether a later contact of the very same kind says all that one that was not remembered could."""
        return any(
            other.missed
            and other.at > contact.at
            and (other.place, other.placement) == (contact.place, contact.placement)
            for other in self.contacts
        )

    def report(self, decision: str, rank: int, kind: str, at: int) -> bool:
        """An outcome of an offer; whether there was such an offer to answer."""
        for contact in self.contacts:
            if (contact.decision, contact.rank) == (decision, rank):
                if not contact.at <= at <= contact.at + self.open_for(contact.place.channel):
                    return False
                if kind in ("Bounced", "Expired"):
                    contact.state = "released" if contact.state == "reserved" else contact.state
                elif kind != "Pending":
                    if contact.state == "released":  # it was made after all, for limits that are about it
                        contact.missed |= not self.wanted(contact)
                    contact.state = "committed"
                contact.answered = contact.answered or kind in POSITIVE | NEGATIVE
                self.trigger(kind, contact.place, at)
                return True
        return False

    def signal(self, place: Place, at: int) -> None:
        """A signal that every rule with a signal is about."""
        for rule in self.spec.contact.suppressions:
            vague = rule.pauses in ("channel", "all") and not any(
                (rule.scope.actions, rule.scope.groups, rule.scope.issues, rule.scope.classes)
            )
            if rule.signal is not None and (place.action or vague) and about(rule, place):
                self.triggers.append(Trigger(rule.id, place, at))

    def time_passes(self, customer: str, now: int) -> None:
        """Silence on the offers of a customer, as far as it is sure at `now`: for them and whoever decides for them."""
        for contact in self.contacts:
            if contact.place.customer != customer or self.silent_at(contact) > now:
                continue
            unseen = self.unseen(contact)
            contact.state = self.state_at(contact, now)
            if not unseen:
                contact.answered = True
                window = self.spec.channels[contact.place.channel].response_window
                self.trigger("NoResponse", contact.place, contact.at + duration(str(window)))

    def silent_at(self, contact: Contact) -> float:
        """When it is sure that nothing will be said of a contact."""
        window = self.spec.channels[contact.place.channel].response_window
        if window is None or contact.answered or contact.state == "released":
            return float("inf")
        return contact.at + duration(window) + self.late + 1

    def unseen(self, contact: Contact) -> bool:
        """Whether silence means that the customer did not see it."""
        silence = self.spec.channels[contact.place.channel].unconfirmed
        return contact.state == "reserved" and silence == "release"

    def state_at(self, contact: Contact, now: int) -> str:
        """What a contact is once silence has said what it has to say by `now`."""
        if self.silent_at(contact) > now:
            return contact.state
        return "released" if self.unseen(contact) else "committed"

    # What follows from it.

    def places(
        self, who: tuple[str, str | None], action: str, placement: str | None, channel: str, brand: str
    ) -> Iterator[Place]:
        """One per treatment that fits; of no placement: one per treatment."""
        written = self.actions[action]
        for treatment in written.treatments:
            if placement is None or placement in treatment.placements:
                yield Place(
                    *who,
                    brand,
                    channel,
                    self.spec.channels[channel].direction.value,
                    action,
                    treatment.id,
                    written.group,
                    self.spec.groups[written.group].issue,
                    written.message_class.value,
                )

    def fate(self, who, action, at, placements, channel, brand, stopped) -> str:
        """What became of a candidate that was not offered."""
        fitting, elsewhere = [], []
        for placement in placements:
            where = self.spec.placements[placement].channel or channel
            places = list(self.places(who, action, placement, where, brand))
            if places:
                fitting.append(self.refusal(places, at, fresh=True))
            somewhere = next(self.places(who, action, None, where, brand))
            elsewhere.append(self.action_rule(somewhere, at, fresh=True))
        rules = fitting or elsewhere
        if all(rules):
            return str(rules[0])
        return stopped.get(action, "Arbitration") if fitting else "TreatmentPlacements"

    def refusal(self, fitting: Sequence[Place], at: int, *, fresh: bool = False) -> str | None:
        """The first rule, as written, that refuses an action with these treatments; `fresh`: before this decision.

        Rules that refuse treatments refuse the action with the last of them.
        """
        ids = [rule.id for rule in self.rules]
        found = [self.action_rule(fitting[0], at, fresh=fresh)]
        by_treatment = [self.treatment_rules(place, at) for place in fitting]
        if all(by_treatment):
            found.append(max((rules[0] for rules in by_treatment), key=ids.index))
        return min((rule for rule in found if rule), key=ids.index, default=None)

    def action_rule(self, place: Place, at: int, *, fresh: bool = False) -> str | None:
        """The first rule that refuses whatever the treatment."""
        for rule in self.rules:
            whole = not fine(rule) or (isinstance(rule, LimitSpec) and self.blind(rule, place, at))
            if whole and self.refuses(rule, place, at, fresh=fresh):
                return rule.id
        return None

    def treatment_rules(self, place: Place, at: int) -> list[str]:
        """The rules that refuse this treatment, as written."""
        return [rule.id for rule in self.rules if fine(rule) and self.refuses(rule, place, at, fresh=False)]

    def refuses(self, rule: LimitSpec | SuppressionSpec, place: Place, at: int, *, fresh: bool) -> bool:
        """Whether one rule forbids one contact more."""
        if place.message_class in self.spec.contact.exempt:
            return False
        if isinstance(rule, SuppressionSpec):
            return self.paused(rule, place, at)
        return self.overflows(rule, place, at, fresh=fresh)

    def overflows(self, limit: LimitSpec, place: Place, at: int, *, fresh: bool) -> bool:
        """Whether one more contact would be too many in some window."""
        if not about(limit, place):
            return False
        window = duration(limit.per)
        if self.blind(limit, place, at) or self.missing(limit, place, at):
            return True
        own = [] if fresh or limit.same_decision == "exempt" or limit.counts == "committed" else self.made
        wanted = ("committed",) if limit.counts == "committed" else ("committed", "reserved")
        counted = [
            contact.at
            for contact in [*self.known, *own]
            if self.state_at(contact, at if contact.place.customer != place.customer else 0) in wanted
            and contact.place.message_class not in self.spec.contact.exempt
            and about(limit, contact.place)
            and shares(limit, contact.place, place)
            and not contact.forgotten
        ]
        starts = range(at - window + STEP, at + STEP, STEP)
        return any(
            sum(start <= moment < start + window for moment in counted) + 1 > limit.at_most
            for start in starts
        )

    def blind(self, limit: LimitSpec, place: Place, at: int) -> bool:
        """Whether a contact was forgotten that the limit would look back to, if it is about it: any, for all we know.

        Nobody knows of which treatment either, so all of an action are refused at once.
        """
        return about(limit, place) and any(
            contact.forgotten and together(limit, contact.place, place)
            for contact in self.unremembered(at - duration(limit.per))
        )

    def missing(self, limit: LimitSpec, place: Place, at: int) -> bool:
        """Whether a contact that the limit would count was never remembered."""
        return any(
            contact.missed and about(limit, contact.place) and shares(limit, contact.place, place)
            for contact in self.unremembered(at - duration(limit.per))
        )

    def unremembered(self, since: int) -> Iterator[Contact]:
        """Contacts after a moment that may not be remembered."""
        for contact in self.contacts:
            exempt = contact.place.message_class in self.spec.contact.exempt
            if contact.at > since and not exempt and (contact.forgotten or contact.missed):
                yield contact

    def trigger(self, kind: str, place: Place, at: int) -> None:
        """An outcome counts for every suppression that is about it."""
        for rule in self.spec.contact.suppressions:
            said = {"positive": POSITIVE, "negative": NEGATIVE, None: set()}[rule.label]
            if kind in {*rule.outcomes, *said} and about(rule, place):
                self.triggers.append(Trigger(rule.id, place, at))

    def paused(self, rule: SuppressionSpec, place: Place, at: int) -> bool:
        """Whether some triggers, close enough together, pause this contact now."""
        if rule.brands and place.brand not in rule.brands:
            return False
        moments = [
            trigger.at
            for trigger in self.triggers
            if trigger.rule == rule.id
            and trigger.place.customer == place.customer
            and (not rule.per_brand or trigger.place.brand == place.brand)
            and hits(rule, trigger.place, place)
        ]
        within, pause = duration(rule.within), duration(rule.pause)
        return any(
            last <= at < last + pause
            and sum(last - within < other <= last for other in moments) >= rule.times
            for last in moments
        )

    def open_for(self, channel: str) -> int:
        """How long an offer can be answered."""
        window = self.spec.channels[channel].response_window
        return duration(window) if window else self.longest() or self.late

    def longest(self) -> int:
        """How far the limits look back."""
        return max((duration(limit.per) for limit in self.spec.contact.limits), default=0)


def fine(rule: LimitSpec | SuppressionSpec) -> bool:
    """Whether a rule tells treatments apart. A limit of none needs not to."""
    if isinstance(rule, SuppressionSpec):
        return rule.pauses == "treatment"
    return rule.each == "treatment" and rule.at_most > 0


def about(rule: LimitSpec | SuppressionSpec, place: Place) -> bool:
    """Whether a contact is one of those that a limit counts and refuses, or whose outcomes a suppression counts."""
    scope = rule.scope
    directions = rule.directions if isinstance(rule, LimitSpec) else ()
    wanted: list[tuple[Sequence[Any], str]] = [
        (scope.actions, place.action),
        (scope.groups, place.group),
        (scope.issues, place.issue),
        (scope.classes, place.message_class),
        (rule.channels, place.channel),
        (rule.brands, place.brand),
        (directions, place.direction),
    ]
    return all(not names or found in names for names, found in wanted)


def shares(limit: LimitSpec, one: Place, other: Place) -> bool:
    """Whether two contacts count together."""
    if limit.per_brand and one.brand != other.brand:
        return False
    parts = {"customer": (), "treatment": ("action", "treatment")}.get(limit.each, (limit.each,))
    return together(limit, one, other) and all(getattr(one, part) == getattr(other, part) for part in parts)


def together(limit: LimitSpec, one: Place, other: Place) -> bool:
    """Whether two contacts are of the same customer, or household, as a limit sees it."""
    if limit.whose == "household" and other.household is not None:
        return one.household == other.household
    return one.customer == other.customer


def hits(rule: SuppressionSpec, cause: Place, place: Place) -> bool:
    """Whether what was done with `cause` pauses `place`."""
    parts = {"all": (), "treatment": ("action", "treatment")}.get(rule.pauses, (rule.pauses,))
    return all(getattr(cause, part) == getattr(place, part) for part in parts)
