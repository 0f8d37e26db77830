"""One set of SQL for BigQuery and for DuckDB: translated, checked for what does not translate, and the views in it."""

from pipelines.sql.translate import SqlError, to_duckdb
from pipelines.sql.views import VIEWS, View, needed_for

__all__ = ["VIEWS", "SqlError", "View", "needed_for", "to_duckdb"]
