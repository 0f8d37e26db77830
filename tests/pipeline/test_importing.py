"""`nextbeam import`: every row of every format ends somewhere, and files appear whole or not at all."""

import csv
import gzip
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.decoding import Decoder
from pipelines.importing import import_events, import_from_shell
from pipelines.locate import UsageError
from pipelines.reading import row_as_json
from schemas import Outcome, Reason, Signal

MAPPING = """
mapping: nextbeam-import/1
name: visits
source: {format: FORMAT, time_zone: Europe/Amsterdam}
records:
  - {name: robots, record: skip, where: {column: agent, equals: robot}}
  - name: answer
    record: outcome
    where: {column: kind, known: true}
    fields:
      outcome_id: {template: "{id}"}
      customer_id: customer
      occurred_at: {column: at, to: time}
      kind: {column: kind, lookup: {yes: Accepted, no: Rejected}}
      action: {constant: call}
  - name: visit
    record: signal
    fields:
      signal_id: {template: "{id}"}
      customer_id: customer
      occurred_at: {column: at, to: time}
      type: {constant: visit}
      channel: {constant: web}
      brand: {constant: shop}
    attributes:
      amount: {column: amount, to: number}
"""
COLUMNS = ("id", "customer", "at", "kind", "agent", "amount")
ROWS = [
    {"id": "1", "customer": "ana", "at": "2026-03-01T10:00:00", "amount": "1.5"},
    {"id": "2", "customer": "ana", "at": "2026-03-01T10:05:00", "kind": "yes"},
    {"id": "3", "customer": "ben", "at": "2026-03-01T10:06:00", "agent": "robot"},
    {"id": "4", "at": "2026-03-01T10:07:00"},
    {"id": "5", "customer": "ben", "at": "2026-03-01T10:08:00", "kind": "perhaps"},
]
TEN = datetime(2026, 3, 1, 9, tzinfo=UTC)
VISIT = Signal(
    signal_id="1",
    customer_id="ana",
    occurred_at=TEN,
    type="visit",
    channel="web",
    brand="shop",
    attributes={"amount": 1.5},
)
ANSWER = Outcome(
    outcome_id="2", customer_id="ana", occurred_at=TEN.replace(minute=5), kind="Accepted", action="call"
)


@pytest.fixture
def mapping(tmp_path):
    def write(kind, text=MAPPING):
        path = tmp_path / f"{kind}.yaml"
        path.write_text(text.replace("FORMAT", kind))
        return path

    return write


def as_csv(rows, columns=COLUMNS):
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_lines(rows):
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def as_parquet(rows):
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in COLUMNS])), sink)
    return sink.getvalue()


STORED = {
    "csv": as_csv(ROWS),
    "csv.gz": gzip.compress(as_csv(ROWS)),
    "jsonl": as_lines(ROWS),
    "jsonl.gz": gzip.compress(as_lines(ROWS)),
    "parquet": as_parquet(ROWS),
}


def read_lines(path, contract=None):
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [msgspec.json.decode(line, type=contract or object) for line in data.splitlines()]


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("out", ["out.jsonl", "deep/out.ndjson", "out.jsonl.gz"])
def test_every_format_yields_the_same(mapping, tmp_path, stored, out):
    source = tmp_path / f"visits.{stored}"
    source.write_bytes(STORED[stored])
    report = import_events(mapping(stored.split(".")[0]), source, tmp_path / out)
    signals, outcomes, rejects = report.files
    assert signals == tmp_path / out
    assert read_lines(signals, Signal) == [VISIT]
    assert read_lines(outcomes, Outcome) == [ANSWER]
    assert [(line["row"], line["reason"]) for line in read_lines(rejects)] == [
        (4, "missing_field"),
        (5, "unknown_value"),
    ]
    assert (report.rows, report.signals, report.outcomes, dict(report.skipped)) == (5, 1, 1, {"robots": 1})
    assert report.accounted


