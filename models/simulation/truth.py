"""The response model that nobody in the pipeline knows: who says yes to what, and why.

P(yes | noticed) is logistic: a base for the group and a twist for the action, effects of drivers that the plan
declares as features too, the customer's hidden taste, and the place. P(noticed) depends on place and position.
A model that learns from the declared features can find the drivers, not the taste.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from models.plan.spec import PlanSpec
from models.simulation.draws import generator
from models.simulation.person import Respondent
from models.simulation.world import GROUP_TOPIC, PRODUCTS
from models.times import Micros

DRIVERS = (
    "interest",  # log1p of views_TOPIC_7d, of the topic of the action's group
    "abandoned",  # abandoned_lately
    "mood",  # sentiment_30d
    "fatigue",  # log1p of impressions_7d
    "age",  # (age - 45) / 20
    "disposable",  # disposable_income / 1000, within -1..3
    "savings",  # log1p of savings_balance, / 10
    "utilisation",  # card_utilisation
    "overdraft",  # overdraft_days / 10
    "homeowner",
    "children",
    "tenure",  # tenure_years / 10
    "rate_ends",  # 1 when a mortgage rate ends today, 0 from 180 days on
)
"""What moves an answer, in the order of every row of coefficients."""

_EVERYWHERE = {"interest": 0.8, "abandoned": 0.35, "mood": 0.4, "fatigue": -0.28}


@dataclass(frozen=True, slots=True)
class _GroupTruth:
    base: float
    effects: Mapping[str, float]


def _group(base: float, **effects: float) -> _GroupTruth:
    return _GroupTruth(base, _EVERYWHERE | effects)


_GROUPS = MappingProxyType(
    {
        "current_accounts": _group(-3.4, age=-0.4, tenure=-0.2, abandoned=0.6),
        "cards": _group(-3.6, age=-0.2, utilisation=0.8, disposable=0.3, savings=-0.5, abandoned=0.6),
        "loans": _group(-4.0, utilisation=0.9, overdraft=0.25, savings=-0.9, homeowner=0.3, abandoned=0.7),
        "mortgages": _group(-4.2, interest=1.1, age=-0.5, disposable=0.5, homeowner=-0.3, abandoned=0.7),
        "savings": _group(-3.4, savings=1.0, disposable=0.3, age=0.2),
        "isas": _group(-3.7, savings=1.2, age=0.1, disposable=0.3),
        "insurance": _group(-3.8, homeowner=0.6, children=0.6, age=0.1),
        "investments": _group(-4.6, savings=1.6, disposable=0.4, age=0.3),
        "mortgage_care": _group(-2.8, rate_ends=2.0, disposable=0.3),
        "savings_care": _group(-2.4, savings=0.9, age=0.2),
        "card_rewards": _group(-2.6, utilisation=0.4, age=-0.2),
        "loyalty": _group(-2.2, tenure=0.3, mood=0.8),
        "payments": _group(-1.4, overdraft=0.3, fatigue=-0.1),
        "card_care": _group(-0.9, fatigue=-0.1),
        "details": _group(-1.6, age=-0.2, fatigue=-0.2),
        "notices": _group(-0.8, fatigue=-0.05),
        "protection": _group(0.2, age=0.2, fatigue=-0.05),
        "budgeting": _group(-2.3, age=-0.4, disposable=-0.5, children=0.2),
        "overdraft_help": _group(-1.9, overdraft=0.5, disposable=-0.3),
        "arrears_support": _group(-1.4, overdraft=0.3, mood=0.6),
        "cost_of_living": _group(-2.3, disposable=-0.8, children=0.3),
        "life_events": _group(-1.2, mood=0.2),
    }
)
_OTHER = _group(-3.0)

PLACES = MappingProxyType(
    {
        "web_home_hero": (0.75, 0.0),
        "web_product_tiles": (0.6, 0.25),
        "web_account_banner": (0.65, -0.1),
        "web_logout_page": (0.45, -0.35),
        "app_home_carousel": (0.7, 0.1),
        "app_account_insight": (0.6, 0.0),
        "colleague_prompt": (0.7, 0.9),
        "colleague_wrap_up": (0.55, 0.7),
        "email_main": (0.4, 0.3),
        "sms_message": (0.95, 0.1),
    }
)
"""P(noticed) of the first slot for an average customer, and what the place adds to the log-odds of a yes."""

_SENT = frozenset({"email_main", "sms_message"})
_SLOT_DECAY = 0.7
"""Each further slot of a place is noticed less, by this factor."""
_REPEAT = -0.35
"""Times log1p of how often the same action was seen in 7 days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The truth about one offer, before anything is drawn: probabilities, and the log-odds in parts."""

    arrives: float
    """P(it reaches the customer): 1 on screens and at desks."""
    notices: float
    """P(noticed | it reached the customer)."""
    says_yes: float
    """P(positive | noticed)."""
    base: float
    drivers: float
    """Sum of coefficient x driver."""
    taste: float
    """Hidden: of the customer for the group, and their responsiveness."""
    place: float
    repeat: float
    """For having seen the same action in the last 7 days."""

    @property
    def positive(self) -> float:
        """P(positive | offered)."""
        return self.arrives * self.notices * self.says_yes


class ResponseModel:
    """The known truth for all actions of a plan. The same action has the same truth in every plan of a seed."""

    def __init__(self, spec: PlanSpec, seed: int) -> None:
        self._groups = {action.id: action.group for action in spec.actions}
        rows = [_coefficients(seed, action.id, action.group) for action in spec.actions]
        self._rows = {action.id: row for action, row in zip(spec.actions, rows, strict=True)}

    def coefficients(self) -> list[dict[str, str | float]]:
        """One row per action: group, topic, intercept and the coefficient of each driver."""
        return [
            {"action": action, "group": self._groups[action], "topic": topic_of(self._groups[action])}
            | {"intercept": row[0]}
            | dict(zip(DRIVERS, row[1:], strict=True))
            for action, row in self._rows.items()
        ]

    def answer(self, person: Respondent, action: str, placement: str, slot: int, at: Micros) -> Answer:
        """How likely this customer notices this offer here and now, and says yes.

        Actions that the plan does not know have no truth: KeyError.
        """
        group, (base, *weights) = self._groups[action], self._rows[action]
        hidden = person.customer.hidden
        drivers = float(np.dot(weights, drivers_of(person, group, at)))
        taste = hidden.taste.get(group, 0.0) + hidden.responsiveness
        noticed, place = PLACES.get(placement, (0.6, 0.0))
        repeat = _REPEAT * float(np.log1p(person.times_seen(action, at)))
        odds = hidden.attention * noticed / (1 - noticed)
        noticed = odds / (1 + odds) * _SLOT_DECAY ** (slot - 1)
        return Answer(
            arrives=hidden.reachable if placement in _SENT else 1.0,
            notices=hidden.opens_email if placement == "email_main" else noticed,
            says_yes=_sigmoid(base + drivers + taste + place + repeat),
            base=base,
            drivers=drivers,
            taste=taste,
            place=place,
            repeat=repeat,
        )


def topic_of(group: str) -> str:
    """What a group of actions is about."""
    return GROUP_TOPIC.get(group, "account_care")


def drivers_of(person: Respondent, group: str, at: Micros) -> Sequence[float]:
    """The drivers' values for offers of a group, in the order of `DRIVERS`."""
    facts = person.facts
    ends = facts.get("mortgage_rate_ends_days")
    return (
        float(np.log1p(person.views(topic_of(group), at))),
        person.abandoned(at) if topic_of(group) in PRODUCTS else 0.0,
        person.mood(at),
        float(np.log1p(person.impressions(at))),
        (facts["age"] - 45) / 20,
        min(3.0, max(-1.0, facts["disposable_income"] / 1000)),
        float(np.log1p(facts["savings_balance"])) / 10,
        facts["card_utilisation"],
        facts["overdraft_days"] / 10,
        float(facts["homeowner"]),
        float(facts["has_children"]),
        facts["tenure_years"] / 10,
        0.0 if ends is None else max(0.0, 1 - ends / 180),
    )


def _coefficients(seed: int, action: str, group: str) -> tuple[float, ...]:
    """Intercept, then one per driver: the group's, with a twist of the action's own."""
    truth = _GROUPS.get(group, _OTHER)
    draws = generator(seed, "action", action)
    twist = draws.standard_normal(len(DRIVERS) + 1)
    effects = [truth.effects.get(name, 0.0) for name in DRIVERS]
    own = [effect + 0.2 * abs(effect) * float(z) for effect, z in zip(effects, twist[1:], strict=True)]
    return (truth.base + 0.35 * float(twist[0]), *own)


def _sigmoid(log_odds: float) -> float:
    return float(1 / (1 + np.exp(-log_odds)))
