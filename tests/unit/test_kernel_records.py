"""Records in the kernel: decisions as the Python form writes them, field by field."""

import math
from random import Random

import msgspec
import pytest
import uk_bank
from hypothesis import given, settings
from hypothesis import strategies as st

from models.arbitration import Arbitration
from models.kernel import SWITCH, find
from models.ledger.allocation import Allocation, Placed, Terms
from models.ledger.bids import Bid
from models.ledger.records import KERNEL, Recorder
from models.ledger.spots import plan_spots
from models.ledger.state import Entry
from models.ledger.tallies import Row
from schemas import CandidateSet, Contribution, LedgerNote, Stage
from schemas.decision import Price

pytestmark = pytest.mark.skipif(find("records", KERNEL) is None, reason="the kernel is not built")

SPEC = uk_bank.spec()
RULES = [(stage, f"rule-{number}") for number, stage in enumerate([*Stage, *Stage, *Stage])]
ACTIONS = len(SPEC.actions)
SPOTS = plan_spots(SPEC)
ARBITRATION = Arbitration.of(SPEC)
UGLY = (math.nan, math.inf, -math.inf, -0.0, 0.0, 1.0, 5e-324)
MONEY = st.floats(-10, 10)
NOTE = LedgerNote(sequence=1, signal_id="s", noted_at=uk_bank.NOON, rule="r", action="*")


def _reasons(request, action):
    return (Contribution(feature=f"f{action}", contribution=len(request.brand) + action / 7),)


def _recorder(ranked, *, reasons=_reasons):
    arbitration = msgspec.structs.replace(SPEC.arbitration, reasons_of="ranked" if ranked else "offers")
    spec = msgspec.structs.replace(SPEC, arbitration=arbitration)
    return Recorder(spec, "digest", ARBITRATION, RULES, reasons)


RECORDERS = [_recorder(False), _recorder(True), _recorder(False, reasons=None)]


def _numbers(chance):
    return tuple([chance.choice(UGLY) if chance.random() < 0.2 else chance.random() for _ in range(ACTIONS)])


@st.composite
def _candidates(draw):
    chance = Random(draw(st.integers(0, 2**32)))
    kept = draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
    most = draw(st.sampled_from([1, 3, len(RULES)]))
    removed = [-1 if chance.random() < kept else chance.randrange(most) for _ in range(ACTIONS)]
    order = [index for index, rule in enumerate(removed) if rule < 0]
    chance.shuffle(order)
    propensities = _numbers(chance)
    own = tuple([value if chance.random() < 0.5 else chance.random() for value in propensities])
    return CandidateSet(
        request=uk_bank.request({}, trigger=draw(st.sampled_from([None, "t"]))),
        removed_by=tuple(removed),
        propensities=propensities,
        context_weights=_numbers(chance),
        priorities=_numbers(chance),
        order=tuple(order),
        model_digest="model",
        evidence=_numbers(chance),
        model_propensities=draw(st.sampled_from([(), own])),
    )


@st.composite
def _terms(draw):
    by_action = st.dictionaries(st.integers(0, ACTIONS - 1), MONEY)
    return Terms(
        drawn=draw(st.integers(0, 2**ACTIONS - 1)),
        boosts=draw(by_action),
        prices=draw(by_action),
        quote=draw(st.sampled_from([(), (Price(constraint="v", price=1.5, left=3),)])),
    )


@st.composite
def _bid(draw, action, terms):
    said = terms.prices.get(action, 0.0) if terms else 0.0
    price = draw(st.one_of(st.just(said), MONEY))
    return Bid(action, draw(MONEY), price, draw(st.one_of(st.none(), st.floats(0, 1))))


@st.composite
def _placed(draw, candidates, terms):
    action = draw(st.integers(0, ACTIONS - 1))
    spot = SPOTS[action]._replace(channel="web", placement="p", brand="alderbrook")
    actions = st.lists(st.sampled_from(candidates.order), unique=True) if candidates.order else st.just([])
    return Placed(
        action=action,
        slot=draw(st.integers(1, 3)),
        row=Row(spot, spot.key, (), 0),
        bid=draw(st.one_of(st.none(), _bid(action, terms))),
        contenders=tuple([draw(_bid(each, terms)) for each in draw(actions)]),
        bundle=draw(st.sampled_from([None, "b"])),
        fallback=draw(st.booleans()),
    )


