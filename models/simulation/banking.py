"""What the bank's own systems see: payments, credits, dates that come near, and the nightly extract."""

from numpy.random import Generator

from models.simulation.customers import Facts
from models.simulation.draws import chance, lognormal, pick
from models.simulation.person import Person
from models.simulation.scribe import Scribe
from models.simulation.visits import Day
from models.simulation.world import MERCHANTS
from models.times import HOUR

_SHOP_HOURS = (1, 0, 0, 0, 0, 1, 2, 5, 7, 7, 7, 8, 10, 9, 7, 7, 8, 9, 8, 7, 5, 4, 2, 1)
_NIGHT_HOURS = (1, 4, 6, 6, 4, 1) + (0,) * 18
_ACCOUNTS = frozenset({"current_account", "packaged_account", "student_account", "joint_account"})
_INCOME = {"under_15k": 950, "15k_30k": 1_650, "30k_50k": 2_550, "50k_80k": 3_900, "over_80k": 6_200}
_NOTICES = {"rate_change": 0.4, "terms_change": 0.3, "deposit_protection": 0.3, "annual_summary": 0.3}


def banking_of_day(draws: Generator, person: Person, scribe: Scribe, day: Day, cards_per_day: float) -> None:
    """All that the bank's systems report about the customer on one day."""
    if _ACCOUNTS & set(person.facts["holdings"]):
        _spend(draws, person, scribe, day, cards_per_day)
        _receive(draws, person, scribe, day)
        _fall_short(draws, person, scribe, day)
    _miss_payment(draws, person, scribe, day)
    _dates(draws, person, scribe, day)
    _extract(draws, person, scribe, day)


def _brand(person: Person) -> str:
    brand: str = person.facts["brands"][0]
    return brand


def _spend(draws: Generator, person: Person, scribe: Scribe, day: Day, per_day: float) -> None:
    for _ in range(int(draws.poisson(per_day))):
        at = day.time_of(draws, _SHOP_HOURS)
        merchant = pick(draws, {name: share for name, (share, _) in MERCHANTS.items()})
        amount = lognormal(draws, MERCHANTS[merchant][1], 0.7)
        if chance(draws, person.customer.hidden.gambles):
            merchant = "gambling"
        scribe.write(
            at, "card_payment", "core", _brand(person), amount=round(amount, 2), merchant=merchant,
            overseas=person.travelling(at) or chance(draws, 0.01),
        )  # fmt: skip


def _receive(draws: Generator, person: Person, scribe: Scribe, day: Day) -> None:
    facts, at = person.facts, day.time_of(draws, _NIGHT_HOURS)
    if day.month_day == person.customer.payday and facts["employment"] != "student":
        amount = round(lognormal(draws, _INCOME[facts["income_band"]], 0.12), 2)
        _credit(person, scribe, at, amount, salary=True)
    windfall = any(event.kind == "windfall" and event.begins <= at < event.ends for event in person.life)
    if chance(draws, 0.12 if windfall else 0.002):
        _credit(person, scribe, at + 8 * HOUR, round(lognormal(draws, 7_000, 0.8), 2), salary=False)


def _credit(person: Person, scribe: Scribe, at: int, amount: float, *, salary: bool) -> None:
    balance = round(person.facts["balance"] + amount, 2)
    scribe.write(
        at, "credit", "core", _brand(person), amount=amount, balance=balance, salary=salary,
        profile={"balance": balance},
    )  # fmt: skip


def _fall_short(draws: Generator, person: Person, scribe: Scribe, day: Day) -> None:
    facts = person.facts
    tight = facts["balance"] < 50 or facts["overdraft_days"] >= 8
    if chance(draws, 0.03 if tight else 0.0015):
        at = day.time_of(draws, _NIGHT_HOURS) + 4 * HOUR
        amount = round(lognormal(draws, 55, 0.7), 2)
        scribe.write(at, "payment_failed", "core", _brand(person), amount=amount, balance=facts["balance"])
    if chance(draws, 0.05 if tight else 0.003):
        at = day.time_of(draws, _SHOP_HOURS)
        scribe.write(at, "balance_low", "core", _brand(person), balance=round(25 * draws.random(), 2))


def _miss_payment(draws: Generator, person: Person, scribe: Scribe, day: Day) -> None:
    facts = person.facts
    borrows = {"credit_card", "personal_loan", "mortgage"} & set(facts["holdings"])
    if borrows and chance(draws, 0.02 if facts["financial_difficulty"] else 0.0004):
        at = day.time_of(draws, _NIGHT_HOURS)
        amount, arrears = round(lognormal(draws, 180, 0.6), 2), {"in_arrears": True}
        scribe.write(at, "payment_missed", "core", _brand(person), amount=amount, profile=arrears)


def _dates(draws: Generator, person: Person, scribe: Scribe, day: Day) -> None:
    facts = person.facts
    morning = day.time_of(draws, _NIGHT_HOURS) + 5 * HOUR
    if chance(draws, 0.02) and facts["card_expires_days"] <= 45:
        scribe.write(
            morning, "card_expiring", "core", _brand(person), days_left=int(facts["card_expires_days"])
        )
    rate_ends = facts.get("mortgage_rate_ends_days")
    if rate_ends is not None and rate_ends <= 180 and chance(draws, 0.03):
        scribe.write(morning, "rate_ending", "core", _brand(person), days_left=int(rate_ends))
    if chance(draws, 0.006):
        notice = pick(draws, _NOTICES)
        owed = {"notice_owed": notice}
        scribe.write(morning, "notice_due", "core", _brand(person), notice=notice, profile=owed)


def _extract(draws: Generator, person: Person, scribe: Scribe, day: Day) -> None:
    """Once a week per customer: balances move, and dates come nearer."""
    if day.weekday != person.customer.extract_day:
        return
    at = day.time_of(draws, _NIGHT_HOURS)
    changes = person.changed(_moved(draws, person.facts))
    if changes:
        scribe.write(at, "profile", "core", _brand(person), profile=changes)


def _moved(draws: Generator, facts: Facts) -> Facts:
    drift = 0.15 * float(draws.standard_normal())
    moved: Facts = {
        "balance": round(facts["balance"] * (1 + drift) - 20, 2),
        "savings_balance": round(max(0.0, facts["savings_balance"] * (1 + drift / 10)), 2),
    }
    if facts["in_arrears"] and not facts["financial_difficulty"]:
        moved["in_arrears"] = not chance(draws, 0.4)
    for name in ("mortgage_rate_ends_days", "fixed_saver_matures_days", "card_expires_days"):
        if facts.get(name) is not None:
            moved[name] = max(0, int(facts[name]) - 7)
    return moved
