"""Who the customers are: what the bank knows, and what only the truth table knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.random import Generator

from models.simulation.archetypes import ARCHETYPES, Archetype
from models.simulation.draws import chance, generator, lognormal, pick
from models.simulation.world import BRANDS, GROUP_TOPIC, TOPICS

Facts = dict[str, Any]
"""What the bank knows of a customer: the profile fields of the plan's vocabulary."""


_REGIONS = {
    "london": 13, "south_east": 14, "south_west": 8, "east": 9, "midlands": 16, "north_west": 11,
    "north_east": 4, "yorkshire": 8, "wales": 5, "scotland": 8, "northern_ireland": 3,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hidden:
    """What no feature shows directly. Behaviour and answers follow from it."""

    archetype: str
    interest: Mapping[str, float]
    """Log-weight of each topic when the customer chooses what to look at."""
    taste: Mapping[str, float]
    """Added to the log-odds of saying yes, by group of actions."""
    responsiveness: float
    """Added to the log-odds of every yes."""
    attention: float
    """Multiplies the odds of noticing an offer."""
    opens_email: float
    """P(an e-mail is opened)."""
    pace: float
    """Multiplies how often the customer visits."""
    talkative: float
    """Conversations a day."""
    gambles: float
    """Share of card payments to gambling firms."""
    reachable: float
    """P(an e-mail or text arrives)."""


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer at the start."""

    number: int
    customer_id: str
    facts: Mapping[str, Any]
    hidden: Hidden
    devices: Mapping[str, tuple[str, ...]]
    """Devices by channel."""
    payday: int
    """Day of the month."""
    extract_day: int
    """Weekday on which the bank's systems send what changed; 0 is Monday."""


def customer(seed: int, number: int) -> Customer:
    """The customer with this number (from 0) of the population `seed`."""
    draws = generator(seed, "customer", number)
    kind = pick(draws, {name: archetype.share for name, archetype in ARCHETYPES.items()})
    archetype = ARCHETYPES[kind]
    facts = _person(draws, archetype)
    facts |= _permissions(draws)
    facts |= _money(draws, archetype, kind, facts)
    facts |= _products(draws, facts)
    facts |= _upkeep(draws, archetype, facts)
    identity = f"c{number:06d}"
    devices = {
        "app": (f"{identity}-phone", f"{identity}-tablet")[: 1 + chance(draws, 0.15)],
        "web": (f"{identity}-laptop", f"{identity}-phone-browser")[: 1 + chance(draws, 0.35)],
    }
    return Customer(
        number=number,
        customer_id=identity,
        facts=facts,
        hidden=_hidden(draws, kind, archetype),
        devices=devices,
        payday=int(draws.integers(24, 29)),
        extract_day=int(draws.integers(7)),
    )


def _person(draws: Generator, archetype: Archetype) -> Facts:
    brand = pick(draws, BRANDS)
    second = pick(draws, BRANDS) if chance(draws, 0.2) else brand
    low, high = archetype.ages
    age = int(draws.integers(low, high + 1))
    return {
        "status": "closing" if chance(draws, 0.01) else "active",
        "age": age,
        "region": pick(draws, _REGIONS),
        "uk_resident": not chance(draws, 0.02),
        "employment": pick(draws, archetype.employment),
        "income_band": pick(draws, archetype.income),
        "homeowner": chance(draws, archetype.homeowner),
        "has_children": chance(draws, archetype.children),
        "brands": tuple(dict.fromkeys((brand, second))),
        "tenure_years": round(float(draws.random()) * min(30, age - 15), 1),
        "vulnerable": chance(draws, archetype.vulnerable),
        "bereaved": chance(draws, 0.004),
        "complaint_open": chance(draws, 0.012),
        "scam_victim_recently": chance(draws, 0.004),
    }


def _permissions(draws: Generator) -> Facts:
    marketing = chance(draws, 0.86)
    return {
        "consent_marketing": marketing,
        "consent_email": marketing and chance(draws, 0.75),
        "consent_sms": marketing and chance(draws, 0.45),
    }


def _money(draws: Generator, archetype: Archetype, kind: str, facts: Facts) -> Facts:
    disposable = archetype.disposable + 220.0 * float(draws.standard_normal())
    stretched = kind == "stretched" or disposable < 0
    difficulty = stretched and chance(draws, 0.35)
    overdrawn = int(draws.integers(5, 32)) if stretched else int(draws.integers(0, 32)) * chance(draws, 0.12)
    arrears = difficulty and chance(draws, 0.6)
    balance = -lognormal(draws, 250, 0.8) if overdrawn >= 20 else lognormal(draws, 900, 1.0)
    appetite = {"none": 0.15, "low": 0.2, "medium": 0.4, "high": 0.25 + 0.0002 * max(0.0, disposable)}
    return {
        "balance": round(balance, 2),
        "savings_balance": round(lognormal(draws, archetype.savings, 1.3) * chance(draws, 0.8), 2),
        "disposable_income": round(disposable, 0),
        "overdraft_days": overdrawn,
        "financial_difficulty": difficulty,
        "in_arrears": arrears,
        "breathing_space": arrears and chance(draws, 0.1),
        "credit_appetite": "none" if arrears or facts["age"] < 18 else pick(draws, appetite),
        "isa_allowance_left": float(pick(draws, {20000: 0.55, 12000: 0.2, 4000: 0.15, 0: 0.1})),
    }


def _products(draws: Generator, facts: Facts) -> Facts:
    brands = facts["brands"]
    everyday = any(brand in {"alderbrook", "kitewell"} for brand in brands)
    building = any(brand in {"alderbrook", "stonemere"} for brand in brands)
    adult, owner = facts["age"] >= 18, bool(facts["homeowner"])
    student = facts["employment"] == "student"
    likely = {
        "student_account": 0.6 * everyday * student,
        "current_account": 0.85 * everyday * (not student),
        "packaged_account": 0.08 * everyday * adult,
        "joint_account": 0.2 * everyday * adult,
        "credit_card": 0.3 * everyday * adult * (facts["credit_appetite"] != "none"),
        "personal_loan": 0.12 * everyday * adult * (facts["credit_appetite"] != "none"),
        "mortgage": 0.35 * building * owner,
        "easy_saver": 0.5,
        "regular_saver": 0.12 * everyday,
        "fixed_saver": 0.12 * building,
        "childrens_saver": 0.2 * bool(facts["has_children"]),
        "cash_isa": 0.25 * building * adult,
        "lifetime_isa": 0.08 * building * adult * (not owner),
        "investment_isa": 0.06 * ("alderbrook" in brands) * adult,
        "home_insurance": 0.15 * building * owner,
        "life_insurance": 0.1 * building * adult,
        "travel_insurance": 0.08 * building * adult,
    }
    return {"holdings": tuple(name for name, p in likely.items() if chance(draws, p)) or ("easy_saver",)}


def _upkeep(draws: Generator, archetype: Archetype, facts: Facts) -> Facts:
    holdings = facts["holdings"]
    card = "credit_card" in holdings
    days = {name: int(draws.integers(0, 1000)) for name in ("mortgage", "fixed_saver", "card")}
    return {
        "card_utilisation": round(min(1.0, lognormal(draws, 0.25, 0.9)), 2) if card else 0.0,
        "mortgage_rate_ends_days": days["mortgage"] if "mortgage" in holdings else None,
        "fixed_saver_matures_days": days["fixed_saver"] % 366 if "fixed_saver" in holdings else None,
        "card_expires_days": days["card"],
        "app_registered": chance(draws, archetype.app),
        "paperless": chance(draws, 0.65),
        "address_confirmed": not chance(draws, 0.06),
        "mobile_confirmed": not chance(draws, 0.07),
        "identity_check_due": chance(draws, 0.03),
        "new_card_inactive": chance(draws, 0.03),
        "notice_owed": pick(draws, _NOTICES),
    }


_NOTICES = {"none": 0.97, "rate_change": 0.01, "terms_change": 0.01, "annual_summary": 0.01}


def _hidden(draws: Generator, kind: str, archetype: Archetype) -> Hidden:
    interest = {
        topic: archetype.leanings.get(topic, 0.0) + 0.6 * float(draws.standard_normal()) for topic in TOPICS
    }
    # What one likes to read about is also, in part, what one says yes to: behaviour tells about taste.
    taste = {
        group: 0.35 * interest[topic] + 0.3 * float(draws.standard_normal())
        for group, topic in sorted(GROUP_TOPIC.items())
    }
    gambles = float(draws.random()) * 0.6 if chance(draws, 0.02) else 0.01
    return Hidden(
        archetype=kind,
        interest=MappingProxyType(interest),
        taste=MappingProxyType(taste),
        responsiveness=0.25 * float(draws.standard_normal()),
        attention=lognormal(draws, 1.0, 0.3),
        opens_email=float(draws.beta(2.2, 3.0)),
        pace=lognormal(draws, 0.8, 0.65),
        talkative=lognormal(draws, 0.025, 0.8),
        gambles=gambles,
        reachable=float(np.clip(draws.beta(60, 1.2), 0, 1)),
    )
