"""Contacts against limits, counted anew from decisions and feedback: nothing that the pipeline counted is believed.

A contact's place is how many contacts its fullest window holds up to it, in the order in which the ledger made them.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from models.ledger.spots import Spot
from models.ledger.tallies import Tally
from models.plan.spec import LimitSpec, PlanSpec
from models.times import MINUTE, Micros, duration, micros
from pipelines.live.rings import Latest
from schemas import ContactState, Decision, Feedback, Offer

MOST_KEYS = 50_000
"""Customers' counts that are kept, over all limits; those that have not changed for longest are forgotten."""
PATIENCE_S = 5.0
"""So long may the feedback be under way that gives back a contact."""
_MOST_CONTACTS = 50_000
_MOST_SUSPECTS = 1_000
_LATE = 10 * MINUTE
_NEVER = 2**62

Key = tuple[int, str, str, str]


@dataclass(slots=True, eq=False)
class _Contact:
    at: Micros
    order: tuple[int, int]
    """By ledger sequence, then rank."""
    decision_id: str
    released: tuple[int, int] = (_NEVER, 0)


@dataclass(slots=True)
class _Limit:
    spec: LimitSpec
    tally: Tally
    window: Micros
    exempt_together: bool
    contacts: int = 0
    last_places: int = 0
    fullest: int = 0
    over: int = 0
    held_back: int = 0

    @property
    def strict(self) -> bool:
        """Whether more contacts than it allows are wrong for sure."""
        # Those that count once they are committed may be under way; the order of a household's only its fold knows.
        return self.spec.counts == "reserved" and self.spec.whose == "customer"


class _Suspect(NamedTuple):
    """A contact that seemed one too many; perhaps feedback is under way."""

    again_at: float
    limit: _Limit
    contact: _Contact
    among: list[_Contact]


@dataclass(slots=True)
class LimitBook:
    """What the decisions so far made of the limits of a plan.

    Args:
      spec: The plan.
    """

    spec: PlanSpec
    _limits: list[_Limit] = field(init=False)
    _made: Latest[Key, list[_Contact]] = field(init=False)
    _contacts: Latest[tuple[str, int], _Contact] = field(init=False)
    _suspects: deque[_Suspect] = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is known yet."""
        self._limits = [
            _Limit(each, Tally.of(each), duration(each.per), each.same_decision == "exempt")
            for each in self.spec.contact.limits
        ]
        self._made = Latest(MOST_KEYS)
        self._contacts = Latest(_MOST_CONTACTS)
        self._suspects = deque(maxlen=_MOST_SUSPECTS)

    def decided(self, decision: Decision, now: float) -> None:
        """Contacts are made, and others held back."""
        refused = Counter(each.rule for each in decision.ranked if each.rule is not None)
        for limit in self._limits:
            limit.held_back += refused[limit.spec.id]
        for offer in decision.offers:
            if offer.message_class not in self.spec.contact.exempt:
                self._make(decision, offer, now)

    def answered(self, feedback: Feedback) -> None:
        """A contact may be given back."""
        if feedback.contact is ContactState.RELEASED:
            contact = self._contacts.get((feedback.decision_id, feedback.rank))
            if contact is not None:
                contact.released = (feedback.ledger_sequence, 0)

    def rows(self, now: float) -> list[dict[str, Any]]:
        """One row per limit, in the order of the plan."""
        self._look_again(now)
        return [
            {
                "id": limit.spec.id,
                "rule": f"{limit.spec.at_most} per {limit.spec.per} and {limit.spec.each}",
                "at_most": limit.spec.at_most,
                "contacts": limit.contacts,
                "fullest": limit.fullest,
                "last_places": limit.last_places,
                "held_back": limit.held_back,
                "over": limit.over if limit.strict else None,
            }
            for limit in self._limits
        ]

    def _make(self, decision: Decision, offer: Offer, now: float) -> None:
        order = (decision.ledger_sequence, offer.rank)
        contact = _Contact(micros(decision.decided_at), order, decision.decision_id)
        self._contacts.add((decision.decision_id, offer.rank), contact)
        for limit, among in self._counted(decision, offer):
            place = 1 + _before(contact, among, limit)
            among.append(contact)
            del among[: max(0, len(among) - 4 * limit.spec.at_most - 64)]
            limit.contacts += 1
            if place > limit.spec.at_most:
                self._suspects.append(_Suspect(now + PATIENCE_S, limit, contact, among))
                continue
            limit.fullest = max(limit.fullest, place)
            limit.last_places += place == limit.spec.at_most

    def _counted(self, decision: Decision, offer: Offer) -> Iterator[tuple[_Limit, list[_Contact]]]:
        """The limits that count the offer, each with the contacts that it counts together with it."""
        direction = (
            self.spec.channels[offer.channel].direction.value if offer.channel in self.spec.channels else ""
        )
        spot = Spot(
            offer.action, offer.treatment, offer.channel, offer.placement, offer.group, offer.issue,
            offer.message_class.value, decision.brand, direction,
        )  # fmt: skip
        for number, limit in enumerate(self._limits):
            key = limit.tally.key(spot)
            if key is not None:
                yield limit, self._among((number, *self._whose(decision, limit), key), limit, decision)

    def _whose(self, decision: Decision, limit: _Limit) -> tuple[str, str]:
        whole = limit.spec.whose == "household" and decision.household_id
        who = f"h:{decision.household_id}" if whole else f"c:{decision.customer_id}"
        return who, decision.brand if limit.spec.per_brand else ""

    def _among(self, key: Key, limit: _Limit, decision: Decision) -> list[_Contact]:
        found = self._made.get(key)
        if found is None:
            found = []
            self._made.add(key, found)
        else:
            self._made.touch(key)
            forget = micros(decision.decided_at) - limit.window - _LATE
            if found and found[0].at < forget:
                found[:] = [contact for contact in found if contact.at >= forget]
        return found

    def _look_again(self, now: float) -> None:
        while self._suspects and self._suspects[0].again_at <= now:
            _, limit, contact, among = self._suspects.popleft()
            place = 1 + _before(contact, among, limit)
            limit.fullest = max(limit.fullest, place)
            limit.last_places += place == limit.spec.at_most
            limit.over += place > limit.spec.at_most


def _before(contact: _Contact, among: Iterable[_Contact], limit: _Limit) -> int:
    """How many of the contacts that were there before it are in the fullest window that it is in."""
    window, at = limit.window, contact.at
    times = sorted(
        each.at
        for each in among
        if each is not contact
        and each.order < contact.order < each.released
        and at - window < each.at < at + window
        and not (limit.exempt_together and each.decision_id == contact.decision_id)
    )
    starts = [start for start in times if start <= at] + [at]
    return max(sum(1 for each in times if start <= each < start + window) for start in starts)
