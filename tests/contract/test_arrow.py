"""Rows and Parquet files: the same columns as BigQuery, and nothing lost on the way."""

import json
from datetime import UTC, datetime

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from contract_strategies import contracts
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import CONTRACTS, Outcome, OutcomeKind, Signal
from schemas.arrow import _FEW, arrow_schema, from_row, parquet_options, rows
from schemas.coders import ContractCoder
from schemas.columns import columns
from schemas.derivation.formats import bigquery_columns
from schemas.structs import structs

ARROW = {
    "STRING": pa.string(),
    "INTEGER": pa.int64(),
    "FLOAT": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "BYTES": pa.binary(),
}


def _same(column, field):
    assert field.name == column["name"]
    inner = field.type
    if column["mode"] == "REPEATED":
        assert pa.types.is_list(inner)
        inner = inner.value_type
    else:
        assert field.nullable == (column["mode"] == "NULLABLE")
    if column["type"] == "RECORD":
        assert inner.num_fields == len(column["fields"])
        for part, name in zip(column["fields"], inner, strict=True):
            _same(part, name)
    else:
        assert inner == ARROW[column["type"]]


@pytest.mark.parametrize("contract", CONTRACTS)
def test_parquet_columns_are_bigquerys(contract):
    declared, schema = bigquery_columns(contract), arrow_schema(contract)
    assert len(declared) == len(schema)
    for column, field in zip(declared, schema, strict=True):
        _same(column, field)


@pytest.mark.parametrize("contract", CONTRACTS)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_rows_survive_a_parquet_file(contract, data):
    structs = data.draw(st.lists(contracts(contract), min_size=1, max_size=3))
    wanted = [rows(contract)(struct) for struct in structs]
    file = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(wanted, arrow_schema(contract)), file)
    table = pq.ParquetFile(file.getvalue()).read()
    assert table.schema.equals(arrow_schema(contract))
    assert table.to_pylist() == [_as_lists(row) for row in wanted]
    back = [from_row(contract, row) for row in table.to_pylist()]
    assert [_plain(struct) for struct in back] == [_plain(struct) for struct in structs]


@pytest.mark.parametrize("contract", CONTRACTS)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_columns_are_the_table_of_the_rows(contract, data):
    structs = data.draw(st.lists(contracts(contract), max_size=3))
    by_rows = pa.Table.from_pylist([rows(contract)(struct) for struct in structs], arrow_schema(contract))
    table = columns(contract)(structs)
    table.validate(full=True)
    assert table.schema.equals(by_rows.schema)
    assert table.to_pylist() == by_rows.to_pylist()


@pytest.mark.parametrize("contract", CONTRACTS)
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_options_of_files_leave_their_cells_as_they_are(contract, data):
    structs = data.draw(st.lists(contracts(contract), min_size=1, max_size=6))
    table, plain, ours = columns(contract)(structs), pa.BufferOutputStream(), pa.BufferOutputStream()
    pq.write_table(table, plain)
    pq.write_table(table, ours, **parquet_options(contract))
    assert pq.read_table(pa.BufferReader(ours.getvalue())).equals(
        pq.read_table(pa.BufferReader(plain.getvalue()))
    )


@pytest.mark.parametrize("contract", CONTRACTS)
def test_options_of_files_name_columns_that_there_are(contract):
    file, options = pa.BufferOutputStream(), parquet_options(contract)
    pq.write_table(arrow_schema(contract).empty_table(), file)
    schema = pq.ParquetFile(file.getvalue()).schema
    leaves = [schema.column(index) for index in range(len(schema))]
    assert set(options["use_dictionary"]) == {
        leaf.path for leaf in leaves if str(leaf.logical_type) == "String"
    }
    assert set(options["compression"]) == {leaf.path for leaf in leaves}
    assert set(options["write_statistics"]) == {leaf.path for leaf in leaves if not leaf.max_repetition_level}


