"""`nextbeam replay DIR --decision ID`: recompute one decision, and what it takes to get there."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from models.audit.findings import Finding
from models.audit.journal import Recorded
from models.audit.ledgers import Replayer, Tally
from models.audit.seals import canonical, intact
from models.ledger import by_household
from pipelines.locate import OUTPUTS
from pipelines.records import compiled_plan_of, find_decision, parquet_files
from pipelines.replay_parts import TABLES, households
from schemas import Decision
from schemas.structs import structs


class OneReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one decision, recomputed."""

    decision_id: str
    plan_digest: str
    ledger_since: str
    ledger_sequence: int
    decisions_before: int
    feedback_before: int
    notes_before: int
    bytes: int
    """Of the record, in canonical form."""
    mismatching_bytes: int
    seal: str
    sealed: bool
    """Whether the seal holds."""
    findings: tuple[Finding, ...]
    """About this decision."""
    others: int
    """Findings about other records of its ledger, up to it."""

    @property
    def clean(self) -> bool:
        """Whether it is what it has to be, and so is everything that it rests on."""
        return not self.findings and not self.others


def replay_one(out: Path, decision_id: str) -> OneReport:
    """Recompute the decision with this id, or the only one whose id starts with it.

    Raises:
      UsageError: There is none, or the run cannot be replayed.
    """
    decision = find_decision(out, decision_id)
    plan = compiled_plan_of(out)
    customers = _owners(out, decision) if by_household(plan.spec) else {decision.customer_id}
    ledger = [
        each
        for each in _records_of(out, sorted(customers))
        if each.record.ledger_since == decision.ledger_since
        and each.record.ledger_sequence <= decision.ledger_sequence
    ]
    tally = Tally()
    findings = list(Replayer.of(plan).replay(ledger, tally, complete=False))
    mine = [finding for finding in findings if finding.record == decision.decision_id]
    return OneReport(
        decision_id=decision.decision_id,
        plan_digest=plan.digest,
        ledger_since=f"{decision.ledger_since:%Y-%m-%dT%H:%M:%S.%fZ}",
        ledger_sequence=decision.ledger_sequence,
        decisions_before=tally.decisions - 1,
        feedback_before=tally.feedback,
        notes_before=sum(len(each.record.notes) for each in ledger),
        bytes=len(canonical(decision)),
        mismatching_bytes=tally.mismatching_bytes,
        seal=decision.seal,
        sealed=intact(decision),
        findings=tuple(mine),
        others=len(findings) - len(mine),
    )


def _owners(out: Path, decision: Decision) -> set[str]:
    """The customer, and all others of the household."""
    if decision.household_id is None:
        return {decision.customer_id}
    homes = households(parquet_files(out, "decisions"))
    return {customer for customer, home in homes.items() if home == decision.household_id}


def _records_of(out: Path, customers: Sequence[str]) -> Iterator[Recorded]:
    for name in TABLES:
        for file in parquet_files(out, name):
            mine = pq.read_table(file, partitioning=None, filters=[("customer_id", "in", customers)])
            for batch in mine.combine_chunks().to_batches():
                for record in structs(OUTPUTS[name])(batch):
                    yield Recorded(record, file.relative_to(out).as_posix())


def told(report: OneReport) -> Iterator[str]:
    """The report in a few lines."""
    yield f"Decision {report.decision_id}"
    yield f"  change {report.ledger_sequence} of the contact ledger opened at {report.ledger_since}"
    yield (
        f"  recomputed from its own context and what came before: {report.decisions_before} decisions, "
        f"{report.feedback_before} feedback, {report.notes_before} changes by signals"
    )
    yield f"  {report.bytes:,} bytes recorded; {report.mismatching_bytes:,} bytes differ"
    yield f"  seal {report.seal} {'holds' if report.sealed else 'does not hold: the record was changed'}"
    yield from (f"  {finding}" for finding in report.findings)
    if report.others:
        yield f"  {report.others} findings about records before it; replay the whole run to see them"
