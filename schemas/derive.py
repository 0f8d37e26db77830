"""Derives what is not Python from the contracts: `python -m schemas.derive [--check]`.

Writes `schemas/generated/`: BigQuery columns, proto3 text and JSON Schema per contract, a data dictionary, and the
lock of all field names, types and positions. `--check` writes nothing and exits 1 if anything would change.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from schemas import CONTRACTS
from schemas.derivation.formats import bigquery_columns, dictionary, proto_text, snake
from schemas.derivation.lock import breaks, lock_of

GENERATED = Path(__file__).parent / "generated"
LOCK = "fields.lock.json"


def derive(contracts: tuple[type[msgspec.Struct], ...] = CONTRACTS) -> dict[str, str]:
    """All derived files: name to text. The same contracts always yield the same text."""
    files = {LOCK: _json(lock_of(contracts)), "contracts.md": dictionary(contracts)}
    for contract in contracts:
        name = snake(contract.__name__)
        files[f"{name}.bigquery.json"] = _json(bigquery_columns(contract))
        files[f"{name}.proto"] = proto_text(contract)
        files[f"{name}.schema.json"] = _json(msgspec.json.schema(contract))
    return files


def stale(files: dict[str, str], folder: Path) -> list[str]:
    """Names of files in `folder` that are missing, differ from `files`, or are no longer derived."""
    there = (
        {path.name: path.read_text("utf-8") for path in folder.iterdir() if path.is_file()}
        if folder.is_dir()
        else {}
    )
    return sorted(name for name in files.keys() | there.keys() if files.get(name) != there.get(name))


def broken(folder: Path) -> list[str]:
    """What the contracts of today break of the lock in `folder`; nothing if there is no lock yet."""
    path = folder / LOCK
    return breaks(json.loads(path.read_text("utf-8")), lock_of(CONTRACTS)) if path.exists() else []


def write(files: dict[str, str], folder: Path) -> None:
    """Make `folder` hold exactly `files`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale(files, folder):
        if name in files:
            (folder / name).write_text(files[name], "utf-8")
        else:
            (folder / name).unlink()


def main(argv: Sequence[str] | None = None, folder: Path = GENERATED) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser("python -m schemas.derive", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if anything would change")
    parser.add_argument(
        "--relock",
        action="store_true",
        help="accept breaking changes; only while no bytes of the contracts exist",
    )
    args = parser.parse_args(argv)
    files = derive()
    problems = [] if args.relock else broken(folder)
    changed = stale(files, folder)
    if args.check:
        problems += [
            f"{name} is not what the contracts say; run `python -m schemas.derive`" for name in changed
        ]
    elif not problems:
        write(files, folder)
    _report(problems, [] if args.check or problems else changed)
    return 1 if problems else 0


def _report(problems: list[str], written: list[str]) -> None:
    for problem in problems:
        print(problem, file=sys.stderr)
    for name in written:
        print(f"wrote {name}")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
