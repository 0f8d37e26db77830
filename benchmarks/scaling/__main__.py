"""How the same work grows: with actions, customers, one busy customer, events, processes.

    python -m benchmarks.scaling [--curves actions skew ...] [--full] [--write]

Without `--full` it takes some minutes and stops at a million customers and events; with it, at ten million of each,
for which it needs 6 GB of memory, 8 GB of disk and half an hour of one core. Points are kept in OUT/points.json: a
curve that is measured anew replaces what was known of it, the others stay. `--write` draws docs/scaling.svg and writes
the tables of docs/performance.md.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import msgspec

from benchmarks.decide50.report import placed
from benchmarks.decide50.running import ROOT
from benchmarks.scaling.drawing import drawing
from benchmarks.scaling.measuring import Point, by_curve, generated, passed, processes, rates
from benchmarks.scaling.telling import PANELS, tables

_DOCS = ROOT / "docs"
PAGE, PICTURE = _DOCS / "performance.md", _DOCS / "scaling.svg"
_EVENTS = 40_000
_A_DAY = 10_000


def actions(folder: Path, *, full: bool) -> Iterator[Point]:
    """More actions: each is a rule, a row of the model, a candidate, a line of the record."""
    for number in (10, 50, 200, 1_000, 2_500):
        events = _EVENTS if full or number < 1_000 else _EVENTS // 8
        data = generated(folder, actions=number, events=events, customers=events // 10)
        yield from rates("actions", number, data)


def skew(folder: Path, *, full: bool) -> Iterator[Point]:  # noqa: ARG001
    """One customer with a share of all events."""
    for share in (0.0, 0.1):
        data = generated(folder, skew=share, events=_EVENTS, customers=_EVENTS // 10)
        yield from rates("skew", share, data)


def customers(folder: Path, *, full: bool) -> Iterator[Point]:
    """More customers: each is told of once, and half of them do something."""
    for number in (10_000, 100_000, 1_000_000, *([10_000_000] if full else [])):
        data = generated(folder, customers=number, events=number // 2)
        last = passed(data)[-1]
        yield Point("customers", "states", number, last.state_bytes / last.customers, "bytes a customer")
        yield Point("customers", "process", number, last.resident_mb, "MB")
        yield Point("customers", "stream", number, last.cpu_s / last.lines * 1e6, "us of CPU an event")


def events(folder: Path, *, full: bool) -> Iterator[Point]:
    """More events of the same customers, as many a day: windows of 30 days are full after 300,000."""
    number = 10_000_000 if full else 1_000_000
    data = generated(folder, customers=20_000, events=number, days=number // _A_DAY)
    for seen in passed(data):
        yield Point("events", "process", seen.lines, seen.resident_mb, "MB")
        yield Point("events", "states", seen.lines, seen.state_bytes / seen.customers, "bytes a customer")


def two(folder: Path, *, full: bool) -> Iterator[Point]:
    """Two processes that share nothing, against one."""
    yield from processes(generated(folder, events=200_000 if full else 100_000, customers=20_000))


CURVES: dict[str, Callable[..., Iterator[Point]]] = {
    "actions": actions,
    "skew": skew,
    "customers": customers,
    "events": events,
    "processes": two,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, keep, and write if asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__.splitlines()[0])
    parser.add_argument("--curves", nargs="*", choices=list(CURVES), default=list(CURVES), help="which")
    parser.add_argument("--full", action="store_true", help="up to ten million customers and events")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and docs/scaling.svg")
    parser.add_argument(
        "--out", type=Path, default=Path("out/scaling"), help="work folder (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "points.json"
    points = msgspec.json.decode(kept.read_bytes(), type=list[Point]) if kept.exists() else []
    for name in args.curves:
        points = [point for point in points if point.curve != name]
        for point in CURVES[name](out / name, full=args.full):
            print(f"{point.curve} {point.form} {point.x:,.6g}: {point.y:,.1f} {point.unit}", file=sys.stderr)
            points.append(point)
        kept.write_bytes(msgspec.json.encode(points))
    text = "\n".join(tables(points))
    print(text)
    if args.write:
        day = date.today().isoformat()  # noqa: DTZ011
        PAGE.write_text(placed(PAGE.read_text("utf-8"), "scaling", f"Measured {day}.\n\n{text}"), "utf-8")
        panels = [(title, by_curve(points, curve, unit)) for title, curve, unit in PANELS]
        PICTURE.write_text(drawing(panels, day), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
