"""The tables of docs/observability.md and docs/slo.md: `python -m pipelines.observability.documents [--check]`.

What stands between `<!-- table NAME -->` and `<!-- end -->` is written anew from the tables in
`models/observability`. `--check` writes nothing and exits 1 if anything would change.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from models.observability.ladders import LADDERS
from models.observability.log_lines import EVENTS
from models.observability.metrics import AREAS, DECODING_REASONS, METRICS, Reader, rejected
from models.observability.objectives import BURNS, OBJECTIVES, WINDOW_DAYS, Objective, alerts

DOCS = Path(__file__).resolve().parents[2] / "docs"
FILES = ("observability.md", "slo.md")
_BLOCK = re.compile(r"(<!-- table (?P<name>\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

Rows = Iterable[Sequence[str]]


def _metrics() -> Rows:
    yield "metric", "counts", "unit", "read by"
    several = {rejected(area, reason) for area in AREAS for reason in DECODING_REASONS}
    several |= {name for ladder in LADDERS for name in ladder.names()}
    for name, metric in METRICS.items():
        if name not in several:
            yield f"`{name}`", metric.counts, metric.unit, _readers(name)
    reasons = ", ".join(f"`{reason}`" for reason in DECODING_REASONS)
    for area in AREAS:
        yield f"`{rejected(area)}_REASON`", f"those of `{rejected(area)}` with one reason", "payloads", ""
    yield "", f"REASON is {reasons}", "", ""
    for ladder in LADDERS:
        bounds = ", ".join(map(str, ladder.bounds))
        rungs = f"`{ladder.name}_le_N{ladder.unit}`", f"those of at most N {ladder.unit}; N is {bounds}"
        yield *rungs, "decisions", _readers(*(ladder.rung(bound) for bound in ladder.bounds))
        yield f"`{ladder.total}`", ladder.counts, "decisions", _readers(ladder.total)


def _readers(*names: str) -> str:
    """Who reads them, and which one in particular, where it is not all."""
    told = []
    for reader in Reader:
        read = [name for name in names if reader in METRICS[name].readers]
        if read:
            told.append(reader if len(read) == len(names) else f"{reader} (`{'`, `'.join(read)}`)")
    return ", ".join(told)


def _events() -> Rows:
    yield "event", "severity", "fields"
    for name, (severity, fields) in EVENTS.items():
        yield f"`{name}`", severity, ", ".join(f"`{field}`" for field in sorted(fields))


def _objectives() -> Rows:
    yield "objective", "promise", f"goal, over {WINDOW_DAYS} days", "budget", "measured by"
    for objective in OBJECTIVES:
        share = f"{objective.goal * 100:g} %"
        budget = f"{(1 - objective.goal) * 100:.2g} %"
        yield f"`{objective.name}`", objective.promises, share, budget, _measured(objective)


def _measured(objective: Objective) -> str:
    if objective.platform is not None:
        return f"{objective.windows}, of `{objective.platform}`"
    over = " + ".join(f"`{name}`" for name in objective.total)
    if objective.good:
        return f"{' + '.join(f'`{name}`' for name in objective.good)} / {over}"
    return f"1 - ({' + '.join(f'`{name}`' for name in objective.bad)}) / ({over})"


def _burns() -> Rows:
    yield "pair", "times too fast", "long window", "short window", "share of the budget gone", "who hears"
    for burn in BURNS:
        gone = burn.rate * burn.long_s / (WINDOW_DAYS * 86_400)
        told = f"`{burn.name}`", f"{burn.rate:g}", _span(burn.long_s), _span(burn.short_s), f"{gone:.1%}"
        yield *told, burn.urgency


def _span(seconds: int) -> str:
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds // 60} min"


def _alerts() -> Rows:
    yield "alert", "who hears", "means"
    for alert in alerts():
        yield f"`{alert.name}`", alert.urgency, alert.means


TABLES: dict[str, Callable[[], Rows]] = {
    "metrics": _metrics,
    "events": _events,
    "objectives": _objectives,
    "burns": _burns,
    "alerts": _alerts,
}


def written(text: str) -> str:
    """A document with its tables as they are now.

    Raises:
      KeyError: It asks for a table that there is not.
    """
    return _BLOCK.sub(lambda found: f"{found[1]}{_table(TABLES[found['name']]())}{found[3]}", text)


def _table(rows: Rows) -> str:
    head, *others = rows
    lines = [head, ["---"] * len(head), *others]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def stale(folder: Path) -> list[str]:
    """Names of documents that are not what the tables say."""
    return [name for name in FILES if (text := (folder / name).read_text("utf-8")) != written(text)]


def main(argv: Sequence[str] | None = None, folder: Path = DOCS) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser("python -m pipelines.observability.documents")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if anything would change")
    args = parser.parse_args(argv)
    changed = stale(folder)
    for name in changed:
        if args.check:
            print(
                f"{name} is not what the tables say; run `python -m pipelines.observability.documents`",
                file=sys.stderr,
            )
        else:
            (folder / name).write_text(written((folder / name).read_text("utf-8")), "utf-8")
            print(f"wrote {name}")
    return 1 if args.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