def test_lines_say_only_what_is_known(mapping, tmp_path):
    source = tmp_path / "visits.jsonl"
    source.write_bytes(STORED["jsonl"])
    import_events(mapping("jsonl"), source, tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == (
        '{"signal_id":"1","customer_id":"ana","occurred_at":"2026-03-01T09:00:00Z","type":"visit",'
        '"channel":"web","brand":"shop","attributes":{"amount":1.5}}\n'
    )


def test_parquet_has_the_contract_s_columns(mapping, tmp_path):
    source = tmp_path / "visits.csv"
    source.write_bytes(STORED["csv"])
    report = import_events(mapping("csv"), source, tmp_path / "out.parquet")
    assert [path.name for path in report.files] == [
        "out.parquet",
        "out.outcomes.parquet",
        "out.rejects.jsonl",
    ]
    (visit,) = pq.read_table(report.files[0]).to_pylist()
    assert visit["occurred_at"] == TEN
    assert visit["attributes"] == [{"key": "amount", "value": "1.5"}]
    assert pq.read_table(report.files[1]).column("kind").to_pylist() == ["Accepted"]


def test_what_is_imported_to_parquet_is_read_back_as_it_was(mapping, tmp_path):
    source = tmp_path / "visits.csv"
    plain = {"id": "9", "customer": "ben", "at": "2026-03-01T10:00:00"}
    source.write_bytes(as_csv([ROWS[0], plain, ROWS[1]]))
    for out in ("out.parquet", "out.jsonl"):
        import_events(mapping("csv"), source, tmp_path / out)
    for stem, contract in (("out", Signal), ("out.outcomes", Outcome)):
        decoder = Decoder(contract)
        rows = pq.read_table(tmp_path / f"{stem}.parquet").to_pylist()
        again = [decoder.decode(row_as_json(row)) for row in rows]
        assert again == read_lines(tmp_path / f"{stem}.jsonl", contract)


def test_rejects_keep_the_row_as_it_was(mapping, tmp_path):
    source = tmp_path / "visits.csv"
    bad = b'7,"a\nb",never,,,\n8,only\n9,\xff,2026-03-01T10:00:00,,,\n\n'
    source.write_bytes(b"\xef\xbb\xbf" + as_csv([]) + bad)
    report = import_events(mapping("csv"), source, tmp_path / "out.jsonl", rejects=tmp_path / "bad.jsonl")
    assert read_lines(tmp_path / "bad.jsonl") == [
        {
            "row": 1,
            "reason": "bad_time",
            "detail": "visit.occurred_at (column at) is not a time",
            "payload": '7,"a\nb",never,,,',
        },
        {
            "row": 2,
            "reason": "wrong_type",
            "detail": "$: 2 columns where the first line names 6",
            "payload": "8,only",
        },
        {
            "row": 3,
            "reason": "not_utf8",
            "detail": "$: not UTF-8",
            "payload": "9,\\xff,2026-03-01T10:00:00,,,",
        },
        {
            "row": 4,
            "reason": "wrong_type",
            "detail": "$: 0 columns where the first line names 6",
            "payload": "",
        },
    ]
    assert report.accounted


def test_a_broken_row_of_csv_does_not_end_the_import(mapping, tmp_path):
    source = tmp_path / "visits.csv"
    source.write_bytes(as_csv([]) + b'1,"a"b,,,,\n' + as_csv(ROWS[:1]).split(b"\n", 1)[1])
    report = import_events(mapping("csv"), source, tmp_path / "out.jsonl")
    assert (report.rows, report.signals, report.rejected.total()) == (2, 1, 1)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", Reason.MALFORMED_JSON),
        (b"", Reason.MALFORMED_JSON),
        (b"[1]", Reason.NOT_AN_OBJECT),
        (b'{"id":"1","id":"2"}', Reason.DUPLICATE_KEY),
        (b'{"id":"\xff"}', Reason.NOT_UTF8),
        (b'{"id":"' + b"x" * 70_000 + b'"}', Reason.TOO_LARGE),
        (b'{"id":"1","customer":7,"at":"2026-03-01T10:00:00Z"}', Reason.WRONG_TYPE),
        (b'{"id":"1","customer":"","at":"2026-03-01T10:00:00Z"}', Reason.OUT_OF_RANGE),
        (b'{"id":"1","customer":"a","at":"1876-03-01T10:00:00Z"}', Reason.BAD_TIME),
        (b'{"id":"1","customer":"a","at":"2026-03-01T10:00:00Z","amount":"1e999"}', Reason.BAD_NUMBER),
    ],
)
def test_a_line_is_read_as_strictly_as_a_message(mapping, tmp_path, line, reason):
    source = tmp_path / "visits.jsonl"
    source.write_bytes(line + b"\n" + STORED["jsonl"])
    report = import_events(mapping("jsonl"), source, tmp_path / "out.jsonl")
    assert read_lines(report.files[-1])[0]["reason"] == reason
    assert (report.rows, report.signals, report.outcomes) == (6, 1, 1)


