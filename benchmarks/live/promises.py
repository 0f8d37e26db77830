"""Promises, and whether they were kept."""

from typing import NamedTuple

from benchmarks.live.bank import Accounts, LiveBank
from benchmarks.live.traffic import Found, Ledger
from schemas import Reason


class Promise(NamedTuple):
    """Something that was to hold."""

    kept: bool
    text: str
    """What, with its numbers."""

    def __str__(self) -> str:
        return f"{'held  ' if self.kept else 'BROKEN'} {self.text}"


def told(accounts: Accounts | None) -> str:
    """In a few words."""
    if accounts is None:
        return "no accounts: it did not end by itself"
    return (
        f"{accounts.read:,} inputs = {accounts.decided:,} decided + {accounts.observed:,} observed "
        f"+ {accounts.duplicates:,} duplicates + {accounts.dead:,} dead letters"
    )


def of_signals(ledger: Ledger, found: Found) -> list[Promise]:
    """Every good signal that asks is decided once, and nothing else is decided."""
    asking, decided = ledger.asking(), found.decided()
    late = {name for name in asking if found.refused.get(name) == Reason.TOO_LATE}
    lost = [name for name in asking if name not in late and not decided[name]]
    twice = [name for name, count in decided.items() if count > 1]
    return [
        Promise(
            not lost and not late & decided.keys(),
            f"{len(asking):,} signals that ask: {len(asking) - len(late) - len(lost):,} decided, "
            f"{len(late):,} too late, {len(lost)} lost",
        ),
        Promise(
            not twice and decided.keys() <= ledger.good.keys(),
            f"{len(decided):,} signals decided, {len(twice)} of them by more than one decision, all of them good",
        ),
    ]


def of_tables(
    bank: LiveBank, found: Found, *, fresh_s: float, rejected: int = 0, stateful: bool = True
) -> list[Promise]:
    """By the SQL that production would use: nothing lost on the way to the tables, nothing twice, no limit broken.

    Args:
      bank: With its views.
      found: What was published.
      fresh_s: The tables' latest events are to be younger than this, in seconds.
      rejected: Decisions that the table has refused.
      stateful: Whether state was kept throughout; else what follows from it is told, and not promised.
    """
    by_name = {row["table_name"]: row for row in bank.ask("SELECT * FROM {accounted_for}")}
    decisions, feedback = by_name["decisions"], by_name["feedback"]
    breaches = bank.ask("SELECT COUNT(*) AS n FROM {cap_breaches}")[0]["n"]
    [fresh] = bank.ask("SELECT age_s FROM {freshness} WHERE table_name = 'decisions'")
    twice = bank.ask("SELECT COUNT(*) - COUNT(DISTINCT decision_id) AS n FROM {decisions_flat}")[0]["n"]
    return [
        Promise(
            decisions["distinct_rows"] == len(found.decisions) - rejected,
            f"{decisions['distinct_rows']:,} decisions in the table, {len(found.decisions):,} on the topic, "
            f"{rejected} refused",
        ),
        Promise(
            feedback["distinct_rows"] == len(found.feedback) or not stateful,
            f"{feedback['distinct_rows']:,} feedback in the table, {len(found.feedback):,} on the topic",
        ),
        Promise(
            by_name["dead_letters"]["row_count"] >= found.letters.total(),
            f"{by_name['dead_letters']['row_count']:,} dead letters in the table, "
            f"{found.letters.total():,} on the topic",
        ),
        Promise(
            twice == 0 and decisions["conflicting"] == 0 and feedback["conflicting"] == 0,
            f"accounted_for: {decisions['redelivered'] + feedback['redelivered']:,} rows repeated, "
            f"{twice} decisions twice in the views, none in conflict",
        ),
        Promise(
            feedback["unmatched"] == 0 or rejected > 0 or not stateful,
            f"{feedback['unmatched']} feedback without its decision",
        ),
        Promise(breaches == 0 or not stateful, f"cap_breaches: {breaches} rows"),
        Promise(
            decisions["unpromised"] == 0, f"{decisions['unpromised']} decisions of plans without known limits"
        ),
        Promise(fresh["age_s"] <= fresh_s, f"freshness: the latest decision is {fresh['age_s']} s old"),
    ]
