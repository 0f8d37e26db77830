"""Our outputs in the workload's own format, so that its equality check can read them."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import pyarrow.parquet as pq

from schemas import DeadLetter, Decision, Stage
from schemas.rows import from_row


def write_ndjson(run: Path, target: Path) -> None:
    """Decisions and dead letters of a run, one JSON object a line."""
    decisions = (from_row(Decision, row) for row in _rows(run / "decisions"))
    letters = (from_row(DeadLetter, row) for row in _rows(run / "dead_letters"))
    write_records(chain(decisions, letters), target)


def write_records(records: Iterable[object], target: Path) -> None:
    """The decisions and dead letters among some records, one JSON object a line."""
    with target.open("w") as file:
        for record in records:
            if isinstance(record, Decision):
                file.write(json.dumps(_decision(record)) + "\n")
            elif isinstance(record, DeadLetter):
                raw = record.payload.decode("utf-8", "replace")
                file.write(json.dumps({"dead_letter": record.reason, "raw": raw}) + "\n")


def _rows(folder: Path) -> Iterator[dict[str, object]]:
    for file in sorted(folder.glob("date=*/*.parquet")):
        for batch in pq.ParquetFile(file).iter_batches():
            yield from batch.to_pylist()


def _decision(decision: Decision) -> dict[str, object]:
    offers: dict[str, list[dict[str, object]]] = {name: [] for name in decision.placements}
    for offer in decision.offers:
        offers[offer.placement].append(
            {
                "action": offer.action,
                "priority": offer.priority,
                "reasons": [reason.feature for reason in offer.reasons],
            }
        )
    return {
        "event_id": decision.signal_id,
        "placements": [{"placement": name, "offers": made} for name, made in offers.items()],
        "policy": _policy(decision),
        "session": {"n": decision.context.session.events},
    }


def _policy(decision: Decision) -> dict[str, int]:
    """Candidates by the first policy that refused them, in the workload's names."""
    refused: Counter[str] = Counter()
    for candidate in decision.ranked:
        if candidate.stage == Stage.ACTION_SUPPRESSIONS:
            refused["suppressed"] += 1
        elif candidate.rule is not None:
            refused[f"capped_{candidate.rule.split('-')[0]}"] += 1
    ineligible = sum(len(removal.actions) for removal in decision.removed)
    names = ("suppressed", "capped_action", "capped_group", "capped_channel")
    return {
        "candidates": ineligible + len(decision.ranked),
        "ineligible": ineligible,
        **{name: refused[name] for name in names},
    }
