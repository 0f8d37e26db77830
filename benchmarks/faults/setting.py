"""What every scenario starts from, and how it ends."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.live.bank import Accounts, LiveBank, Servers, interrupt, wait, wait_quiet
from benchmarks.live.promises import Promise, of_signals, of_tables, told
from benchmarks.live.traffic import Ledger, Source, at_share
from benchmarks.live.traffic import ages as ages_of
from pipelines.local.processes import Child
from schemas import Reason


@dataclass(frozen=True)
class Setting:
    """Servers, a folder for logs, and how long things take.

    Args:
      servers: Running.
      folder: For logs.
      quick: Seconds instead of minutes.
      away_s: How long a service is away; None: as the scenario likes.
    """

    servers: Servers
    folder: Path
    quick: bool = False
    away_s: float | None = None

    @property
    def rate(self) -> float:
        """Signals a second."""
        return 25.0

    def seconds(self, quick: float, full: float) -> float:
        """So long, as asked."""
        return quick if self.quick else full


class Verdict(NamedTuple):
    """What a scenario found."""

    injected: str
    promises: list[Promise]

    @property
    def kept(self) -> bool:
        """Whether all promises were."""
        return all(promise.kept for promise in self.promises)


@dataclass
class Ended:
    """A run after its source has stopped and all is quiet."""

    ledger: Ledger
    running: bool
    """Whether the job was still there."""
    accounts: Accounts | None
    promises: list[Promise] = field(default_factory=list)


def settled(bank: LiveBank, source: Source, *, limit_s: float = 150.0) -> Ledger:
    """The source is stopped; all that must be decided is, or nothing happens any more."""
    ledger, found = source.stop(), bank.watch.found

    def done() -> bool:
        return ledger.asking() <= found.decided().keys() | found.refused.keys()

    wait(done, limit_s)
    wait_quiet(found.total, still_s=2.0, limit_s=60)
    return ledger


def ended(
    bank: LiveBank,
    source: Source,
    job: Child,
    *,
    rejected: Callable[[], int] = lambda: 0,
    stateful: bool = True,
) -> Ended:
    """Stop everything in order, and see what was promised to everybody."""
    ledger = settled(bank, source)
    running = job.running
    accounts = interrupt(job)
    found = bank.watch.found
    promises = [
        Promise(running, f"the job was there at the end; {told(accounts)}"),
        Promise(accounts is not None and accounts.balanced, "its accounts balance"),
        *of_signals(ledger, found),
        *of_tables(bank, found, fresh_s=300.0, rejected=rejected(), stateful=stateful),
    ]
    return Ended(ledger, running, accounts, promises)


def ages(bank: LiveBank, ledger: Ledger, since: float = 0.0, until: float = float("inf")) -> str:
    """The ages of decisions of signals published in this time, in words."""
    of = ages_of(ledger, bank.watch.found, since, until)
    if not of:
        return "no decisions"
    return f"p50 {at_share(of, 0.5):.2f} s, p99 {at_share(of, 0.99):.2f} s, at most {of[-1]:.2f} s"


def refused(bank: LiveBank, reason: Reason) -> int:
    """Dead letters with this reason."""
    return bank.watch.found.letters[reason]
