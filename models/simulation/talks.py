"""Conversations: calls, webchats, e-mails and branch visits, with what they were about."""

from typing import Any

from numpy.random import Generator

from models.simulation.draws import chance, lognormal, pick
from models.simulation.life import active
from models.simulation.person import Person
from models.simulation.scribe import Scribe
from models.simulation.visits import Day
from models.simulation.world import INTENT_WEIGHTS, INTENTS, MOOD_OF
from models.times import SECOND, Micros

_OPEN_HOURS = (0,) * 8 + (4, 8, 9, 9, 8, 8, 8, 8, 7, 5, 3, 1) + (0,) * 4
_WAYS = {"call": 0.5, "webchat": 0.3, "email_received": 0.1, "branch_visit": 0.1}


def talks_of_day(draws: Generator, person: Person, scribe: Scribe, day: Day) -> None:
    """All conversations of one day."""
    at = day.time_of(draws, _OPEN_HOURS)
    rate = person.customer.hidden.talkative
    for kind in active(person.life, at):
        rate *= kind.talk
    for _ in range(min(2, int(draws.poisson(rate)))):
        _talk(draws, person, scribe, day.time_of(draws, _OPEN_HOURS))


def _talk(draws: Generator, person: Person, scribe: Scribe, at: Micros) -> None:
    way = pick(draws, _WAYS)
    intent = pick(draws, _about(person, at))
    sentiment = MOOD_OF.get(intent, 0.2) + 0.3 * float(draws.standard_normal())
    said: dict[str, Any] = {
        "topic": INTENTS[intent],
        "intent": intent,
        "sentiment": round(min(1.0, max(-1.0, sentiment)), 2),
    }
    brand = person.facts["brands"][0]
    if way == "email_received":
        scribe.write(at, way, "email", brand, **said)
    elif way == "branch_visit":
        scribe.write(at, way, "colleague", brand, asks=("colleague_prompt",), **said)
    else:
        _by_phone_or_chat(draws, person, scribe, at, way, said)


def _by_phone_or_chat(
    draws: Generator, person: Person, scribe: Scribe, at: Micros, way: str, said: dict[str, Any]
) -> None:
    """A call is known from its start, when the colleague looks for what to say; what it was about, at its end."""
    brand = person.facts["brands"][0]
    duration = round(min(7_200.0, lognormal(draws, 340 if way == "call" else 480, 0.7)), 0)
    channel = "web" if way == "webchat" and chance(draws, 0.5) else "app"
    if way == "call":
        channel = "colleague"
        scribe.write(at, "call_started", channel, brand, asks=("colleague_prompt",))
    ended = at + int(duration) * SECOND
    scribe.write(ended, way, channel, brand, duration_s=duration, **said)


def _about(person: Person, at: Micros) -> dict[str, float]:
    weights = dict(INTENT_WEIGHTS)
    for kind in active(person.life, at):
        for intent, more in kind.intents.items():
            weights[intent] += more
    if person.facts["status"] == "closing":
        weights["close_account"] += 3.0
    return weights
