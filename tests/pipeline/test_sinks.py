"""Parquet files of a run: where they lie, what is in them, and that nothing else is left."""

import logging
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.io.localfilesystem import LocalFileSystem
from apache_beam.options.pipeline_options import PipelineOptions
from hosting import BOUNDED, stream

from schemas import DeadLetter, Reason, SessionContext, Signal
from schemas.arrow import arrow_schema, rows
from transforms import sinks
from transforms.sinks import WriteParquet, partition_of

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def _session(index: int, day: int) -> SessionContext:
    at = NEW_YEAR + timedelta(days=day, seconds=index)
    return SessionContext(
        session_id=f"s{index}",
        customer_id="ana",
        number=1,
        started_at=at,
        ended_at=at,
        duration_s=0,
        events=1,
        channels=("app", "web"),
    )


def _letter(occurred_at: datetime | None) -> DeadLetter:
    return DeadLetter(
        reason=Reason.BAD_TIME,
        step="DecodeSignals",
        detail="$",
        payload=b"\x00\xff",
        payload_bytes=2,
        occurred_at=occurred_at,
    )


def _write(contract, records, folder, flags=BOUNDED):
    with beam.Pipeline(options=PipelineOptions(list(flags))) as pipeline:
        created = pipeline | beam.Create(records, reshuffle=False).with_output_types(contract)
        _ = created | WriteParquet(contract, str(folder))


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _read(folder: Path) -> list[dict]:
    return [row for name in _files(folder) for row in pq.ParquetFile(folder / name).read().to_pylist()]


@pytest.mark.parametrize(
    ("occurred_at", "partition"),
    [
        pytest.param(datetime(2026, 1, 1, 23, 59, tzinfo=UTC), "date=2026-01-01", id="utc"),
        pytest.param(
            datetime(2026, 1, 1, 23, 59, tzinfo=timezone(timedelta(hours=-5))), "date=2026-01-02", id="offset"
        ),
        pytest.param(None, "date=unknown", id="no-time"),
    ],
)
def test_the_partition_is_the_date_of_the_event_in_utc(occurred_at, partition):
    assert partition_of(_letter(occurred_at)) == partition


def test_what_is_written_can_be_read(tmp_path):
    sessions = [_session(index, index % 3) for index in range(100)]
    _write(SessionContext, sessions, tmp_path / "sessions")
    read = sorted(_read(tmp_path / "sessions"), key=lambda row: int(row["session_id"][1:]))
    written = [rows(SessionContext)(session) for session in sessions]
    assert read == pa.Table.from_pylist(written, arrow_schema(SessionContext)).to_pylist()


def test_files_have_the_contracts_schema_and_are_compressed(tmp_path):
    _write(DeadLetter, [_letter(None), _letter(NEW_YEAR)], tmp_path)
    assert _files(tmp_path) == [
        "date=2026-01-01/part-00000-of-00001.parquet",
        "date=unknown/part-00000-of-00001.parquet",
    ]
    file = pq.ParquetFile(tmp_path / _files(tmp_path)[0])
    assert file.schema_arrow.equals(arrow_schema(DeadLetter))
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_nothing_but_files_stays_behind(tmp_path):
    _write(SessionContext, [_session(1, 0), _session(2, 1)], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["date=2026-01-01", "date=2026-01-02"]


def test_no_records_leave_no_folder(tmp_path):
    _write(SessionContext, [], tmp_path / "sessions")
    assert not (tmp_path / "sessions").exists()


def test_more_dates_than_open_files_are_all_written(tmp_path):
    days = 3 * sinks._OPEN_FILES
    _write(SessionContext, [_session(index, index % days) for index in range(4 * days)], tmp_path)
    assert len({Path(name).parent for name in _files(tmp_path)}) == days
    assert len({row["session_id"] for row in _read(tmp_path)}) == 4 * days


def test_rows_are_written_in_groups_of_bounded_size(tmp_path, monkeypatch):
    monkeypatch.setattr(sinks, "_ROW_GROUP_BYTES", 1000)
    _write(SessionContext, [_session(index, 0) for index in range(50)], tmp_path)
    metadata = pq.ParquetFile(tmp_path / _files(tmp_path)[0]).metadata
    assert metadata.num_rows == 50
    assert metadata.num_row_groups > 5


def test_the_same_records_make_the_same_files(tmp_path):
    sessions = [_session(index, index % 5) for index in range(200)]
    for run in ("one", "two"):
        _write(SessionContext, sessions, tmp_path / run)
    one, two = tmp_path / "one", tmp_path / "two"
    assert _files(one) == _files(two)
    assert [(one / name).read_bytes() for name in _files(one)] == [
        (two / n).read_bytes() for n in _files(two)
    ]


def test_a_file_that_cannot_be_moved_fails_the_run(tmp_path, monkeypatch):
    def refuse(self, sources, destinations):
        raise beam.io.filesystem.BeamIOError("disk full", {})

    monkeypatch.setattr(LocalFileSystem, "rename", refuse)
    logging.disable(logging.CRITICAL)
    try:
        with pytest.raises(Exception, match="could not be moved into place"):
            _write(SessionContext, [_session(1, 0)], tmp_path)
    finally:
        logging.disable(logging.NOTSET)


def test_unbounded_records_are_refused():
    with pytest.raises(ValueError, match="bounded input"):
        beam.Pipeline() | stream([], 1) | WriteParquet(Signal, "anywhere")
