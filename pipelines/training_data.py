"""Read what was shown and answered: from a run's outputs, or from an extract of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from models.features import FeatureTable
from models.plan.facts import customer_facts
from models.propensity.responses import Responses, Strings, hash_customer
from pipelines.locate import UsageError, run_folder
from pipelines.querying import connect
from pipelines.records import plan_of
from pipelines.whole import reading

_FEATURE, _SLICE = "feature.", "slice."
_FORMAT = b"nextbeam-responses/1"

_ANSWERED = """
WITH answers AS (
  SELECT decision_id, rank, min(action) AS action, min(customer_id) AS customer_id, min(brand) AS brand,
         min(channel) AS channel, bool_or(label) AS label
  FROM feedback WHERE label IS NOT NULL GROUP BY decision_id, rank
)
SELECT a.action, a.customer_id, a.label, a.brand, a.channel, d.context.features AS features {facts}
FROM answers a JOIN decisions d USING (decision_id)
ORDER BY d.decided_at, decision_id, a.rank
"""
"""One row per offer with a final answer: positive if any answer was; else a refusal or silence."""


@dataclass(frozen=True, eq=False)
class Shown:
    """Offers with a final answer (n), with raw features: a plan's transforms are applied later."""

    columns: tuple[str, ...]
    raw: NDArray[np.float64]
    action: Strings
    label: NDArray[np.bool_]
    customer: NDArray[np.uint64]
    slices: dict[str, Strings]
    about: str


def read_run(run: Path, facts: Sequence[str], about: str | None) -> Shown:
    """The responses in a run's outputs.

    Args:
      run: Output folder of a run.
      facts: Customer fields to group by, besides brand and channel; numbers become bands.
      about: Where they come from; None: a sentence is made.

    Raises:
      UsageError: There is no run, or nothing in it has an answer.
    """
    spec = plan_of(run_folder(run))
    known = customer_facts(spec)
    unknown = [name for name in facts if name not in known]
    if unknown:
        raise UsageError(f"--slices: {unknown[0]!r} is no customer field of the plan of {str(run)!r}")
    columns = FeatureTable.of(spec).columns
    if not columns:
        raise UsageError(
            f"the plan of {str(run)!r} has no features to learn from; write `features`, and decide anew"
        )
    with reading(run):
        table = _answered(connect(run), facts)
    if not table.num_rows:
        raise UsageError(
            f"no offer in {str(run)!r} has an answer; decide signals together with their --outcomes"
        )
    raw = table["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    slices = {name: _text(table[name]) for name in ("brand", "channel")}
    slices |= {name: _groups(table[f"fact_{at}"].to_pylist()) for at, name in enumerate(facts)}
    return Shown(
        columns=columns,
        raw=raw.reshape(-1, len(columns)),
        action=_text(table["action"]),
        label=_flags(table["label"]),
        customer=np.array([hash_customer(each) for each in table["customer_id"].to_pylist()], np.uint64),
        slices=slices,
        about=about or f"Answers to offers that the plan {spec.name!r} (version {spec.version}) made.",
    )


def _answered(connection: duckdb.DuckDBPyConnection, facts: Sequence[str]) -> pa.Table:
    columns = [
        f", list_filter(d.context.customer, lambda fact: fact.key = '{name}')[1].value AS fact_{at}"
        for at, name in enumerate(name.replace("'", "''") for name in facts)
    ]
    return connection.sql(_ANSWERED.format(facts="".join(columns))).to_arrow_table()


def _groups(values: Sequence[str | None]) -> Strings:
    """JSON texts as names of groups: many different numbers as quarters, the rest as they are."""
    facts = [None if value is None else msgspec.json.decode(value) for value in values]
    numbers = np.array([fact for fact in facts if type(fact) in (int, float)], np.float64)
    if len(np.unique(numbers)) <= 6:
        return np.array(["unknown" if fact is None else _name(fact) for fact in facts])
    edges = np.unique(np.quantile(numbers, (0.25, 0.5, 0.75), method="lower"))
    between = [f"over {low:g} to {high:g}" for low, high in pairwise(edges.tolist())]
    names = [f"{numbers.min():g} to {edges[0]:g}", *between, f"over {edges[-1]:g}"]
    return np.array(
        ["unknown" if fact is None else names[int(np.searchsorted(edges, fact))] for fact in facts]
    )


def _name(fact: object) -> str:
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    return f"{fact:g}" if isinstance(fact, int | float) else str(fact)


def write_extract(shown: Shown, path: Path) -> None:
    """Write responses as Parquet, customers as hashes; the same responses always give the same bytes."""
    columns: dict[str, pa.Array] = {
        "customer": pa.array(shown.customer),
        "action": pa.array(shown.action.tolist()).dictionary_encode(),
        "label": pa.array(shown.label),
    }
    for name, values in shown.slices.items():
        columns[_SLICE + name] = pa.array(values.tolist()).dictionary_encode()
    for at, name in enumerate(shown.columns):
        columns[_FEATURE + name] = pa.array(shown.raw[:, at])
    about = {b"format": _FORMAT, b"about": shown.about.encode()}
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns).replace_schema_metadata(about)
    pq.write_table(table, path, compression="zstd", compression_level=15)


def read_extract(path: Path, facts: Sequence[str], about: str | None) -> Shown:
    """Responses that `write_extract` wrote.

    Raises:
      UsageError: The file is none of those, or does not know a customer field of `facts`.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(
            f"--data: {str(path)!r} cannot be read as Parquet ({type(error).__name__})"
        ) from error
    about_file = table.schema.metadata or {}
    if about_file.get(b"format") != _FORMAT:
        raise UsageError(
            f"--data: {str(path)!r} holds no responses; `nextbeam train --run DIR --extract FILE` does"
        )
    features = [name for name in table.column_names if name.startswith(_FEATURE)]
    slices = {name.removeprefix(_SLICE) for name in table.column_names if name.startswith(_SLICE)}
    unknown = sorted(set(facts) - slices)
    if unknown:
        raise UsageError(
            f"--slices: {unknown[0]!r} is not in {str(path)!r}; it has {', '.join(sorted(slices))}"
        )
    return Shown(
        columns=tuple(name.removeprefix(_FEATURE) for name in features),
        raw=np.column_stack([table[name].to_numpy() for name in features]),
        action=_text(table["action"]),
        label=_flags(table["label"]),
        customer=table["customer"].to_numpy().astype(np.uint64),
        slices={name: _text(table[_SLICE + name]) for name in ("brand", "channel", *facts)},
        about=about or about_file[b"about"].decode(),
    )


def as_responses(shown: Shown, table: FeatureTable) -> Responses:
    """Responses with the model inputs of a plan, which may be another than the one that decided.

    Raises:
      UsageError: The plan's models look at a feature that was not recorded, or at one that is not a number.
    """
    recorded = {name: at for at, name in enumerate(shown.columns)}
    for name in table.vector_columns:
        if name not in recorded:
            raise UsageError(
                f"the responses have no feature {name!r} of the plan; decide the signals again with it"
            )
    absent = np.zeros(len(shown.raw))  # of a feature that no model looks at
    raw = [shown.raw[:, recorded[name]] if name in recorded else absent for name in table.columns]
    try:
        return Responses(
            columns=table.vector_columns,
            x=table.vector(np.column_stack(raw)),
            action=shown.action,
            label=shown.label,
            customer=shown.customer,
            slices=shown.slices,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _text(column: pa.ChunkedArray) -> Strings:
    return np.array(column.to_pylist(), dtype=np.str_)


def _flags(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.array(column.to_pylist(), dtype=np.bool_)
