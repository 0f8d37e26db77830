"""The strategy: 50 actions with engagement rules, levers and caps, and a logistic regression for each of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.decide50.generate.draws import Draws, Floats

BRANDS = ("aurora", "borealis", "cumulus", "delta", "ember")
CHANNELS = ("web", "app", "email")
TYPES = (
    "page_view",
    "product_view",
    "search",
    "add_to_cart",
    "remove_from_cart",
    "checkout",
    "login",
    "impression",
    "click",
    "convert",
    "dismiss",
)
PAGES = (
    "home",
    "listing",
    "product",
    "cart",
    "checkout",
    "account",
    "help",
    "blog",
    "search",
    "landing",
)
DEVICES = ("ios", "android", "desktop", "tablet")
TIERS = ("bronze", "silver", "gold", "platinum")
REGIONS = tuple(f"R{number:02d}" for number in range(12))
SEGMENTS = ("student", "family", "single", "senior", "business", "expat")
PRODUCTS = tuple(f"P{number}" for number in range(12))
GROUPS = tuple(f"G{number}" for number in range(8))
PLACEMENTS: Mapping[str, Sequence[tuple[str, int]]] = {
    "home": (("hero", 1), ("tiles", 3)),
    "product": (("reco", 3),),
    "cart": (("banner", 1), ("cross", 2)),
    "account": (("inbox", 2),),
}
"""By page, in the order in which they are filled: the name, and how many offers it shows."""
PLACEMENT_NAMES = tuple(name for page in PLACEMENTS.values() for name, _ in page)
FEATURES = (
    *(f"n_{name}" for name in TYPES),
    *(f"recent_{name}" for name in TYPES),
    *("n_events", "session_s", "dwell", "cart_value", "n_sessions", "n_decisions"),
    *(f"page_{name}" for name in PAGES),
    *(f"brand_{name}" for name in BRANDS),
    *(f"channel_{name}" for name in CHANNELS),
    *(f"device_{name}" for name in DEVICES),
    *("hour_sin", "hour_cos", "weekend", "age", "tenure"),
    *("tier_silver", "tier_gold", "tier_platinum", "credit", "n_owned"),
    *("shown_7d", "shown_1d", "consent", "owns_last_product"),
)

Condition = dict[str, Any]
_Maker = Callable[[np.random.Generator], Condition]


def config(draws: Draws, actions: int) -> dict[str, Any]:
    """config.json: the vocabulary, the limits and the actions."""
    return {
        "brands": BRANDS,
        "channels": CHANNELS,
        "types": TYPES,
        "pages": PAGES,
        "devices": DEVICES,
        "tiers": TIERS,
        "regions": REGIONS,
        "segments": SEGMENTS,
        "ownable": PRODUCTS,
        "groups": GROUPS,
        "features": FEATURES,
        "placement_names": PLACEMENT_NAMES,
        "page_placements": PLACEMENTS,
        "session_gap_s": 1800,
        "group_caps": (3, 8, 20),
        "channel_caps": (12, 40, 120),
        "suppress_days": {"convert": 30, "dismiss": 7},
        "dedupe_last": 16,
        "actions": [_action(draws.generator("action", number), number) for number in range(actions)],
    }


def models(draws: Draws, actions: int) -> tuple[Floats, Floats]:
    """Weights (actions x features) and biases (actions): most propensities are a few per cent."""
    streams = [draws.generator("model", number) for number in range(actions)]
    weights = np.array([stream.normal(0.0, 0.35, len(FEATURES)) for stream in streams])
    return weights, np.array([stream.normal(-2.5, 0.5) for stream in streams])


def _action(rng: np.random.Generator, number: int) -> dict[str, Any]:
    return {
        "id": f"A{number:03d}",
        "group": GROUPS[number % len(GROUPS)],
        "placements": _some(rng, PLACEMENT_NAMES, 2, 4),
        "value": round(float(rng.lognormal(3.0, 0.7)), 2),
        "lever": round(float(rng.uniform(0.7, 1.5)), 3),
        "context_weight": {name: round(float(rng.uniform(0.5, 1.5)), 3) for name in CHANNELS},
        "eligible_if": {"all": _rule(rng)},
        "caps": [_int(rng, 1, 3), _int(rng, 3, 7), _int(rng, 8, 15)],
    }


def _rule(rng: np.random.Generator) -> list[Condition]:
    """Brand and channel, one to three conditions, and in two of five rules a choice of three more."""
    rule: list[Condition] = [
        {"f": "brand", "op": "in", "v": _some(rng, BRANDS, 3, 5)},
        {"f": "channel", "op": "in", "v": _some(rng, CHANNELS, 2, 3)},
    ]
    rule += [_one(rng, _CONDITIONS) for _ in range(_int(rng, 1, 3))]
    if rng.random() < 0.4:
        rule.append({"any": [_one(rng, _CHOICES), _one(rng, _CHOICES), _one(rng, _CONDITIONS)]})
    return rule


def _int(rng: np.random.Generator, least: int, most: int) -> int:
    return int(rng.integers(least, most + 1))


def _some(rng: np.random.Generator, names: Sequence[str], least: int, most: int) -> list[str]:
    picked = rng.choice(len(names), _int(rng, least, most), replace=False)
    return sorted(names[index] for index in picked)


def _one(rng: np.random.Generator, makers: Sequence[_Maker]) -> Condition:
    return makers[int(rng.integers(len(makers)))](rng)


def _whole(field: str, op: str, least: int, most: int) -> _Maker:
    return lambda rng: {"f": field, "op": op, "v": _int(rng, least, most)}


def _real(field: str, op: str, least: int, most: int) -> _Maker:
    return lambda rng: {"f": field, "op": op, "v": float(_int(rng, least, most))}


def _name(field: str, op: str, names: Sequence[str]) -> _Maker:
    return lambda rng: {"f": field, "op": op, "v": names[int(rng.integers(len(names)))]}


def _within(field: str, names: Sequence[str], count: int) -> _Maker:
    return lambda rng: {"f": field, "op": "in", "v": _some(rng, names, count, count)}


_CONDITIONS: Sequence[_Maker] = (
    _whole("age", ">=", 18, 44),
    _whole("age", "<=", 40, 79),
    _whole("tenure_months", ">=", 1, 39),
    _whole("credit_score", ">=", 350, 599),
    _whole("n_product_view", "<=", 5, 14),
    _real("cart_value", "<", 100, 399),
    _within("tier", TIERS, 3),
    _within("region", REGIONS, 8),
    _within("device", DEVICES, 3),
    _name("segment", "!=", SEGMENTS),
    _name("owned", "has_not", PRODUCTS),
    lambda _: {"f": "consent_marketing", "op": "==", "v": True},
)
"""Each true of most customers; all together leave just under half of the actions eligible."""
_CHOICES: Sequence[_Maker] = (
    _whole("n_events", ">=", 2, 4),
    _whole("hour", ">=", 6, 11),
    _whole("n_search", ">=", 1, 1),
    _real("dwell_s", ">", 3, 29),
    _name("owned", "has", PRODUCTS),
)
"""Of the moment; only one of three has to be true."""