def test_every_field_that_is_not_compressed_is_one():
    known = {
        part
        for contract in CONTRACTS
        for path in parquet_options(contract)["compression"]
        for part in path.split(".")
    }
    assert known >= _FEW


def test_columns_hold_no_record_that_may_be_null():
    class Part(msgspec.Struct):
        name: str

    class Whole(msgspec.Struct):
        part: Part | None = None

    with pytest.raises(TypeError, match="part may be null as a whole"):
        columns(Whole)


def _plain(value):
    """A struct in plain values, a null map as an empty one."""
    plain = msgspec.to_builtins(value, builtin_types=(datetime, bytes))
    return plain | ({"profile": plain["profile"] or {}} if "profile" in plain else {})


def _as_lists(value):
    if isinstance(value, dict):
        return {name: _as_lists(part) for name, part in value.items()}
    return [_as_lists(part) for part in value] if isinstance(value, (list, tuple)) else value


def test_a_row_keeps_times_names_enums_and_spells_maps_as_json():
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    outcome = Outcome(
        outcome_id="o",
        customer_id="c",
        occurred_at=at,
        kind=OutcomeKind.CLICKED,
        attributes={"b": "x", "a": 1.5, "c": None},
    )
    row = rows(Outcome)(outcome)
    assert row["occurred_at"] is at
    assert row["kind"] == "Clicked"
    assert type(row["kind"]) is str
    assert row["attributes"] == [
        {"key": "a", "value": "1.5"},
        {"key": "b", "value": '"x"'},
        {"key": "c", "value": None},
    ]


@given(contracts(Signal))
def test_maps_can_be_read_back_from_a_row(signal):
    row = rows(Signal)(signal)
    back = {
        entry["key"]: None if entry["value"] is None else json.loads(entry["value"])
        for entry in row["attributes"]
    }
    assert back == signal.attributes


@given(contracts(Signal))
def test_making_a_row_leaves_the_struct_as_it_was(signal):
    before = dict(signal.attributes)
    rows(Signal)(signal)
    assert signal.attributes == before


def test_a_row_of_before_a_field_existed_takes_its_default():
    struct = from_row(
        Outcome, {"outcome_id": "o", "customer_id": "c", "occurred_at": datetime.now(UTC), "kind": "Clicked"}
    )
    assert struct.attributes == {}
    assert struct.rank is None
    row = {**rows(Outcome)(struct), "attributes": None, "added_tomorrow": 1}
    assert from_row(Outcome, row) == struct


def test_a_row_of_something_else_is_refused():
    with pytest.raises(msgspec.ValidationError, match="kind"):
        from_row(
            Outcome,
            {"outcome_id": "o", "customer_id": "c", "occurred_at": datetime.now(UTC), "kind": "Sneezed"},
        )


@pytest.mark.parametrize("contract", CONTRACTS)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_structs_of_columns_are_those_of_the_rows(contract, data):
    drawn = data.draw(st.lists(contracts(contract), max_size=4))
    table = columns(contract)(drawn)
    read = [each for batch in table.to_batches(max_chunksize=3) for each in structs(contract)(batch)]
    encode = ContractCoder(contract).encode
    assert [encode(each) for each in read] == [encode(from_row(contract, row)) for row in table.to_pylist()]


def test_columns_that_an_older_file_lacks_are_at_their_defaults():
    table = columns(Signal)([_signal("s1"), _signal("s2")]).drop_columns(["trace", "placements"])
    (batch,) = table.to_batches()
    assert [(each.signal_id, each.trace, each.placements) for each in structs(Signal)(batch)] == [
        ("s1", None, ()),
        ("s2", None, ()),
    ]
    with pytest.raises(ValueError, match="'brand' of Signal is missing"):
        structs(Signal)(table.drop_columns(["brand"]).to_batches()[0])


def _signal(signal_id):
    return Signal(
        signal_id=signal_id,
        customer_id="c",
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        type="page_view",
        channel="web",
        brand="b",
        placements=("hero",),
        trace="t",
    )
