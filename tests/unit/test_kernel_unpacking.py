"""Bytes to columns in the kernel: the tables of the Python form, cell by cell, and nothing else taken for it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import msgspec
import pyarrow as pa
import pytest
from contract_strategies import contracts
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import CONTRACTS, DeadLetter, Outcome, OutcomeKind, SessionContext
from schemas.arrow import arrow_schema, rows
from schemas.coders import ContractCoder
from schemas.columns import columns
from schemas.kernel import SWITCH, find
from schemas.unpacking import VERSION, packed_columns, unpacker

KERNEL = find("unpacking", VERSION)
built = pytest.mark.skipif(KERNEL is None, reason="the kernel is not built")
AT = datetime(2026, 1, 1, tzinfo=UTC)


def _timestamp(seconds: int, nanos: int) -> msgspec.msgpack.Ext:
    """A time of MessagePack in its longest form, which any 64-bit second fits into."""
    return msgspec.msgpack.Ext(-1, nanos.to_bytes(4, "big") + seconds.to_bytes(8, "big", signed=True))


def _unpack(contract, records):
    return unpacker(contract)(records)


@pytest.mark.parametrize("contract", CONTRACTS)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_columns_of_bytes_are_those_of_structs(contract, data):
    structs = data.draw(st.lists(contracts(contract), max_size=12))
    packed = [ContractCoder(contract).encode(struct) for struct in structs]
    table = packed_columns(contract)(packed)
    table.validate(full=True)
    assert table.equals(columns(contract)(structs))
    assert table.schema.equals(arrow_schema(contract))
    by_rows = pa.Table.from_pylist([rows(contract)(struct) for struct in structs], arrow_schema(contract))
    assert table.to_pylist() == by_rows.to_pylist()
    if KERNEL is not None:
        assert _unpack(contract, packed) is not None, "what our coders write is left to Python"


@built
@pytest.mark.parametrize("contract", CONTRACTS)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_bytes_that_are_cut_or_changed_are_read_as_python_reads_them(contract, data):
    packed = ContractCoder(contract).encode(data.draw(contracts(contract)))
    at = data.draw(st.integers(0, len(packed) - 1))
    cut = packed[:at]
    assert _unpack(contract, [cut]) is None
    longer = packed + b"\0"
    assert _unpack(contract, [longer]) is None
    changed = packed[:at] + data.draw(st.binary(min_size=1, max_size=3)) + packed[at + 1 :]
    _unpack(contract, [changed])  # whatever it says, it stays inside


@built
@settings(max_examples=100)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(-(2**63), 2**64 - 1),
            st.floats(),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
        ),
        max_size=20,
    )
)
def test_values_of_maps_are_the_json_that_msgspec_writes(attributes):
    outcome = _outcome(attributes=attributes)
    table = packed_columns(Outcome)([ContractCoder(Outcome).encode(outcome)])
    assert table.equals(columns(Outcome)([outcome]))


@built
@given(st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats()))
def test_every_number_is_a_float_where_one_is_meant(number):
    outcome = _outcome(value=number)
    table = packed_columns(Outcome)([ContractCoder(Outcome).encode(outcome)])
    assert table.column("value").chunk(0).buffers()[1].to_pybytes() == (
        pa.array([float(number)], pa.float64()).buffers()[1].to_pybytes()
    )


@pytest.mark.parametrize(
    "at",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2106, 2, 7, 6, 28, 15, tzinfo=UTC),
        datetime(2106, 2, 7, 6, 28, 16, 1, tzinfo=UTC),
        datetime(2514, 5, 30, 1, 53, 4, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_times_of_every_width_are_kept(at):
    outcome = msgspec.structs.replace(_outcome(), occurred_at=at)
    table = packed_columns(Outcome)([ContractCoder(Outcome).encode(outcome)])
    assert table.column("occurred_at").to_pylist() == [at]


@built
@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("occurred_at", "2026-01-01T00:00:00Z", id="time-as-text"),
        pytest.param("occurred_at", _timestamp(0, 1), id="time-between-microseconds"),
        pytest.param("occurred_at", _timestamp(0, 10**9), id="time-of-too-many-nanoseconds"),
        pytest.param("occurred_at", _timestamp(253402300800, 0), id="time-of-the-year-10000"),
        pytest.param("occurred_at", _timestamp(-62135596801, 0), id="time-of-the-year-0"),
        pytest.param("occurred_at", None, id="null-where-there-is-none"),
        pytest.param("kind", 3, id="number-for-text"),
        pytest.param("attributes", [], id="list-for-map"),
        pytest.param("attributes", {"b": 1, "a": 2}, id="unsorted-map"),
        pytest.param("rank", 2**63, id="too-large"),
        pytest.param("value", "1.5", id="text-for-number"),
    ],
)
def test_other_bytes_are_left_to_python(name, value):
    plain = msgspec.to_builtins(_outcome(), builtin_types=(datetime,)) | {name: value}
    packed = msgspec.msgpack.encode(plain)
    assert _unpack(Outcome, [packed]) is None
    try:
        wanted = columns(Outcome)([ContractCoder(Outcome).decode(packed)])
    except (msgspec.MsgspecError, OverflowError, ValueError) as error:  # ValueError: of a year after 9999
        with pytest.raises(type(error)):
            packed_columns(Outcome)([packed])
    else:
        assert packed_columns(Outcome)([packed]).equals(wanted)


def test_bytes_of_an_older_contract_are_read_too():
    plain = msgspec.to_builtins(_outcome(), builtin_types=(datetime,))
    packed = msgspec.msgpack.encode({name: plain[name] for name in sorted(plain) if name != "attributes"})
    assert packed_columns(Outcome)([packed]).to_pylist()[0]["attributes"] == []


def test_long_lists_and_texts_are_kept():
    session = SessionContext(
        session_id="s" * 200,
        customer_id="c",
        number=1,
        started_at=AT,
        ended_at=AT,
        duration_s=0,
        events=1,
        channels=tuple(f"{number:03d}" for number in range(70_000)),
        brands=("ö" * 100,) * 20,
    )
    letter = DeadLetter(
        reason="too_large", step="s", detail="d" * 70_000, payload=bytes(range(256)) * 256, payload_bytes=1
    )
    for record in (session, letter):
        contract = type(record)
        table = packed_columns(contract)([ContractCoder(contract).encode(record)])
        assert table.equals(columns(contract)([record]))


def test_switched_off_it_is_not_found(monkeypatch):
    monkeypatch.setenv(SWITCH, "0")
    assert find("unpacking", VERSION) is None
    with pytest.raises(ValueError, match="no kernel module 'other'"):
        find("other", 1)


def _outcome(**fields):
    return Outcome(outcome_id="o", customer_id="c", occurred_at=AT, kind=OutcomeKind.CLICKED, **fields)


@built
def test_records_unpacked_while_others_are_are_not_mixed_with_them():
    """All threads of a process share an unpacker."""
    unpack = unpacker(Outcome)
    packed = [ContractCoder(Outcome).encode(_outcome(attributes={"a": str(n) * 40 * n})) for n in range(30)]
    answers = []

    def interrupted():
        for record in packed[:10]:
            yield record
            answers.append(unpack(packed[10:]))

    found = unpack(interrupted())
    assert found == unpack(packed[:10])
    assert answers == [unpack(packed[10:])] * 10


@built
def test_threads_unpack_at_the_same_time():
    packed = [ContractCoder(Outcome).encode(_outcome(attributes={"a": str(n) * n})) for n in range(400)]
    table = packed_columns(Outcome)
    parts = [packed[n::8] for n in range(8)]
    wanted = [table(part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(table, parts * 20))
    assert all(one.equals(other) for one, other in zip(found, wanted * 20, strict=True))


@built
@pytest.mark.parametrize("record", [None, "text", bytearray(b"x"), 5])
def test_what_is_no_bytes_is_refused(record):
    with pytest.raises(TypeError):
        _unpack(Outcome, [record])
    assert _unpack(Outcome, []) is not None, "and it works again"
