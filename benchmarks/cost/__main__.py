"""Compute, print; write what documents show, or check it."""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path

import msgspec

from benchmarks.cost import __doc__ as about
from benchmarks.cost.model import Assumptions, Cost, Traffic, cost, with_values
from benchmarks.cost.telling import assumptions, drawing, table

RATES = (1_000.0, 10_000.0, 100_000.0)
MEASURED = Path(__file__).with_name("measured.json")
_DOCS = Path(__file__).parents[2] / "docs"
PAGE, PICTURE = _DOCS / "operations.md", _DOCS / "cost.svg"
_BLOCK = re.compile(r"(<!-- cost: {} -->\n).*?(<!-- end -->)".replace("{}", r"(\w+)"), re.DOTALL)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, when, and by which commands."""

    day: str
    cpu_ms: float
    cpu_by: str
    traffic_by: str
    traffic: Traffic


def measured() -> Measured:
    """What is committed."""
    return msgspec.json.decode(MEASURED.read_bytes(), type=Measured)


def parser() -> argparse.ArgumentParser:
    """Every price, size and way to run has a flag."""
    known = argparse.ArgumentParser(
        prog="python -m benchmarks.cost",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known.add_argument("--events-per-second", type=float, nargs="+", default=list(RATES), metavar="N")
    for each in fields(Assumptions):
        default = measured().cpu_ms if each.name == "cpu_ms" else each.default
        known.add_argument(
            f"--{each.name.replace('_', '-')}",
            type=float,
            default=default,
            metavar="X",
            help=f"{each.metadata['text']} (default: %(default)s)",
        )
    what = known.add_mutually_exclusive_group()
    what.add_argument(
        "--write", action="store_true", help="write the tables of docs/operations.md and docs/cost.svg"
    )
    what.add_argument("--check", action="store_true", help="check that they are what this computes")
    what.add_argument("--measure", action="store_true", help="weigh messages, rows and states anew")
    return known


def shown(costs: Sequence[Cost], given: Assumptions, traffic: Traffic, page: str) -> str:
    """The page with the tables as they have to be."""
    blocks = {"table": table(costs), "assumptions": assumptions(given, traffic)}
    return _BLOCK.sub(
        lambda found: "\n".join([found[1] + "\n" + "\n".join(blocks[found[2]]) + "\n", found[3]]), page
    )


def _remeasure() -> int:
    from benchmarks.cost.sample import measure  # noqa: PLC0415  (it loads the plan language)

    found = msgspec.to_builtins(measured())
    found["traffic"] = asdict(measure(customers=200, days=2))
    found["day"] = date.today().isoformat()  # noqa: DTZ011
    MEASURED.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    print(MEASURED.read_text("utf-8"))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Print, write or check; 1: what is written is old."""
    args = parser().parse_args(argv)
    if args.measure:
        return _remeasure()
    said = measured()
    plain = with_values(Assumptions(), {"cpu_ms": said.cpu_ms})
    standard = [cost(rate, said.traffic, plain) for rate in RATES]
    wanted = {PAGE: shown(standard, plain, said.traffic, PAGE.read_text("utf-8")), PICTURE: drawing(standard)}
    if args.write:
        for file, text in wanted.items():
            file.write_text(text, "utf-8")
        return 0
    if args.check:
        old = [
            file.name for file, text in wanted.items() if not file.exists() or file.read_text("utf-8") != text
        ]
        print("".join(f"{name} is old: run python -m benchmarks.cost --write\n" for name in old), end="")
        return 1 if old else 0
    given = with_values(plain, vars(args))
    print("\n".join(table([cost(rate, said.traffic, given) for rate in args.events_per_second])))
    print()
    print("\n".join(assumptions(given, said.traffic)))
    print(
        f"\nMeasured {said.day}: {said.cpu_by}; {said.traffic_by}. Prices are assumptions: check the price list."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
