"""Visits: what customers do on the web and in the app, page by page."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from numpy.random import Generator

from models.simulation.draws import chance, lognormal, pick, wait
from models.simulation.person import Person
from models.simulation.scribe import Scribe
from models.simulation.world import (
    ABROAD,
    APPLICATION_STEPS,
    APPLIED_FOR,
    CALCULATED,
    PAGES_OF,
    PRODUCTS,
    SEARCHES,
    SOLD_BY,
)
from models.times import MINUTE, SECOND, Micros

HOURS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "app": (1, 1, 0, 0, 0, 1, 4, 9, 10, 6, 5, 5, 8, 7, 5, 5, 6, 8, 8, 7, 7, 6, 4, 2),
        "web": (1, 0, 0, 0, 0, 0, 1, 3, 5, 7, 8, 7, 7, 6, 6, 6, 5, 5, 6, 8, 9, 7, 4, 2),
    }
)
"""How busy each local hour is."""

WEEKDAYS = (1.1, 1.05, 1.0, 1.05, 1.1, 0.85, 0.85)

_ASKS = MappingProxyType(
    {
        ("web", "home"): ("web_home_hero",),
        ("web", "account"): ("web_account_banner",),
        ("web", "payments"): ("web_account_banner",),
        ("web", "logout"): ("web_logout_page",),
        ("app", "home"): ("app_home_carousel",),
        ("app", "account"): ("app_account_insight",),
        ("app", "payments"): ("app_account_insight",),
    }
)
_PRODUCT_PAGES = frozenset(page for topic in PRODUCTS for page in PAGES_OF[topic])
_DWELL = MappingProxyType({"home": 8.0, "account": 14.0, "payments": 35.0, "logout": 4.0, "apply": 70.0})


@dataclass(slots=True)
class Visit:
    """One customer on one device, and the clock."""

    draws: Generator
    person: Person
    scribe: Scribe
    at: Micros
    channel: str
    brand: str
    device: str
    dwell: float | None = None

    def pause(self, median_s: float) -> None:
        """Let time pass; the next page says how long."""
        delay = wait(self.draws, median_s, 0.8, at_most_s=20 * 60)
        self.dwell = round(delay / SECOND, 1)
        self.at += delay

    def do(self, kind: str, page: str | None = None, **attributes: Any) -> None:
        """Write what the customer does now."""
        self.scribe.write(
            self.at, kind, self.channel, self.brand, page=page, device=self.device, **attributes
        )

    def view(self, page: str, topic: str | None = None) -> None:
        """Look at a page, which asks for offers if it has room for them, and stay a while."""
        asks = _ASKS.get((self.channel, page), ())
        if self.channel == "web" and page in _PRODUCT_PAGES:
            asks = ("web_product_tiles",)
        self.scribe.write(
            self.at, "page_view", self.channel, self.brand, page=page, device=self.device, asks=asks,
            topic=topic, dwell_s=self.dwell,
        )  # fmt: skip
        self.pause(_DWELL.get(page, 25.0))


def visits_of_day(draws: Generator, person: Person, scribe: Scribe, day: "Day", per_day: float) -> None:
    """All visits of one day."""
    rate = per_day * person.customer.hidden.pace * WEEKDAYS[day.weekday]
    for _ in range(int(draws.poisson(rate))):
        channel = "app" if person.facts["app_registered"] and chance(draws, 0.72) else "web"
        visit = _arrive(draws, person, scribe, channel, day.time_of(draws, HOURS[channel]))
        topic = _run(visit)
        if chance(draws, 0.12):
            _move_to_other_device(visit, topic)


@dataclass(frozen=True, slots=True)
class Day:
    """24 hours from `begins`, with the local clock."""

    begins: Micros
    local_hour: float
    """Local hour at `begins`."""
    weekday: int
    """0 is Monday, at `begins`."""
    month_day: int

    def time_of(self, draws: Generator, weights: tuple[float, ...]) -> Micros:
        """A moment of the day; hours are chosen by weight."""
        hour = pick(draws, dict(enumerate(weights))) + float(draws.random())
        return self.begins + int(((hour - self.local_hour) % 24) * 3600 * SECOND)


def _arrive(draws: Generator, person: Person, scribe: Scribe, channel: str, at: Micros) -> Visit:
    brands = person.facts["brands"]
    brand = brands[0] if len(brands) == 1 or chance(draws, 0.75) else brands[1]
    devices = person.customer.devices[channel]
    device = devices[0] if len(devices) == 1 or chance(draws, 0.7) else devices[1]
    return Visit(draws, person, scribe, at, channel, brand, device)


def _run(visit: Visit) -> str | None:
    """One visit: in, around, out. Returns the topic looked at last."""
    draws = visit.draws
    if visit.channel == "web":
        visit.view("home")
    signed_in = visit.channel == "app" or chance(draws, 0.7)
    if signed_in:
        _sign_in(visit)
        if visit.channel == "app":
            visit.view("home")
        if chance(draws, 0.75):
            visit.view("account")
    topic = None
    while chance(draws, 0.55):
        topic = _browse(visit)
    if signed_in and chance(draws, 0.18):
        _pay(visit)
    if visit.channel == "web" and signed_in and chance(draws, 0.45):
        visit.view("logout")
    return topic


def _sign_in(visit: Visit) -> None:
    draws = visit.draws
    if chance(draws, 0.04):
        visit.do("login_failed", attempts=1 + int(draws.poisson(0.8)))
        visit.pause(12)
    abroad = visit.person.travelling(visit.at) and chance(draws, 0.8)
    stranger = chance(draws, 0.002)
    country = ABROAD[int(draws.integers(len(ABROAD)))] if abroad or stranger else "GB"
    visit.do("login", country=country, new_device=stranger or chance(draws, 0.01))
    visit.pause(3)


def _browse(visit: Visit) -> str:
    """Look at one topic; some search, calculate, or apply."""
    draws = visit.draws
    interests = visit.person.interests(visit.at)
    topic = pick(draws, interests)
    if chance(draws, 0.12):
        words = SEARCHES[topic]
        query = words[int(draws.integers(len(words)))]
        visit.do("search", "search_results", topic=topic, query=query)
        visit.pause(6)
    for _ in range(1 + int(draws.poisson(0.7))):
        visit.view(pick(draws, PAGES_OF[topic]), topic)
    if topic in CALCULATED and chance(draws, 0.2):
        visit.do("calculator", pick(draws, PAGES_OF[topic]), topic=topic)
        visit.pause(40)
    keen = min(0.25, 0.02 * interests[topic])
    if topic in SOLD_BY.get(visit.brand, ()) and chance(draws, keen):
        apply_for(visit, topic)
    return topic


def apply_for(visit: Visit, topic: str) -> None:
    """Fill in an application; most people leave before the end, and the bank notices half an hour later."""
    draws, steps = visit.draws, APPLICATION_STEPS.get(topic, 4)
    amount = round(lognormal(draws, 6_000, 0.7), -2) if topic in {"loans", "mortgages"} else None
    visit.do("application_started", "apply", topic=topic, amount=amount)
    for step in range(1, steps + 1):
        visit.pause(70)
        if chance(draws, 0.17):
            noticed = visit.at + wait(draws, 30 * 60, 0.1)
            visit.scribe.write(
                noticed, "application_abandoned", "core", visit.brand, topic=topic, step=step, steps=steps
            )
            return
        visit.do("application_step", "apply", topic=topic, step=step, steps=steps)
    visit.do("application_completed", "apply", topic=topic)
    if chance(draws, 0.75):
        _take_on(visit, topic)


def _take_on(visit: Visit, topic: str) -> None:
    held: tuple[str, ...] = visit.person.facts["holdings"]
    new = APPLIED_FOR[topic]
    if new not in held:
        at = visit.at + wait(visit.draws, 3 * 3600, 1.0)
        visit.scribe.write(at, "profile", "core", visit.brand, profile={"holdings": (*held, new)})


def _pay(visit: Visit) -> None:
    draws = visit.draws
    visit.view("payments")
    if not chance(draws, 0.25):
        return
    visit.do("payee_added", "payments")
    visit.pause(45)
    if chance(draws, 0.08):
        amount = round(lognormal(draws, 900, 1.0), 2)
        visit.scribe.write(visit.at, "payment_held", "core", visit.brand, amount=amount)
        visit.at += MINUTE
    else:
        visit.view("payments")


def _move_to_other_device(visit: Visit, topic: str | None) -> None:
    """The phone in the kitchen, the laptop on the sofa: the same visit goes on."""
    other = "web" if visit.channel == "app" else "app"
    if other == "app" and not visit.person.facts["app_registered"]:
        return
    at = visit.at + wait(visit.draws, 6 * 60, 0.5, at_most_s=25 * 60)
    again = _arrive(visit.draws, visit.person, visit.scribe, other, at)
    again.brand = visit.brand
    again.view("home")
    if topic is not None:
        again.view(pick(again.draws, PAGES_OF[topic]), topic)
