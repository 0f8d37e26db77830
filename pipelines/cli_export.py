"""`nextbeam export`: the decision log for the tools of others."""

import argparse
from typing import TYPE_CHECKING

from pipelines.commands import add_command
from pipelines.locate import out_folder, run_folder

if TYPE_CHECKING:
    from pipelines.commands import Commands

FORMATS = {
    "pega": "decisions, interaction history and impact-analyser files for pdstools",
    "dsjson": "one JSON line per answered offer for Vowpal Wabbit (--cb_explore_adf --dsjson)",
    "obp": "bandit feedback as NumPy arrays for Open Bandit Pipeline",
}

EXAMPLE = """examples:
  nextbeam export pega out/day
  nextbeam export obp out/day --to /data/obp

Without --to the files go to DIR/exports/FORMAT. Each export has a README.txt that says how to read it."""


def add_export(commands: "Commands") -> None:
    """Add the command and its formats."""
    text = "write the decision log in the formats of other tools"
    parser = add_command(commands, "export", _export, text, EXAMPLE)
    formats = "; ".join(f"{name}: {what}" for name, what in FORMATS.items())
    parser.add_argument("format", choices=tuple(FORMATS), metavar="FORMAT", help=formats)
    parser.add_argument("run", metavar="DIR", help="folder of the run")
    parser.add_argument("--to", metavar="FOLDER", help="where to write (default: DIR/exports/FORMAT)")


def _export(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.exporting import export  # noqa: PLC0415  (needs DuckDB and Arrow)

    run = run_folder(args.run)
    out = out_folder(args.to, "--to") if args.to else run / "exports" / args.format
    for name, rows in export(args.format, run, out).items():
        print(f"{out / name}: {rows:,} rows")
    return 0
