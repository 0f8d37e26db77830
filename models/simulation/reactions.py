"""What an answer leads to: a page opened, a product held, a fact settled, a permission withdrawn."""

from collections.abc import Iterator
from typing import Any

from models.simulation.draws import chance, generator
from models.simulation.person import Respondent
from models.simulation.truth import topic_of
from models.simulation.world import PAGES_OF, SETTLED, TAKEN_UP
from models.times import MINUTE, SECOND, micros, moment
from schemas import Outcome, OutcomeKind, Signal

_NEEDS_ONLY_DELIVERY = "notice-"
_UNSUBSCRIBES = 0.25
"""P(consent withdrawn | an e-mail or text was turned down)."""


def reactions(outcome: Outcome, group: str, brand: str, person: Respondent, seed: int) -> Iterator[Signal]:
    """Signals that follow an outcome, all later than it; ids derive from the outcome's."""
    if outcome.kind is OutcomeKind.CLICKED and outcome.channel in {"web", "app"}:
        yield _opened_page(outcome, group, brand, person)
    learned = _learned(outcome, person, seed)
    changes = person.changed(learned)
    if changes:
        yield _signal(outcome, brand, "profile", "core", "facts", MINUTE, profile=changes)


def _opened_page(outcome: Outcome, group: str, brand: str, person: Respondent) -> Signal:
    topic = topic_of(group)
    page = next(iter(PAGES_OF[topic]))
    channel = str(outcome.channel)
    return _signal(
        outcome,
        brand,
        "page_view",
        channel,
        "page",
        2 * SECOND,
        page=page,
        device_id=person.customer.devices[channel][0],
        attributes={"topic": topic, "action": outcome.action},
    )


def _learned(outcome: Outcome, person: Respondent, seed: int) -> dict[str, Any]:
    action, kind = str(outcome.action), outcome.kind
    if kind is OutcomeKind.REJECTED and outcome.channel in {"email", "sms"}:
        draws = generator(seed, "unsubscribe", outcome.customer_id, micros(outcome.occurred_at))
        return {f"consent_{outcome.channel}": False} if chance(draws, _UNSUBSCRIBES) else {}
    if kind is OutcomeKind.DELIVERED and action.startswith(_NEEDS_ONLY_DELIVERY):
        return dict(SETTLED.get(action, {}))
    if kind is OutcomeKind.ACCEPTED:
        return dict(SETTLED.get(action, {}))
    if kind is OutcomeKind.CONVERSION and action in TAKEN_UP:
        held, new = person.facts["holdings"], TAKEN_UP[action]
        return {"holdings": held if new in held else (*held, new)}
    return {}


def _signal(
    outcome: Outcome, brand: str, kind: str, channel: str, what: str, delay: int, **fields: Any
) -> Signal:
    return Signal(
        signal_id=f"{outcome.outcome_id}.{what}",
        customer_id=outcome.customer_id,
        occurred_at=moment(micros(outcome.occurred_at) + delay),
        type=kind,
        channel=channel,
        brand=brand,
        **fields,
    )
