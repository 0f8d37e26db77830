"""The eight promises of the design, checked after a history by means that share nothing with the folds."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec
from delivery.world import Applied, History, content, identity, key_of, replayed

from models.folds import Counted, Output
from models.plan.spec import LimitSpec, PlanSpec
from models.times import Micros, duration, micros
from schemas import (
    ContactState,
    DeadLetter,
    Decision,
    Feedback,
    MessageClass,
    Offer,
    Signal,
    Stage,
)

LARGEST_STATE = 16_384
"""Bytes of one key under these plans: at most four members."""

CARE = ("vulnerable", "bereaved", "financial_difficulty", "complaint_open")
MARKETING = MessageClass.MARKETING
POLICED = (
    Stage.UNIVERSAL_HOLDOUT,
    Stage.ELIGIBILITY,
    Stage.CHANNEL_AVAILABILITY,
    Stage.ACTION_SUPPRESSIONS,
    Stage.TREATMENT_SUPPRESSIONS,
    Stage.CONTACT_LIMITS,
    Stage.CHANNEL_LIMITS,
)
"""What may stop no message but marketing."""


def violations(history: History) -> Iterator[str]:
    """Every promise that a history broke."""
    for number, promise in PROMISES.items():
        for text in promise.broken(history):
            yield f"seed {history.seed}, invariant {number} ({promise.name}): {text}"


def broken_by(history: History) -> set[int]:
    """The numbers of the promises that a history broke."""
    return {number for number, promise in PROMISES.items() if any(True for _ in promise.broken(history))}


def accounted(history: History) -> Iterator[str]:
    """Each event was delivered; each delivery was decided, observed, a duplicate or dead: exactly one of them."""
    for lost in sorted(history.sent - history.delivered.keys()):
        yield f"{lost} was never delivered"
    total = sum(history.delivered.values())
    # Silences are outputs of a timer, not of a delivery, and count as nothing.
    if total != sum(history.counted.values()):
        yield f"{total} deliveries, but {dict(history.counted)}"


def once(history: History) -> Iterator[str]:
    """As many distinct decisions as requests decided; no signal is decided twice, whatever was repeated."""
    decisions = history.records(Decision)
    signals = Counter(each.signal_id for each in decisions)
    for signal, times in signals.items():
        if times > 1:
            yield f"signal {signal} was decided {times} times"
    if len(decisions) != history.counted[Counted.DECIDED]:
        yield f"{len(decisions)} distinct decisions, {history.counted[Counted.DECIDED]} decided"


def caps(history: History) -> Iterator[str]:
    """No contact limit of the plan that decided is exceeded in any window by what was contacted until then.

    Nor does one stop anything while fewer contacts than it allows were ever made near enough: only marketing counts.
    Except where another plan may have forgotten one of those.
    """
    yield from _stopped_by_nothing(history)
    for key in history.applied:
        contacts = _contacts(history, key)
        for position, contact in enumerate(contacts):
            for limit in contact.spec.contact.limits:
                known = [
                    other
                    for other in contacts[: position + 1]
                    if _counts(limit, other, contact)
                    and not (other.decision is contact.decision and _exempt(limit))
                ]
                if not _covers(limit, contact):
                    continue
                known = [*known, contact] if contact not in known else known
                if _fullest([each.at for each in known], contact.at, duration(limit.per)) > limit.at_most:
                    yield f"{limit.id} exceeded by {contact.offer.action} at {contact.at}"


def permission(history: History) -> Iterator[str]:
    """No marketing without consent or against a circumstance known by then; service is never held back by limits."""
    for key, applied in history.applied.items():
        decided = {d.signal_id: d for d in history.records(Decision) if key_of(d) == key}
        facts: dict[str, dict[str, tuple[Micros, int, object]]] = defaultdict(dict)
        for order, each in enumerate(applied):
            if not isinstance(each.event, Signal):
                continue
            signal = each.event
            _merge(facts[signal.customer_id], signal, order)
            if signal.signal_id in decided:
                decision = decided.pop(signal.signal_id)
                yield from _forbidden(decision, facts[signal.customer_id])
                yield from _held_back(decision, history.promised[decision.plan_digest])


def replay(history: History) -> Iterator[str]:
    """The same committed sequence without any fault says the same, byte for byte."""
    exactly = history.faults.change_plan > 0
    expected = {
        content(unnumbered(output)): output
        for applied in history.applied.values()
        for output in replayed(history.folds, applied, exactly=exactly)
        if not isinstance(output, Counted)
    }
    got = {content(unnumbered(each)): each for each in history.distinct.values()}
    for missing in expected.keys() - got.keys():
        yield f"never published: {expected[missing]!r:.200}"
    for surplus in got.keys() - expected.keys():
        yield f"published out of nothing: {got[surplus]!r:.200}"


def unnumbered(record: Output) -> Output:
    """Without its number in the ledgers of its household: silences of others are counted when a timer comes by."""
    if not isinstance(record, (Decision, Feedback)):
        return record
    notes = tuple(msgspec.structs.replace(note, sequence=0) for note in record.notes)
    return msgspec.structs.replace(record, ledger_sequence=0, ledger_since=None, notes=notes)


def bounded(history: History) -> Iterator[str]:
    """States stay small, and once everything is over nothing is due."""
    if history.largest_state > LARGEST_STATE:
        yield f"a state of {history.largest_state} bytes"
    fold = history.folds[history.live]
    for key, data in history.states.items():
        if fold.deadline(fold.decode(data)) is not None:
            yield f"something is still due for {key}"


def private(history: History) -> Iterator[str]:
    """No personal data in what people read: the words of dead letters."""
    for letter in history.records(DeadLetter):
        if "canary" in letter.detail or "secret" in letter.detail:
            yield f"personal data in {letter.detail!r}"


def answered(history: History) -> Iterator[str]:
    """Each outcome is feedback on one decision that made that offer, or a dead letter."""
    decisions = {each.decision_id: each for each in history.records(Decision)}
    by_id = Counter(each.feedback_id for each in history.records(Feedback))
    for name, times in by_id.items():
        if times > 1:
            yield f"outcome {name} is feedback {times} times"
    for each in history.records(Feedback):
        decision = decisions.get(each.decision_id)
        if decision is None or not any(
            o.rank == each.rank and o.action == each.action for o in decision.offers
        ):
            yield f"feedback {each.feedback_id} on an offer that was never made"
    outcomes = {identity(a.event) for every in history.applied.values() for a in every if _is_outcome(a)}
    known = {f"o:{name}" for name in by_id} | {f"o:{_named(each)}" for each in history.records(DeadLetter)}
    for lost in outcomes - known:
        yield f"outcome {lost} is neither feedback nor a dead letter"


class Promise(NamedTuple):
    """One of the eight promises, by its number in the design."""

    name: str
    broken: Callable[[History], Iterator[str]]


PROMISES: dict[int, Promise] = {
    1: Promise("Accounted for", accounted),
    2: Promise("Once", once),
    3: Promise("Caps", caps),
    4: Promise("Permission", permission),
    5: Promise("Replay", replay),
    6: Promise("Bounded", bounded),
    7: Promise("No personal data", private),
    8: Promise("Feedback", answered),
}


def _stopped_by_nothing(history: History) -> Iterator[str]:
    for each, limit, near in stopped_early(history):
        at = micros(each.decided_at)
        if not any(_forgettable(history, other, at) for other in near):
            yield f"{limit.id} stopped somebody at {at} after too few contacts"


def stopped_early(history: History) -> Iterator[tuple[Decision, LimitSpec, list["Contact"]]]:
    """Decisions, each with a limit that stopped somebody there after fewer contacts than it allows.

    And all contacts near enough, whatever they were.
    """
    made: dict[str, list[Contact]] = defaultdict(list)
    decisions = history.records(Decision)
    for each in decisions:
        spec = history.promised[each.plan_digest]
        offered = [offer for offer in each.offers if offer.message_class == MARKETING]
        made[key_of(each)] += [Contact(each, offer, spec) for offer in offered]
    for each in decisions:
        limits = {limit.id: limit for limit in history.promised[each.plan_digest].contact.limits}
        at = micros(each.decided_at)
        for limit in {limits[stop.rule] for stop in each.ranked if stop.rule in limits}:
            window = duration(limit.per)
            near = [other for other in made[key_of(each)] if abs(other.at - at) < window]
            counted = [one for one in near if not limit.channels or one.offer.channel in limit.channels]
            if len(counted) < limit.at_most:
                yield each, limit, near


def _forgettable(history: History, contact: "Contact", at: Micros) -> bool:
    """Whether some plan that was live in between may not have remembered a contact until `at`."""
    if not history.faults.change_plan:
        return False
    for spec in history.promised.values():
        limits = spec.contact.limits
        if at - contact.at >= max(duration(limit.per) for limit in limits):
            return True
        if contact.spec is spec and not any(_covers(limit, contact) for limit in limits):
            return True
    return False


class Contact:
    """An offer that was not given back, and the plan that made it."""

    def __init__(self, decision: Decision, offer: Offer, spec: PlanSpec) -> None:
        self.decision, self.offer, self.spec = decision, offer, spec
        self.at = micros(decision.decided_at)
        self.direction = spec.channels[offer.channel].direction
        self.issue = offer.issue


def _contacts(history: History, key: str) -> list[Contact]:
    """Contacts of a key in the order in which its ledgers made them, without those given back."""
    specs = history.promised
    released = {
        (f.decision_id, f.rank) for f in history.records(Feedback) if f.contact == ContactState.RELEASED
    }
    order = {}
    for position, each in enumerate(history.applied[key]):
        if isinstance(each.event, Signal):
            order.setdefault(each.event.signal_id, position)
    decisions = [d for d in history.records(Decision) if key_of(d) == key]
    decisions.sort(key=lambda d: order[d.signal_id])
    return [
        Contact(decision, offer, specs[decision.plan_digest])
        for decision in decisions
        for offer in decision.offers
        if offer.message_class == MARKETING and (decision.decision_id, offer.rank) not in released
    ]


def _covers(limit: LimitSpec, contact: Contact) -> bool:
    return (
        (not limit.channels or contact.offer.channel in limit.channels)
        and (not limit.directions or contact.direction in limit.directions)
        and (not limit.brands or contact.decision.brand in limit.brands)
    )


def _counts(limit: LimitSpec, other: Contact, contact: Contact) -> bool:
    """Whether `other` counts towards what limits `contact`."""
    if not _covers(limit, other) or (limit.per_brand and other.decision.brand != contact.decision.brand):
        return False
    if limit.whose == "customer" and other.decision.customer_id != contact.decision.customer_id:
        return False
    match limit.each:
        case "customer":
            return True
        case "channel":
            return other.offer.channel == contact.offer.channel
        case "direction":
            return other.direction == contact.direction
        case "action":
            return other.offer.action == contact.offer.action
        case "group":
            return other.offer.group == contact.offer.group
        case "issue":
            return other.issue == contact.issue
        case "treatment":
            return other.offer.treatment == contact.offer.treatment


def _exempt(limit: LimitSpec) -> bool:
    return limit.same_decision == "exempt"


def _fullest(times: list[Micros], at: Micros, window: Micros) -> int:
    """Most of `times` in one half-open window of this length that contains `at`."""
    starts = [time for time in times if at - window < time <= at]
    return max((sum(start <= time < start + window for time in times) for start in starts), default=0)


def _merge(facts: dict[str, tuple[Micros, int, object]], signal: Signal, order: int) -> None:
    """The latest event time wins; of equal ones the later arrival."""
    at = micros(signal.occurred_at)
    for name, value in (signal.profile or {}).items():
        known = facts.get(name)
        if known is None or (at, order) >= known[:2]:
            facts[name] = (at, order, value)


def _forbidden(decision: Decision, facts: dict[str, tuple[Micros, int, object]]) -> Iterator[str]:
    for offer in decision.offers:
        if offer.message_class != MARKETING:
            continue
        for fact in CARE:
            if facts.get(fact, (0, 0, False))[2] not in (False, None):
                yield f"marketing {offer.action} although {fact}, signal {decision.signal_id}"
        if (
            offer.channel in ("email", "sms")
            and facts.get(f"consent_{offer.channel}", (0, 0, None))[2] is not True
        ):
            yield f"marketing {offer.action} by {offer.channel} without consent, signal {decision.signal_id}"


def _held_back(decision: Decision, spec: PlanSpec) -> Iterator[str]:
    """Messages that are no marketing, where contact policy or care stopped them."""
    exempt = {action.id for action in spec.actions if action.message_class != MARKETING}
    for each in decision.ranked:
        if each.action in exempt and each.stage in POLICED:
            yield f"{each.action} held back by {each.rule}, signal {decision.signal_id}"
    for rule in decision.removed:
        for action in exempt.intersection(rule.actions) if rule.rule.startswith("care-") else ():
            yield f"{action} held back by {rule.rule}, signal {decision.signal_id}"


def _is_outcome(applied: Applied) -> bool:
    return applied.event is not None and not isinstance(applied.event, Signal)


def _named(letter: DeadLetter) -> str:
    """The id of the event in a dead letter's payload."""
    event = json.loads(letter.payload)
    return str(event.get("outcome_id", event.get("signal_id")))
