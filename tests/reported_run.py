"""The folder of a run made by hand, small enough to know every number of its report."""

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from analysed_rows import START, answer, candidate, decision, letter, offer

from models.plan.load import load_plan
from pipelines.locate import OUTPUTS
from pipelines.summary import Accounting, Summary
from schemas import Decision
from schemas.arrow import arrow_schema
from schemas.rows import rows

SMALL = Path(__file__).parent / "plans" / "small"


def bank(digest: str, text: str = "") -> list[msgspec.Struct]:
    """Forty customers of 30 who are all offered something, and forty of 70 of whom every second one is.

    Ten of the former take it up and two of the latter, for 5 GBP each; the others stay silent. `text` stands wherever
    somebody else's words can.
    """
    found: list[msgspec.Struct] = []
    for number in range(80):
        old = number >= 40
        name, customer = f"d{number:02}", f"c{number:02}"
        offered = not old or number % 2 == 0
        facts = {"age": 70 if old else 30, "segment": "affluent" if old else "mass"}
        facts |= {"vulnerable": True} if number in (41, 43, 45) else {}
        shared = {
            "customer_id": customer,
            "plan_digest": digest,
            "brand": f"meadow{text}" if old else "harbour",
        }
        found.append(_decision(name, number, facts, offered, text, shared))
        if offered:
            taken = number < 10 or number in (40, 42)
            more = {"value": 5.0} if taken else {}
            made = answer(name, "Accepted" if taken else "NoResponse", number % 12 + 1.0, **shared, **more)
            found.append(msgspec.structs.replace(made, action=f"isa{text}", decided_at=_at(number)))
    return [*found, letter(), letter(customer="c01")]


def _decision(
    name: str, number: int, facts: dict[str, Any], offered: bool, text: str, shared: dict[str, Any]
) -> Decision:
    own = {"action": f"isa{text}", "group": f"savings{text}", "placement": f"hero{text}"}
    session = {"session_id": f"s{number}", "number": 1, "started_at": START, "last_at": START, "events": 1}
    return decision(
        name,
        number % 12,
        [offer(**own)] if offered else [],
        context={"sequence": 1, "session": session, "customer": facts, "features": []},
        removed=[{"stage": "Eligibility", "rule": f"too-young{text}", "actions": ["a", "b", "c"]}],
        ranked=[candidate(f"isa{text}", 1)] if offered else [candidate("isa", 1, "Arbitration")],
        no_action=None if offered else f"arbitration{text}",
        arm="twin" if number % 4 == 0 else "nba",
        **shared,
    )


def _at(number: int) -> Any:
    return decision("x", number % 12).decided_at


def digest() -> str:
    """Of the plan."""
    return load_plan(SMALL).digest


def folder(
    path: Path, records: Sequence[msgspec.Struct], *, name: str = "small bank", balanced: bool = True
) -> Path:
    """The records as a run would leave them."""
    path.mkdir()
    counts = {}
    for output, contract in OUTPUTS.items():
        own = [each for each in records if isinstance(each, contract)]
        counts[output] = len(own)
        if own:
            _write(path / output / f"date={date(2026, 3, 2)}", own, contract)
    (path / "plan.json").write_bytes(load_plan(SMALL).canonical)
    accounting = Accounting(
        inputs=counts["decisions"] + counts["dead_letters"],
        decided=counts["decisions"],
        observed=0,
        duplicates=0,
        dead_letters=counts["dead_letters"],
    )
    summary = Summary(
        plan=name, plan_digest=digest(), model_digest="model", accounting=accounting, accounted=balanced, rows=counts,
        customers=1, no_action=(), offered=(), funnel=(), feedback=(), dead_letters=(), examples=(), spent={},
    )  # fmt: skip
    (path / "summary.json").write_bytes(msgspec.json.encode(summary))
    return path


def _write(target: Path, records: Iterable[msgspec.Struct], contract: type[msgspec.Struct]) -> None:
    target.mkdir(parents=True)
    table = pa.Table.from_pylist([rows(contract)(each) for each in records], schema=arrow_schema(contract))
    pq.write_table(table, target / "part-00000-of-00001.parquet")
