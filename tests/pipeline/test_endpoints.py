"""Files as they come: what Parquet can say and JSON cannot, and lines of any length."""

import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.testing.util import assert_that, equal_to

from models.decoding import Decoder, Rejection
from models.plan.load import load_plan
from pipelines.endpoints import ReadFiles
from pipelines.locate import find_plan
from pipelines.reading import table_as_json
from schemas import Reason, Signal

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


def _decoded(**columns: pa.Array) -> Signal | Rejection:
    texts = {
        "signal_id": "s",
        "customer_id": "c",
        "type": "page_view",
        "channel": "web",
        "brand": "alderbrook",
    }
    table = pa.table(
        {name: [text] for name, text in texts.items()} | {"occurred_at": pa.array([AT])} | columns
    )
    [payload] = table_as_json(table)
    signal = Decoder(Signal, load_plan(find_plan("uk_bank")).spec).decode(payload)
    assert isinstance(signal, (Signal, Rejection))
    return signal


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_every_unit_are_read(unit):
    signal = _decoded(occurred_at=pa.array([AT], pa.timestamp(unit, "Europe/London")))
    assert isinstance(signal, Signal)
    assert signal.occurred_at == AT


def test_times_are_cut_to_the_microsecond():
    nanoseconds = pa.array([int(AT.timestamp()) * 10**9 + 1_999], pa.timestamp("ns", "UTC"))
    signal = _decoded(occurred_at=nanoseconds)
    assert isinstance(signal, Signal)
    assert signal.occurred_at == AT.replace(microsecond=1)


def test_binary_that_is_text_and_decimals_are_read_as_what_they_are():
    amount = pa.array([{"amount": Decimal("12.50")}])
    signal = _decoded(customer_id=pa.array([b"c-\xc3\xa9"]), attributes=amount)
    assert isinstance(signal, Signal)
    assert (signal.customer_id, signal.attributes) == ("c-é", {"amount": 12.5})


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        pytest.param({"attributes": pa.array([{"amount": float("nan")}])}, Reason.MALFORMED_JSON, id="nan"),
        pytest.param(
            {"attributes": pa.array([{"amount": float("inf")}])}, Reason.MALFORMED_JSON, id="infinity"
        ),
        pytest.param({"customer_id": pa.array([b"\xff\xfe"])}, Reason.BAD_TEXT, id="binary"),
        pytest.param({"customer_id": pa.array([7])}, Reason.WRONG_TYPE, id="number"),
        pytest.param({"occurred_at": pa.array([AT.replace(tzinfo=None)])}, Reason.BAD_TIME, id="no-zone"),
        pytest.param({"occurred_at": pa.array([date(2026, 3, 2)])}, Reason.BAD_TIME, id="date"),
    ],
)
def test_what_a_contract_has_no_place_for_is_refused_not_bent(columns, reason):
    rejection = _decoded(**columns)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is reason


def test_a_line_of_many_megabytes_is_read_in_seconds(tmp_path: Path):
    long = tmp_path / "long.jsonl"
    long.write_bytes(b"a\n" + b"x" * 20_000_000 + b"\r\nb")
    began = time.process_time()
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        sizes = pipeline | ReadFiles([str(long)]) | beam.Map(len)
        assert_that(sizes, equal_to([1, 20_000_000, 1]))
    assert time.process_time() - began < 10


def test_files_of_lines_are_read_as_one_and_beside_tables(tmp_path: Path):
    """What is flattened, the local runner keeps whole before it goes on."""
    for name in ("a.jsonl", "b[1].jsonl", "empty.jsonl"):
        (tmp_path / name).write_bytes(
            b"" if name == "empty.jsonl" else f'{{"from": "{name}"}}\n'.encode() * 2
        )
    pq.write_table(pa.table({"from": ["c"]}), tmp_path / "c.parquet")
    lines = [b'{"from": "a.jsonl"}'] * 2 + [b'{"from": "b[1].jsonl"}'] * 2
    for names, expected in (
        (["a.jsonl", "b[1].jsonl", "empty.jsonl"], lines),
        (["a.jsonl", "c.parquet", "b[1].jsonl"], [*lines, b'{"from":"c"}']),
        (["empty.jsonl"], []),
        ([], []),
    ):
        pipeline = beam.Pipeline(runner="FnApiRunner")
        read = pipeline | ReadFiles([str(tmp_path / name) for name in names])
        assert_that(read, equal_to(expected))
        flattens = [
            each.full_label
            for each in pipeline.transforms_stack[0].parts[0].parts
            if "Flatten" in each.full_label
        ]
        assert bool(flattens) == ("c.parquet" in names)
        pipeline.run().wait_until_finish()