def test_columns_of_parquet_keep_their_types(mapping, tmp_path):
    text = MAPPING + (
        "      day: {column: day, to: time}\n      price: {column: price, to: number}\n      share: share\n"
    )
    text = text.replace(
        "      day: {column: day, to: time}\n", "      day: {column: day, to: string, default: none}\n"
    )
    row = {
        "id": 6,
        "customer": "ana",
        "at": datetime(2026, 3, 1, 10),  # noqa: DTZ001
        "price": Decimal("2.50"),
        "share": float("nan"),
        "day": None,
        "kind": None,
        "agent": None,
        "amount": 0.1,
    }
    schema = pa.schema(
        {
            "id": pa.int64(),
            "customer": pa.string(),
            "at": pa.timestamp("ns"),
            "price": pa.decimal128(9, 2),
            "share": pa.float64(),
            "day": pa.string(),
            "kind": pa.null(),
            "agent": pa.string(),
            "amount": pa.float64(),
        }
    )
    pq.write_table(pa.Table.from_pylist([row], schema), tmp_path / "visits.parquet")
    report = import_events(mapping("parquet", text), tmp_path / "visits.parquet", tmp_path / "out.jsonl")
    (visit,) = read_lines(report.files[0], Signal)
    assert visit.occurred_at == TEN
    assert visit.attributes == {"amount": 0.1, "day": "none", "price": 2.5}


def test_a_column_of_days_is_a_column_of_midnights(mapping, tmp_path):
    rows = [
        {"id": "1", "customer": "ana", "at": date(2026, 3, 1), "kind": None, "agent": None, "amount": None}
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "visits.parquet")
    report = import_events(mapping("parquet"), tmp_path / "visits.parquet", tmp_path / "out.jsonl")
    (visit,) = read_lines(report.files[0], Signal)
    assert visit.occurred_at == datetime(2026, 2, 28, 23, tzinfo=UTC)


def test_the_only_kind_of_record_goes_to_the_named_file(mapping, tmp_path):
    outcomes_only = MAPPING[: MAPPING.index("  - name: visit")]
    source = tmp_path / "visits.jsonl"
    source.write_bytes(STORED["jsonl"])
    report = import_events(mapping("jsonl", outcomes_only), source, tmp_path / "out.jsonl")
    assert [path.name for path in report.files] == ["out.jsonl", "out.rejects.jsonl"]
    assert read_lines(report.files[0], Outcome) == [ANSWER]


def test_the_same_import_gives_the_same_bytes(mapping, tmp_path):
    source = tmp_path / "visits.csv"
    source.write_bytes(STORED["csv"])
    for suffix in ("jsonl", "jsonl.gz", "parquet"):
        first, second = (
            [
                path.read_bytes()
                for path in import_events(mapping("csv"), source, tmp_path / f"{run}.{suffix}").files
            ]
            for run in ("one", "two")
        )
        assert first == second


def test_an_import_that_fails_leaves_what_was_there(mapping, tmp_path):
    source = tmp_path / "visits.csv.gz"
    source.write_bytes(STORED["csv.gz"][:-12])
    out = tmp_path / "out.jsonl"
    out.write_text("of an earlier import")
    with pytest.raises(UsageError, match="cannot be read as csv"):
        import_events(mapping("csv"), source, out)
    assert out.read_text() == "of an earlier import"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["csv.yaml", "out.jsonl", "visits.csv.gz"]


