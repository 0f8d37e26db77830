"""Kinds of households: what a member's facts are drawn around."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Archetype:
    """A kind of household; facts of its members are drawn around it."""

    share: float
    ages: tuple[int, int]
    employment: Mapping[str, float]
    income: Mapping[str, float]
    homeowner: float
    children: float
    savings: float
    """Median, pounds."""
    disposable: float
    """Mean pounds a month after essential costs."""
    app: float
    vulnerable: float
    leanings: Mapping[str, float]
    """What they care about more than others, by topic."""


_WORKING = {"employed": 0.82, "self_employed": 0.14, "not_working": 0.04}
_MIDDLE = {"15k_30k": 0.35, "30k_50k": 0.4, "50k_80k": 0.2, "over_80k": 0.05}

ARCHETYPES: Mapping[str, Archetype] = MappingProxyType(
    {
        "student": Archetype(
            0.08,
            (17, 26),
            {"student": 0.95, "employed": 0.05},
            {"under_15k": 0.9, "15k_30k": 0.1},
            0.01,
            0.02,
            350,
            90,
            0.97,
            0.03,
            {"current_accounts": 0.7, "budgeting": 0.6, "cards": 0.2},
        ),
        "starter": Archetype(
            0.22,
            (22, 36),
            _WORKING,
            {"15k_30k": 0.5, "30k_50k": 0.4, "50k_80k": 0.1},
            0.2,
            0.15,
            2_500,
            380,
            0.93,
            0.04,
            {"mortgages": 0.6, "isas": 0.4, "cards": 0.4, "loans": 0.3},
        ),
        "family": Archetype(
            0.26,
            (30, 52),
            _WORKING,
            _MIDDLE,
            0.66,
            0.9,
            4_500,
            420,
            0.88,
            0.06,
            {"mortgages": 0.6, "insurance": 0.5, "savings": 0.3},
        ),
        "established": Archetype(
            0.2,
            (45, 66),
            _WORKING,
            {"30k_50k": 0.4, "50k_80k": 0.4, "over_80k": 0.2},
            0.84,
            0.3,
            21_000,
            900,
            0.8,
            0.05,
            {"investments": 0.8, "isas": 0.6, "savings": 0.5},
        ),
        "retired": Archetype(
            0.17,
            (63, 90),
            {"retired": 0.95, "employed": 0.05},
            {"under_15k": 0.3, "15k_30k": 0.5, "30k_50k": 0.2},
            0.78,
            0.05,
            26_000,
            420,
            0.55,
            0.15,
            {"savings": 0.9, "isas": 0.6, "security": 0.4},
        ),
        "stretched": Archetype(
            0.07,
            (21, 60),
            {"employed": 0.6, "not_working": 0.25, "self_employed": 0.15},
            {"under_15k": 0.5, "15k_30k": 0.5},
            0.15,
            0.5,
            120,
            -40,
            0.85,
            0.2,
            {"money_help": 1.2, "budgeting": 0.6, "loans": 0.5},
        ),
    }
)
