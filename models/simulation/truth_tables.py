"""The truth as tables: customers, what happened to them, every answer's probability, the model's coefficients."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from models.simulation.lives import Told
from models.simulation.simulation import Simulation
from models.simulation.truth import DRIVERS
from models.simulation.world import GROUP_TOPIC, TOPICS
from models.times import moment

Row = dict[str, Any]

_TIME = pa.timestamp("us", tz="UTC")
_HABITS = ("responsiveness", "attention", "opens_email", "pace", "talkative", "gambles", "reachable")
_PARTS = ("arrives", "notices", "says_yes", "positive", "base", "drivers", "taste", "place", "repeat")


def _schema(texts: str, numbers: str = "", **others: pa.DataType) -> pa.Schema:
    fields = [(name, pa.string()) for name in texts.split()]
    fields += [(name, pa.float64()) for name in numbers.split()]
    return pa.schema([*fields, *others.items()])


_CUSTOMER_NUMBERS = (
    *_HABITS,
    *(f"interest_{topic}" for topic in TOPICS),
    *(f"taste_{group}" for group in sorted(GROUP_TOPIC)),
)

SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType(
    {
        "customers": _schema("customer_id archetype", " ".join(_CUSTOMER_NUMBERS)),
        "life_events": _schema("customer_id kind", begins=_TIME, ends=_TIME, known_at=_TIME),
        "answers": _schema(
            "decision_id customer_id action treatment group placement channel outcomes",
            " ".join(f"p_{name}" if name in _PARTS[:4] else f"logit_{name}" for name in _PARTS),
            rank=pa.int64(),
            slot=pa.int64(),
            decided_at=_TIME,
            noticed=pa.bool_(),
            positive=pa.bool_(),
        ),
        "coefficients": _schema("action group topic", " ".join(("intercept", *DRIVERS))),
    }
)
"""Columns of truth/NAME.parquet. `p_positive` is P(positive | offered) = p_arrives x p_notices x p_says_yes."""


def rows_of(told: Told) -> Iterator[tuple[str, Row]]:
    """All rows about one customer, each with the name of its table."""
    who = told.person.customer
    hidden = who.hidden
    yield (
        "customers",
        {"customer_id": who.customer_id, "archetype": hidden.archetype}
        | {name: getattr(hidden, name) for name in _HABITS}
        | {f"interest_{topic}": value for topic, value in hidden.interest.items()}
        | {f"taste_{group}": value for group, value in hidden.taste.items()},
    )
    for event in told.person.life:
        times = {name: moment(getattr(event, name)) for name in ("begins", "ends", "known_at")}
        yield "life_events", {"customer_id": who.customer_id, "kind": event.kind} | times
    yield from (("answers", row) for row in _answers(told))


def coefficient_rows(simulation: Simulation) -> list[Row]:
    """One row per action of the plan."""
    return list(simulation.model.coefficients())


def _answers(told: Told) -> Iterator[Row]:
    for decision, response in told.responses:
        offer, answer = response.offer, response.answer
        row = {
            name: getattr(offer, name)
            for name in ("action", "treatment", "group", "placement", "channel", "rank", "slot")
        }
        row |= {name: getattr(decision, name) for name in ("decision_id", "customer_id", "decided_at")}
        row |= {
            f"p_{name}" if name in _PARTS[:4] else f"logit_{name}": getattr(answer, name) for name in _PARTS
        }
        row |= {"noticed": response.noticed, "positive": response.positive}
        yield row | {"outcomes": " ".join(outcome.kind.value for outcome in response.outcomes)}
