"""Installs extensions of DuckDB from the packages that carry them: `python duckdb_extensions.py NAME...`.

Run by the Python of the emulator's environment, with its home folder: DuckDB looks only there for extensions.
"""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path


def install(names: Sequence[str]) -> None:
    """Copy each extension to where DuckDB loads it from; their signatures are checked by DuckDB."""
    import duckdb  # noqa: PLC0415  (not ours: of the environment that runs this)

    connection = duckdb.connect()
    for name in names:
        spec = importlib.util.find_spec(f"duckdb_extension_{name}")
        if spec is None or not spec.submodule_search_locations:
            sys.exit(f"the package duckdb-extension-{name} is missing")
        folder = Path(spec.submodule_search_locations[0])
        for binary in folder.glob("extensions/*/*.duckdb_extension"):
            connection.execute(f"FORCE INSTALL '{binary}'")


if __name__ == "__main__":
    install(sys.argv[1:])