@pytest.mark.parametrize(
    ("kind", "stored", "out", "said"),
    [
        pytest.param(
            "csv",
            b"",
            "o.jsonl",
            "has no column 'agent', 'kind', 'id', 'customer', 'at', 'amount', which mapping 'visits' reads;"
            " it has none",
            id="empty-file",
        ),
        pytest.param(
            "csv", b"id,a,id\n", "o.jsonl", "names the columns id twice; rename them", id="a-column-twice"
        ),
        pytest.param(
            "csv",
            as_csv([], COLUMNS[:-1]),
            "o.jsonl",
            "has no column 'amount', which mapping 'visits' reads;"
            " it has 'id', 'customer', 'at', 'kind', 'agent'",
            id="a-column-missing",
        ),
        pytest.param("parquet", b"none", "o.jsonl", "cannot be read as parquet: ", id="not-parquet"),
        pytest.param(
            "jsonl", b"", "o.txt", "says no format; end it in .jsonl, .jsonl.gz or .parquet", id="no-format"
        ),
        pytest.param("jsonl", None, "o.jsonl", "there is no file", id="no-source"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_remedy(mapping, tmp_path, kind, stored, out, said):
    source = tmp_path / "visits.data"
    if stored is not None:
        source.write_bytes(stored)
    with pytest.raises(UsageError) as refused:
        import_events(mapping(kind), source, tmp_path / out)
    assert said in str(refused.value)


def test_the_source_is_never_overwritten(mapping, tmp_path):
    source = tmp_path / "visits.jsonl"
    source.write_bytes(STORED["jsonl"])
    with pytest.raises(UsageError, match="would destroy what is to be imported"):
        import_events(mapping("jsonl"), source, source)


def test_an_unknown_mapping_lists_those_there_are(tmp_path):
    with pytest.raises(UsageError, match="bpic2012, decide_50"):
        import_events("nowhere", tmp_path, tmp_path / "out.jsonl")


def test_progress_is_told(mapping, tmp_path):
    source = tmp_path / "visits.jsonl"
    source.write_bytes(STORED["jsonl"] * 2_100)
    told = []
    import_events(mapping("jsonl"), source, tmp_path / "out.jsonl", progress=told.append)
    assert told == [5_000, 10_000, 10_500]


def test_the_shell_says_what_became_of_the_rows(mapping, tmp_path, capsys):
    source = tmp_path / "visits.jsonl"
    source.write_bytes(STORED["jsonl"])
    assert import_from_shell(str(mapping("jsonl")), str(source), str(tmp_path / "out.jsonl")) == 0
    assert capsys.readouterr().out.replace(str(tmp_path) + "/", "") == (
        "5 rows = 1 signals + 1 outcomes + 1 skipped + 2 rejected\n"
        "          1 skipped   robots\n"
        "          1 rejected  missing_field: visit.customer_id (column customer) is missing\n"
        "          1 rejected  unknown_value: answer.kind (column kind) is not in the lookup table\n"
        "  out.jsonl\n  out.outcomes.jsonl\n  out.rejects.jsonl\n"
    )
    source.write_bytes(b"no\n")
    assert import_from_shell(str(mapping("jsonl")), str(source), str(tmp_path / "out.jsonl")) == 1


CELL = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["", "robot", "yes", "2026-03-01", "1"]
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, CELL)), max_size=12),
    noise=st.binary(max_size=60),
)
def test_no_row_is_lost_whatever_it_holds(mapping, tmp_path, rows, noise):
    lines = as_lines(rows) + noise.replace(b"\n", b"") + b"\n"
    (tmp_path / "rows.jsonl").write_bytes(lines)
    report = import_events(mapping("jsonl"), tmp_path / "rows.jsonl", tmp_path / "out.jsonl")
    assert report.accounted
    assert report.rows == len(rows) + 1
    (tmp_path / "rows.csv").write_bytes(as_csv(rows))
    report = import_events(mapping("csv"), tmp_path / "rows.csv", tmp_path / "out.jsonl")
    written = [len(read_lines(path)) for path in report.files]
    assert report.rows == len(rows) == sum(written) + report.skipped.total()
