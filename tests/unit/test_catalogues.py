"""Catalogues of a thousand actions and more: they load, are found good, and are decided by as references do it.

NEXTBEAM_FULL=1 takes 2,500 actions too, and more customers.
"""

import os
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from kleene import certain, request_reader
from naive_allocator import NaiveAllocator, Offered, Told

from benchmarks.catalogues.catalogue import write_catalogue
from benchmarks.catalogues.deciding import decide, lived
from models.decide import DecideFold
from models.plan.compiled import Plan
from models.plan.lint import check_plan
from models.times import Micros, duration, micros
from schemas import Decision, Outcome, OutcomeKind

FULL = os.environ.get("NEXTBEAM_FULL") == "1"
SIZES = (1000, 2500) if FULL else (1000,)
CUSTOMERS, DAYS = (range(12), 40) if FULL else (range(3), 12)
TIERS = ("eligibility", "applicability", "suitability")


@pytest.fixture(scope="module", params=SIZES)
def folder(request, tmp_path_factory):
    return write_catalogue(tmp_path_factory.mktemp("catalogue"), request.param)


@pytest.fixture(scope="module")
def plan(folder):
    return Plan.load(folder)


class Watched:
    """A funnel that remembers the candidates it gave last."""

    def __init__(self, funnel):
        self._funnel, self.last = funnel, None

    def candidates(self, request):
        self.last = self._funnel.candidates(request)
        return self.last


def life(plan, number):
    """Each event of a customer, what came of it, and the candidates of a decision."""
    events, funnel = [], Watched(plan.funnel)
    fold = DecideFold(plan.context_fold(), funnel, plan.ledger_fold())
    for outputs, *_ in lived(fold, number, DAYS, events.append):
        decisions = [output for output in outputs if isinstance(output, Decision)]
        yield events[-1], decisions, funnel.last


def through(spec, request):
    """The actions that may be considered: everything written is asked anew."""
    read = request_reader(request, spec)
    today = request.requested_at.astimezone(ZoneInfo(spec.time_zone)).date()
    found = set()
    for action in spec.actions:
        group = spec.groups[action.group]
        policies = [
            policy.when
            for policy in spec.policies
            if (not policy.scope.classes or action.message_class in policy.scope.classes)
            and (not policy.scope.issues or group.issue in policy.scope.issues)
        ]
        rules = [*policies, *(rule.when for tier in TIERS for rule in getattr(action, tier))]
        open_now = all(
            (part.starts is None or date.fromisoformat(part.starts) <= today)
            and (part.ends is None or today < date.fromisoformat(part.ends))
            for part in (action, group)
        )
        branded = not action.brands or request.brand in action.brands
        if open_now and branded and all(certain(text, read) for text in rules):
            found.add(action.id)
    return found


def told(plan, request):
    """What gates say, which have tests of their own, in the words of the reference."""
    ids = [action.id for action in plan.spec.actions]
    shut, hushed = defaultdict(set), set()
    for name in request.placements:
        channel = plan.spec.placements[name].channel
        for _, bits in plan.gates.refused(request, channel):
            shut[channel] |= {action for index, action in enumerate(ids) if bits >> index & 1}
        for treatments in plan.gates.refused_treatments(request, channel).values():
            hushed |= set(treatments)
    return Told(shut, frozenset(hushed))


def offered(decision):
    names = [candidate.action for candidate in decision.ranked]
    return [
        Offered(
            offer.placement,
            offer.slot,
            offer.action,
            offer.treatment,
            bid=offer.bid,
            price=offer.price,
            sampled=offer.sampled,
            contenders=tuple(names[rank - 1] for rank in offer.contenders),
        )
        for offer in decision.offers
    ]


@pytest.mark.slow
def test_a_large_catalogue_is_found_good(folder):
    assert check_plan(folder) == ()


@pytest.mark.parametrize("number", CUSTOMERS)
def test_decisions_by_a_large_catalogue_are_those_of_the_references(plan, number):
    spec, naive = plan.spec, NaiveAllocator(plan.spec, volumes=False)
    gates = {(stage.value, rule) for stage, rule in plan.gates.rules}
    gates |= {("OutboundChannelAvailability", "shut"), ("TreatmentEligibilityChannels", "hushed")}
    made, seen = {}, 0
    for event, decisions, candidates in life(plan, number):
        if isinstance(event, Outcome):
            offer = made[event.decision_id].offers[event.rank - 1]
            naive.answer(event.decision_id, offer.action, event.kind, micros(event.occurred_at))
        for decision in decisions:
            made[decision.decision_id] = decision
            assert {candidate.action for candidate in decision.ranked} == through(spec, candidates.request)
            offers, verdicts = naive.decide(
                candidates, micros(decision.decided_at), told(plan, candidates.request)
            )
            by_priority = all(offer.bid is None for offer in decision.offers)
            assert offered(decision) == ([replace(o, bid=None) for o in offers] if by_priority else offers)
            found = {c.action: (c.stage.value, c.rule) for c in decision.ranked}
            assert found.keys() == verdicts.keys()
            for action, verdict in verdicts.items():
                assert found[action] == verdict or {found[action], verdict} <= gates
            seen += len(offers)
    assert seen


def test_limits_hold_under_a_large_catalogue(plan):
    assert sum(contacts_within_limits(plan, number) for number in CUSTOMERS) > 10 * len(CUSTOMERS)


def contacts_within_limits(plan, number):
    """How many contacts a customer had, each of which every limit allowed."""
    contacts: list[tuple[Micros, str, dict]] = []
    released = set()
    exempt = {a.id for a in plan.spec.actions if a.message_class in plan.spec.contact.exempt}
    for event, decisions, _ in life(plan, number):
        if isinstance(event, Outcome) and event.kind is OutcomeKind.BOUNCED:
            released.add((event.decision_id, event.rank))
        for decision in decisions:
            at = micros(decision.decided_at)
            for limit in plan.spec.contact.limits:
                window = Counter(
                    unit(limit, offer)
                    for made, key, offer in contacts
                    if made > at - duration(limit.per) and key not in released and concerns(limit, offer)
                )
                for offer in decision.offers:
                    if offer.action not in exempt and concerns(limit, offer):
                        assert window[unit(limit, offer)] < limit.at_most
                        window[unit(limit, offer)] += limit.same_decision == "counted"
            contacts += [
                (at, (decision.decision_id, offer.rank), offer)
                for offer in decision.offers
                if offer.action not in exempt
            ]
    return len(contacts)


def concerns(limit, offer):
    return not limit.channels or offer.channel in limit.channels


def unit(limit, offer):
    return {
        "customer": "",
        "channel": offer.channel,
        "group": offer.group,
        "action": offer.action,
        "treatment": (offer.action, offer.treatment),
    }[limit.each]


def test_what_is_remembered_of_a_customer_grows_with_offers_not_with_the_catalogue(plan, tmp_path):
    few = Plan.load(write_catalogue(tmp_path, 200))
    large, small = (decide(each.decide_fold(), CUSTOMERS, DAYS) for each in (plan, few))
    assert median(large.remaining) > 3 * median(small.remaining)
    assert sum(large.states) / large.offers < 1.2 * sum(small.states) / small.offers


def test_the_same_size_gives_the_same_catalogue(tmp_path):
    digests = {
        Plan.load(write_catalogue(tmp_path / name, 60, seed=seed)).digest
        for name, seed in (("one", 1), ("same", 1))
    }
    assert len(digests) == 1
    assert Plan.load(write_catalogue(tmp_path / "other", 60, seed=2)).digest not in digests