@st.composite
def _decided(draw):
    candidates = draw(_candidates())
    terms = draw(st.one_of(st.none(), _terms()))
    chance = Random(draw(st.integers(0, 2**32)))
    allocation = Allocation(
        placed=draw(st.lists(_placed(candidates, terms), max_size=3)),
        verdicts=[(chance.choice(list(Stage)), chance.choice([None, "r1", "r2"])) for _ in candidates.order],
        no_action=draw(st.sampled_from([None, "all_suppressed"])),
        terms=terms,
    )
    entry = Entry(
        draw(st.integers(1, 2**40)), draw(st.integers(0, 2**50)), draw(st.sampled_from([(), (NOTE,)]))
    )
    return candidates, allocation, entry


def _bytes(decision):
    return msgspec.msgpack.encode(decision)


@settings(max_examples=80, deadline=None)
@given(st.lists(_decided(), min_size=1, max_size=3), st.sampled_from(RECORDERS))
def test_decisions_are_those_of_python(decided, recorder):
    for each in decided:
        made, wanted = recorder._compiled(*each), recorder.reference(*each)
        assert made is not None, "left to Python"
        assert _bytes(made) == _bytes(wanted)
        assert type(made.removed) is tuple
        assert made.__struct_fields__ == wanted.__struct_fields__


@settings(max_examples=20, deadline=None)
@given(_decided())
def test_a_decision_is_not_changed_by_the_next(each):
    recorder = _recorder(True)
    first = recorder.decision(*each)
    before = _bytes(first)
    other = msgspec.structs.replace(each[0], removed_by=(0,) * ACTIONS, order=())
    recorder.decision(other, each[1]._replace(verdicts=[], placed=[]), each[2])
    assert _bytes(first) == before
    assert _bytes(recorder.decision(*each)) == before


@settings(max_examples=20, deadline=None)
@given(_decided(), st.data())
def test_parts_that_do_not_fit_are_told_of_by_python(each, data):
    candidates, allocation, entry = each
    recorder = RECORDERS[0]
    field = data.draw(st.sampled_from(["propensities", "removed_by", "context_weights", "priorities"]))
    shorter = msgspec.structs.replace(candidates, **{field: getattr(candidates, field)[:-1]})
    assert recorder._compiled(shorter, allocation, entry) is None
    more = allocation._replace(verdicts=[*allocation.verdicts, (Stage.OUTPUT, None)])
    assert recorder._compiled(candidates, more, entry) is None
    with pytest.raises(ValueError, match="zip"):
        recorder.decision(candidates, more, entry)
    beyond = msgspec.structs.replace(candidates, removed_by=(len(RULES),) * ACTIONS)
    assert recorder._compiled(beyond, allocation, entry) is None


def test_an_action_that_bids_twice_is_left_to_python():
    candidates = msgspec.structs.replace(
        _candidates_of(range(ACTIONS)), model_propensities=(), evidence=(0.0,) * ACTIONS
    )
    spot = SPOTS[0]._replace(channel="web", placement="p")
    bids = (Bid(0, 1.0, 0.5, None), Bid(0, 2.0, 0.25, 0.5))
    placed = Placed(0, 1, Row(spot, spot.key, (), 0), bid=bids[0], contenders=bids)
    verdicts = [(Stage.OUTPUT, None)] * ACTIONS
    allocation = Allocation([placed], verdicts, None, Terms(0, {}, {}, ()))
    entry = Entry(1, 0, ())
    assert RECORDERS[0]._compiled(candidates, allocation, entry) is None
    assert RECORDERS[0].decision(candidates, allocation, entry).offers[0].contenders == (1, 1)


def _candidates_of(order):
    numbers = (math.pi,) * ACTIONS
    return CandidateSet(
        request=uk_bank.request({}),
        removed_by=(-1,) * ACTIONS,
        propensities=numbers,
        context_weights=numbers,
        priorities=numbers,
        order=tuple(order),
    )


def test_switched_off_it_is_python(monkeypatch):
    monkeypatch.setenv(SWITCH, "0")
    assert _recorder(False)._compiled is None


@settings(max_examples=40, deadline=None)
@given(st.lists(_decided(), min_size=2, max_size=2), st.booleans())
def test_a_decision_written_while_another_is_is_not_mixed_with_it(decided, ranked):
    """Threads share a recorder, and one may come at any call of Python, as here from the reasons of an offer."""
    outer, inner = decided
    answers = []

    def interrupted(request, action):
        if not answers:
            answers.append(None)
            answers.append(recorder._compiled(*inner))
        return _reasons(request, action)

    recorder = _recorder(ranked, reasons=interrupted)
    made = recorder._compiled(*outer)
    assert _bytes(made) == _bytes(_recorder(ranked).reference(*outer))
    if answers:
        assert _bytes(answers[1]) == _bytes(_recorder(ranked).reference(*inner))
