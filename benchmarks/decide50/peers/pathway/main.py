"""Pathway: lines are grouped by customer, and one reducer folds each group with the logic of the plain loop.

PYTHON main.py DATA OUT     (one worker, the file read as one batch)

Rows of a batch come in no order, so each group is ordered by time first.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec
import pathway as pw

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import fast
from common.records import State

_dump, _load = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(State).decode


def key(line: str) -> str:
    """The customer; empty: nobody."""
    try:
        return fast.customer_of(line)
    except fast.NotAnEventError:
        return ""


def reducer(engine: fast.Engine) -> Any:
    """Fold all new lines of a customer into the state; the state, and what is written of these lines."""

    @pw.reducers.stateful_many
    def fold(kept: tuple[bytes, bytes] | None, rows: list[tuple[list[Any], int]]) -> tuple[bytes, bytes]:
        state = engine.nobody() if kept is None else _load(kept[0])
        lines = (row[0] for row, _ in rows)
        made = b"\n".join(engine.fold(lines, state))
        return _dump(state), made

    return fold


def main(data: str, out: str) -> None:
    """Decide all lines."""
    engine = fast.Engine(data)
    lines = pw.io.plaintext.read(f"{data}/events.ndjson", mode="static")
    lines = lines.select(line=pw.this.data, customer=pw.apply_with_type(key, str, pw.this.data))
    known, unknown = lines.filter(pw.this.customer != ""), lines.filter(pw.this.customer == "")
    folded = known.groupby(pw.this.customer).reduce(kept=reducer(engine)(pw.this.line))
    made = folded.select(made=pw.this.kept[1])
    with Path(out).open("wb") as file:

        def decided(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
            if is_addition and row["made"]:
                file.write(row["made"] + b"\n")

        def died(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
            file.write(fast.dead_letter(row["line"], fast.NotAnEventError("of nobody")) + b"\n")

        pw.io.subscribe(made, on_change=decided)
        pw.io.subscribe(unknown, on_change=died)
        pw.run(monitoring_level=pw.MonitoringLevel.NONE)


if __name__ == "__main__":
    main(*sys.argv[1:])
