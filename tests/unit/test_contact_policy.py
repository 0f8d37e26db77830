"""The whole contact policy against an oracle that forgets nothing and tries everything (`contact_oracle`)."""

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from contact_worlds import BRANDS, HOUSEHOLD, LATE, NAMES, PLACEMENTS, World, policy
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import OutcomeKind

KINDS = [kind for kind in OutcomeKind if kind != OutcomeKind.NO_RESPONSE]
SCOPES: list[dict[str, Any]] = [
    {},
    {},
    {"groups": ["lending"]},
    {"groups": ["deposits", "care"]},
    {"actions": ["loan", "bond", "alert"]},
    {"issues": ["grow"], "classes": ["marketing"]},
]
WHERE: dict[str, list[Any]] = {
    "channels": [[], [], [], ["web"], ["mail", "branch"], ["app", "web"]],
    "brands": [[], [], [], ["quay"], list(BRANDS)],
    "per_brand": [False, False, True],
    "scope": SCOPES,
}
LIMITS: dict[str, list[Any]] = {
    "at_most": [1, 1, 1, 2, 2, 3, 0],
    "per": ["1s", "6s", "20s", "60s"],
    "each": ["customer", "channel", "direction", "group", "issue", "action", "treatment"],
    "same_decision": ["counted", "exempt"],
    "counts": ["reserved", "reserved", "committed"],
    "whose": ["customer", "household"],
    "directions": [[], [], [], ["inbound"], ["outbound"]],
    **WHERE,
}
SUPPRESSIONS: dict[str, list[Any]] = {
    "outcomes": [[], ["NoResponse"], ["Rejected", "Clicked"], ["Bounced"], ["Pending", "Expired"]],
    "label": [None, None, "positive", "negative"],
    "signal": [None, "signal.type == 'opt_out'"],
    "times": [1, 1, 1, 2, 3],
    "within": ["1s", "6s", "30s"],
    "pause": ["1s", "9s", "40s"],
    "pauses": ["treatment", "action", "group", "issue", "channel", "all"],
    **WHERE,
}
STEPS = [-LATE, -5, -1, 0, 0, 0, 0, 1, 1, 1, 2, 6]
"""How far an event is from the latest one: it may be as late as events may be."""
EVENTS: dict[str, list[list[Any]]] = {
    "ask": [STEPS, list(HOUSEHOLD), list(BRANDS), [], [], ["web", "app", "branch"]],
    "answer": [STEPS, [*range(5), *range(5), *range(30)], KINDS],
    "opt out": [STEPS, list(HOUSEHOLD), list(BRANDS), ["web", "mail"], [*NAMES, "unknown", None]],
    "again": [list(range(10))],
}
WEIGHTS = ["ask"] * 4 + ["answer"] * 3 + ["opt out", "again"]


def choices(table: dict[str, list[Any]], choose: Callable[[Sequence[Any]], Any]) -> dict[str, Any]:
    return {key: choose(values) for key, values in table.items()}


def happening(kind: str, choose: Callable[[Sequence[Any]], Any]) -> tuple[Any, ...]:
    drawn = [choose(values) if values else None for values in EVENTS[kind]]
    if kind == "ask":
        at = choose(range(len(NAMES)))
        drawn[3] = [*NAMES[at:], *NAMES[:at]][: 2 + choose(range(len(NAMES)))]
        first = choose(range(len(PLACEMENTS)))
        drawn[4] = [*list(PLACEMENTS)[first:], *list(PLACEMENTS)[:first]][: 1 + choose(range(3))]
    return (kind, *drawn)


def compare(world: World, history: Sequence[tuple[Any, ...]]) -> Counter[str]:
    """The fold and the oracle agree on every decision; what became of the candidates."""
    fates: Counter[str] = Counter()
    for decision in world.run(history):
        offers, expected = world.expected(decision)
        assert [(offer.placement, offer.action, offer.treatment) for offer in decision.offers] == offers
        assert {each.action: each.rule or each.stage.value for each in decision.ranked} == expected
        fates.update(fate.split("-")[0] for fate in expected.values())
    return fates


@st.composite
def lives(draw: st.DrawFn) -> tuple[World, list[tuple[Any, ...]]]:
    def choose(values: Sequence[Any]) -> Any:
        return draw(st.sampled_from(values))

    limits = [choices(LIMITS, choose) for _ in range(draw(st.integers(0, 3)))]
    suppressions = [choices(SUPPRESSIONS, choose) for _ in range(draw(st.integers(0, 2)))]
    history = [happening(choose(WEIGHTS), choose) for _ in range(draw(st.integers(2, 12)))]
    return World(policy(limits, suppressions)), history


def life(seed: int) -> tuple[World, list[tuple[Any, ...]]]:
    """A longer life, with a policy that is likely to matter."""
    choose = Random(seed).choice
    limits = [choices(LIMITS, choose) for _ in range(choose([1, 2, 3, 5]))]
    suppressions = [choices(SUPPRESSIONS, choose) for _ in range(choose([0, 1, 2, 4]))]
    history = [happening(choose(WEIGHTS), choose) for _ in range(40)]
    return World(policy(limits, suppressions)), history


@settings(max_examples=100, deadline=None)
@given(lives())
def test_what_is_offered_and_what_refuses_the_rest_is_what_the_policy_says(drawn):
    compare(*drawn)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_so_it_is_in_longer_lives(seed):
    compare(*life(seed))


def test_those_lives_are_not_idle():
    fates = sum((compare(*life(seed)) for seed in range(40)), Counter[str]())
    assert min(fates[fate] for fate in ("limit", "pause", "Output", "Arbitration")) > 100


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_a_memory_that_is_too_small_refuses_too_much_and_never_too_little(seed):
    _, history = life(seed)
    limits = [{**choices(LIMITS, Random(seed).choice), "at_most": 12, "per": "40s", "scope": {}}]
    small = World(policy(limits, [], keep=16))
    for decision in small.run([*history, *history, *history]):
        assert small.broken(decision) == []
