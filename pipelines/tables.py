"""The outputs of a run as tables of a DuckDB database."""

from pathlib import Path

import duckdb

from pipelines.locate import OUTPUTS
from schemas.arrow import arrow_schema


def attach(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Make each kind of record in `folder` a table, with `date`, its partition; without records it is empty."""
    for name, contract in OUTPUTS.items():
        files = (folder / name).resolve()
        if any(files.glob("date=*/*.parquet")):
            pattern = f"{files}/date=*/*.parquet".replace("'", "''")
            connection.execute(
                f"CREATE VIEW {name} AS SELECT * FROM "
                f"read_parquet('{pattern}', hive_partitioning = true, hive_types = {{'date': VARCHAR}})"
            )
        else:
            connection.register(f"{name}_empty", arrow_schema(contract).empty_table())
            connection.execute(f"CREATE TABLE {name} AS SELECT *, '' AS date FROM {name}_empty")
