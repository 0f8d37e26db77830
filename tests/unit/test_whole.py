"""Files of a run that are not as written are told in a sentence; errors of ours keep their traceback."""

import errno

import duckdb
import pyarrow as pa
import pytest

from pipelines import exporting
from pipelines.locate import UsageError
from pipelines.whole import reading


def _raised(error: Exception, out) -> Exception:
    with pytest.raises(Exception) as raised, reading(out):
        raise error
    return raised.value


@pytest.mark.parametrize(
    "error",
    [
        pa.ArrowInvalid("Parquet magic bytes not found in footer"),
        OSError("Couldn't deserialize thrift: don't know what type"),
        duckdb.Error("don't know what type:"),
        duckdb.InvalidInputException(
            'Failed to read file "OUT/decisions/date=2026-03-02/part.parquet": ZSTD'
        ),
    ],
    ids=["footer", "thrift", "duckdb-thrift", "duckdb-page"],
)
def test_what_no_library_can_decode_is_damaged(error, tmp_path):
    error.args = (error.args[0].replace("OUT", str(tmp_path.resolve())),)
    said = str(_raised(error, tmp_path))
    assert said.startswith(f"the outputs in {str(tmp_path)!r} are damaged ({error.args[0]})")


def test_what_is_gone_meanwhile_or_locked_cannot_be_read(tmp_path):
    found = _raised(FileNotFoundError(errno.ENOENT, "No such file or directory"), tmp_path)
    assert isinstance(found, UsageError)
    assert "cannot be read (No such file or directory)" in str(found)
    file = tmp_path.resolve() / "decisions" / "date=2026-03-02" / "part.parquet"
    found = _raised(duckdb.IOException(f'Cannot open file "{file}": Permission denied'), tmp_path)
    assert isinstance(found, UsageError)
    assert f'cannot be read (Cannot open file "{file}": Permission denied)' in str(found)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("ours"),
        duckdb.BinderException('Referenced column "ours" not found'),
        duckdb.InvalidInputException("Values were not provided for the prepared statement parameters"),
        duckdb.IOException('Cannot open file "/elsewhere/decisions.parquet": Is a directory'),
        OSError(errno.ENOSPC, "full"),
        duckdb.IOException('{"exception_message":"full","errno":"28"}'),
        UsageError("said"),
    ],
    ids=["key", "column", "parameters", "elsewhere", "full", "duckdb-full", "usage"],
)
def test_what_is_not_of_its_files_stays_what_it_is(error, tmp_path):
    assert _raised(error, tmp_path) is error


def test_an_export_of_what_may_not_be_read_does_not_speak_of_what_it_writes(tmp_path, monkeypatch):
    def refused(*_: object) -> dict[str, int]:
        raise PermissionError(errno.EACCES, "Permission denied", "run/decisions")

    monkeypatch.setitem(exporting._EXPORTS, "obp", refused)
    with pytest.raises(PermissionError):
        exporting.export("obp", tmp_path, tmp_path / "out")
