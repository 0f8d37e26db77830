"""One day of one customer: everything that begins on it."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from numpy.random import Generator

from models.simulation.banking import banking_of_day
from models.simulation.life import news
from models.simulation.person import Person
from models.simulation.scribe import Scribe
from models.simulation.talks import talks_of_day
from models.simulation.visits import Day, visits_of_day
from models.times import DAY, HOUR, Micros, moment

VISITS_PER_DAY = 1.0
"""Mean over customers; each has a pace of their own."""
CARD_PAYMENTS_PER_DAY = 1.2


def write_day(
    draws: Generator,
    person: Person,
    scribe: Scribe,
    day: Day,
    *,
    visits: float = VISITS_PER_DAY,
    card_payments: float = CARD_PAYMENTS_PER_DAY,
) -> None:
    """Have the scribe write all that begins on the day, drawn from what is true as it begins; in no order."""
    visits_of_day(draws, person, scribe, day, visits)
    talks_of_day(draws, person, scribe, day)
    banking_of_day(draws, person, scribe, day, card_payments)
    for at, facts in news(person.life, day.begins, day.begins + DAY):
        if changes := person.changed(facts):
            scribe.write(at, "profile", "core", person.facts["brands"][0], profile=changes)


def introduce(person: Person, scribe: Scribe, at: Micros) -> None:
    """Have the scribe write the first profile: all that the bank knows."""
    scribe.write(at, "profile", "core", person.facts["brands"][0], profile=dict(person.facts))


def day_at(time_zone: str, begins: Micros) -> Day:
    """The 24 hours from `begins`, by the clock of the time zone."""
    local = moment(begins).astimezone(ZoneInfo(time_zone))
    since_midnight = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
    return Day(begins, since_midnight / timedelta(microseconds=HOUR), local.weekday(), local.day)
