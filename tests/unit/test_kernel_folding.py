"""One event through context, funnel and ledger in the kernel: states, outputs and deadlines are those of Python."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metamorphic_bank import MARKETING, PLACEMENTS, START, answer, bank, compiled, known, request, signal
from unit.test_kernel_ledger import in_python

from models.decide import DecideFold
from models.erasure import ERASE
from models.folds import Counted, Noticed, advance, step_by_step
from models.kernel import find
from models.ledger import LedgerFold
from models.ledger.spots import KERNEL
from models.times import NEVER
from schemas import Decision, Feedback, OutcomeKind

pytestmark = pytest.mark.skipif(find("ledger", KERNEL) is None, reason="the kernel is not built")

LIMITS = [
    {"id": "tiles", "at_most": 1, "per": "5h", "each": "treatment"},
    {"id": "ways", "at_most": 3, "per": "1d", "each": "direction"},
    {"id": "daily", "at_most": 2, "per": "1d", "each": "action", "counts": "committed"},
    {"id": "most", "at_most": 6, "per": "2d", "each": "customer"},
]
NO = {"id": "no", "outcomes": ["Rejected"], "label": "negative", "times": 2, "within": "2d", "pause": "9h"}
OUT = {"id": "out", "signal": "signal.type == 'opt_out'", "pause": "30h", "pauses": "group"}
SPURRED = {
    "id": "spurred",
    "outcomes": ["Clicked", "Accepted"],
    "of": "group",
    "percent": 80,
    "half_life": "5h",
}
SPENT = {"id": "spent", "outcomes": ["NoResponse"], "label": "negative", "percent": -60, "lasts": "30h"}


def written(number: int, action: dict[str, Any]) -> dict[str, Any]:
    """An action with evidence, whose first treatment not everybody may be told."""
    name, said = action["id"], action["treatments"][0]
    rule = {"id": f"{name}-all", "when": f"customer.age < {9_000 * number + 41}", "why": "No."}
    late = {"id": f"{name}-late", "when": f"feature.views_1d < {2 * number + 3}", "why": "No."}
    treatments = [
        {**said, "eligibility": [rule]},
        {**said, "id": f"{name}-more", **({"suitability": [late]} if number % 2 else {})},
    ]
    return {
        **action,
        "mandatory": name == "terms",
        "starting_propensity": 0.1 + 0.15 * number,
        "starting_evidence": (4.0, 0.5, 0.0, 900.0, 3.0, 1.0)[number],
        "treatments": treatments[: 1 + number % 3],
    }


WRITTEN = [written(*each) for each in enumerate(bank()["actions"])]
BANKS: dict[str, dict[str, Any]] = {
    "plain": {"contact": {"limits": LIMITS[1:], "suppressions": [{**NO, "per_brand": True}]}},
    "treatments": {"contact": {"limits": LIMITS, "suppressions": [NO, {**OUT, "pauses": "treatment"}]}},
    "forgetful": {
        "contact": {"limits": LIMITS[3:], "suppressions": [OUT], "keep": 16},
        "session": {"gap": "2h", "late": "6h", "forget": "4d"},
        "dedupe": {"keep": 8},
    },
    "bidding": {
        "contact": {"limits": LIMITS[1:], "suppressions": [{**NO, "pauses": "channel"}]},
        "arbitration": {"exploration": "thompson", "influences": [SPURRED, SPENT]},
        "actions": WRITTEN,
        "placements": {**bank()["placements"], "hero": {"channel": "web", "fallback": "bond"}},
        "session": {"gap": "2h", "late": "3h"},
    },
    "moved": {
        "contact": {"limits": LIMITS[2:]},
        "arbitration": {"influences": [SPURRED]},
        "actions": WRITTEN[:3] + bank()["actions"][3:],
    },
    "bundled": {
        "arbitration": {"exploration": "thompson"},
        "actions": WRITTEN,
        "bundles": [{"id": "both", "parent": "saver", "members": ["bond"]}],
    },
    "treated": {
        "contact": {"limits": LIMITS[1:]},
        "actions": [{**one, "starting_evidence": 0} for one in WRITTEN],
    },
    "uneven": {
        "contact": {
            "limits": [{"id": "post", "at_most": 2, "per": "9h", "each": "action", "channels": ["mail"]}]
        },
        "channels": {
            "web": {"direction": "inbound", "response_window": "1h"},
            "mail": {"direction": "outbound", "response_window": "6d"},
            "text": {"direction": "outbound"},
        },
        "session": {"gap": "2h", "late": "1h"},
    },
    "unlimited": {"session": {"gap": "1h", "late": "1h"}},
    "crowded": {
        "contact": {
            "limits": [
                {"id": "two", "at_most": 2, "per": "1h", "each": "customer"},
                {"id": "one", "at_most": 1, "per": "1h", "each": "group"},
            ]
        },
        "arbitration": {"exploration": "thompson"},
        "actions": WRITTEN,
        "placements": {**bank()["placements"], "tile": {"channel": "web", "slots": 4}},
    },
}


@cache
def folds(name: str) -> tuple[DecideFold, DecideFold]:
    """The fold of a plan with the kernel, and without."""
    with in_python():
        plain = compiled(bank(**BANKS[name])).decide_fold()
    fast = compiled(bank(**BANKS[name])).decide_fold()
    assert isinstance(fast, DecideFold)
    assert isinstance(plain, DecideFold)
    assert fast.advance is not None
    assert plain.advance is None
    return fast, plain


@st.composite
def happenings(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """What happens, and how many hours after what happened before; an answer is to one of the decisions so far."""
    found: list[tuple[Any, ...]] = []
    for _ in range(draw(st.integers(3, 30))):
        hours = draw(st.sampled_from((0.0, 0.0, 0.2, 1.0, 5.0, 24.0, 50.0, 100.0, -0.5, -3.0, -7.0)))
        kind = draw(
            st.sampled_from(("ask",) * 5 + ("answer",) * 3 + ("view", "news", "out", "again", "erase"))
        )
        found.append((kind, hours, draw(st.integers(0, 2**16))))
    return found


def event_of(kind: str, at: float, number: int, chance: int, made: Sequence[Decision], last: Any) -> Any:
    brand = ("harbour", "meadow")[chance % 2]
    if kind == "again" or (kind == "answer" and not made):
        return last
    if kind == "answer":
        kinds = list(OutcomeKind)
        return answer(number, at, made[chance % len(made)], 1 + chance // 7 % 2, kinds[chance % len(kinds)])
    if kind == "ask":
        places = [PLACEMENTS[(chance + i) % len(PLACEMENTS)] for i in range(1 + chance % 3)]
        return request(number, at, *places, brand=brand, channel=("web", "mail", "text")[chance % 3])
    if kind == "news":
        return signal(number, at, brand=brand, type="profile", profile={"age": chance})
    if kind == "out":
        told = {"action": MARKETING[chance % len(MARKETING)]}
        return signal(number, at, brand=brand, type="opt_out", attributes=told)
    if kind == "erase":
        return signal(number, at, type=ERASE, channel="desk", brand="any")
    return signal(number, at, brand=brand)


def told(outputs: Sequence[Any]) -> list[Any]:
    return [
        str(each) if isinstance(each, Counted | Noticed) else (type(each), msgspec.msgpack.encode(each))
        for each in outputs
    ]


@pytest.mark.parametrize("name", BANKS)
@settings(max_examples=60, deadline=None)
@given(history=happenings(), through_bytes=st.booleans())
def test_states_and_outputs_are_those_of_python(name, history, through_bytes):
    fast, plain = folds(name)
    state, other = fast.initial(), plain.initial()
    made: list[Decision] = []
    last: Any = known()
    at = 0.0
    for number, (kind, hours, chance) in enumerate([("again", 0.0, 0), *history]):
        at += max(hours, 0.0)
        last = event_of(kind, at + min(hours, 0.0), number, chance, made, last)
        if through_bytes:
            state = fast.decode(fast.encode(state))
        state, outputs = advance(fast, state, last)
        other, expected = step_by_step(plain, other, last)
        assert told(outputs) == told(expected)
        assert fast.encode(state) == plain.encode(other)
        assert fast.deadline(state) == plain.deadline(other)
        made += [each for each in outputs if isinstance(each, Decision)]
    end, silent = fast.expire(state, NEVER)
    other, expected = plain.expire(other, NEVER)
    assert told(silent) == told(expected)
    assert fast.encode(end) == plain.encode(other)


def test_who_is_stopped_by_what_is_offered_before_is_told_of_as_in_python():
    fast, plain = folds("crowded")
    state, other = fast.initial(), plain.initial()
    rules: set[str | None] = set()
    for event in [known(), *(request(number, 2.0 * number, "tile", "message") for number in range(60))]:
        state, outputs = advance(fast, state, event)
        other, expected = step_by_step(plain, other, event)
        assert (told(outputs), fast.encode(state)) == (told(expected), plain.encode(other))
        made = [each for each in outputs if isinstance(each, Decision)]
        rules |= {candidate.rule for each in made for candidate in each.ranked}
    assert rules >= {"one", "two"}


def test_equal_bids_are_in_the_order_of_priorities():
    first = [{**one, "mandatory": one["id"] in ("notice", "terms")} for one in WRITTEN]
    rules = bank(**{**BANKS["crowded"], "actions": first})
    with in_python():
        plain = compiled(rules).decide_fold()
    fast = compiled(rules).decide_fold()
    state, _ = advance(fast, fast.initial(), known())
    _, outputs = advance(fast, state, request(1, 1.0, "notice"))
    _, expected = step_by_step(plain, state, request(1, 1.0, "notice"))
    assert told(outputs) == told(expected)
    assert [len(each.offers) for each in outputs if isinstance(each, Decision)] == [2]


def test_a_decision_with_nothing_but_priorities_is_made_by_the_kernel():
    fast, plain = folds("plain")
    assert fast._ledger.compiled is not None
    asked = [request(number, number * 7.5, "hero", "letter") for number in range(12)]
    ledger, context = plain.initial().ledger, plain.initial().context
    for event in [known(), *asked]:
        context, outputs = plain._context.step(context, event)
        for candidates in map(plain._for_ledger, outputs):
            if candidates is not None:
                decided = fast._ledger.compiled.decide(ledger, candidates)
                assert decided is not None
                expected, _ = plain._ledger.step(ledger, candidates)
                ledger, _ = decided
                assert ledger == expected
    assert ledger.sequence == len(asked)


def test_ids_that_are_not_plain_are_left_to_python():
    fast, plain = folds("plain")
    _, outputs = plain._context.step(plain.initial().context, request(1, 0))
    candidates = plain._for_ledger(outputs[0])
    odd = msgspec.structs.replace(
        candidates, request=msgspec.structs.replace(candidates.request, decision_id="é")
    )
    state = fast._ledger.initial()
    assert fast._ledger.compiled is not None
    assert fast._ledger.compiled.decide(state, odd) is None
    assert fast._ledger.step(state, odd)[0] == plain._ledger.step(state, odd)[0]


def test_before_1970_silence_is_an_answer_as_it_is_after():
    fast, plain = folds("unlimited")
    early = -500_000.0
    asked = request(1, early, "hero", "letter")
    state, outputs = advance(fast, fast.initial(), asked)
    other, expected = step_by_step(plain, plain.initial(), asked)
    assert asked.occurred_at.year < 1970
    assert told(outputs) == told(expected)
    assert fast.encode(state) == plain.encode(other)
    state, outputs = advance(fast, state, signal(2, early + 100))
    other, expected = step_by_step(plain, other, signal(2, early + 100))
    assert any(isinstance(each, Feedback) for each in outputs)
    assert (told(outputs), fast.encode(state)) == (told(expected), plain.encode(other))


def test_python_is_asked_at_once_for_what_the_kernel_leaves_to_it(monkeypatch):
    asked: list[Any] = []
    step = LedgerFold.step

    def noted(*given: Any) -> Any:
        asked.append(given)
        return step(*given)

    monkeypatch.setattr(LedgerFold, "step", noted)
    fold = compiled(bank(**BANKS["treatments"])).decide_fold()
    state = fold.initial()
    for number, event in enumerate([known(), *(request(number, number / 9, "tile") for number in range(5))]):
        state, outputs = advance(fold, state, event)
        assert number == 0 or Counted.DECIDED in outputs
    assert asked == []


def test_a_time_of_another_zone_is_the_same_time():
    fast, plain = folds("plain")
    event = request(1, 0, occurred_at=START.astimezone(tz=None) + timedelta(hours=1))
    state, outputs = advance(fast, fast.initial(), event)
    other, expected = step_by_step(plain, plain.initial(), event)
    assert (told(outputs), fast.encode(state)) == (told(expected), plain.encode(other))


@pytest.mark.parametrize("name", ["bidding", "moved", "treated"])
def test_bids_and_refused_treatments_are_left_to_the_kernel(name, monkeypatch):
    fast, _ = folds(name)
    left: list[Any] = []
    monkeypatch.setattr(LedgerFold, "in_python", lambda _, state, event, *rest: left.append(event))
    state = fast.initial()
    for event in [known(), *(request(number, number / 9, "tile", "letter") for number in range(5))]:
        state, _ = advance(fast, state, event)
    assert left == []


def test_what_needs_more_than_the_kernel_knows_is_left_to_python():
    fast, plain = folds("bundled")
    _, outputs = plain._context.step(plain.initial().context, request(1, 0, "tile"))
    candidates = plain._for_ledger(outputs[0])
    assert candidates is not None
    assert fast._ledger.compiled is not None
    assert fast._ledger.compiled.decide(fast._ledger.initial(), candidates) is None
