"""Reading what a run wrote: files that are not as written are told in a sentence, whatever library stumbles on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from pipelines.locate import OUTPUTS, UsageError, damaged
from pipelines.refusals import told


@contextmanager
def reading(out: Path) -> Iterator[None]:
    """Around what reads the files of the run in `out`. Errors that are not of its files stay what they are.

    Raises:
      UsageError: A file is damaged, or cannot be read.
    """
    try:
        yield
    except Exception as error:
        if told(error) is not None:
            raise
        if said := _unread(error, out):
            raise UsageError(f"the outputs in {str(out)!r} cannot be read ({said})") from error
        if _undecodable(error, out):
            raise damaged(out, error) from error
        raise


def _unread(error: Exception, out: Path) -> str:
    """What the machine said of a file that it did not read; empty: it did."""
    if isinstance(error, OSError):
        return (error.strerror or str(error)) if error.errno else ""
    io = _of_duckdb(error) and type(error).__name__ == "IOException" and _names(error, out)
    return str(error).partition("\n")[0] if io else ""


def _undecodable(error: Exception, out: Path) -> bool:
    """Whether Arrow or DuckDB found no Parquet: both have no error for just that."""
    if isinstance(error, pa.ArrowInvalid) or type(error) is OSError:  # a footer, or a page
        return True
    return _of_duckdb(error) and (type(error).__name__ == "Error" or _names(error, out))


def _names(error: Exception, out: Path) -> bool:
    return any(f"{(out / name).resolve()}/date=" in str(error) for name in OUTPUTS)


def _of_duckdb(error: Exception) -> bool:
    """DuckDB need not be loaded to know."""
    return any(each.__name__ == "Error" and "duckdb" in each.__module__ for each in type(error).__mro__)
