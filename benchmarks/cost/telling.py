"""The table, its assumptions and the drawing."""

from collections.abc import Iterator, Sequence
from dataclasses import fields

from benchmarks.cost.model import Assumptions, Cost, Traffic
from docs.diagrams.svg import Point, box, page, words

PARTS = {
    "workers": "system",
    "Streaming Engine": "person",
    "Pub/Sub": "topic",
    "BigQuery inserts": "outside",
    "BigQuery storage": "store",
}
_WIDE, _LEFT, _TOP, _BAR, _STEP = 760.0, 150.0, 92.0, 34.0, 58.0


def table(costs: Sequence[Cost]) -> Iterator[str]:
    """One row per rate, in Markdown."""
    yield (
        "| events a second | decisions a second | workers | USD a month | USD a million decisions | "
        + " | ".join(f"{part}, %" for part in PARTS)
        + " |"
    )
    yield "| " + " | ".join(["---:"] * (5 + len(PARTS))) + " |"
    for each in costs:
        shares = [f"{each.usd[part] / each.total:.0%}".rstrip("%") for part in PARTS]
        cells = [
            f"{each.per_second:,.0f}",
            f"{each.decisions / (730 * 3600):,.0f}",
            f"{each.workers:,}",
            f"{each.total:,.0f}",
            f"{each.per_million:.2f}",
            *shares,
        ]
        yield f"| {' | '.join(cells)} |"


def assumptions(given: Assumptions, traffic: Traffic) -> Iterator[str]:
    """What the table rests on, with the flag that says otherwise."""
    yield "| | value | said otherwise by |"
    yield "| --- | ---: | --- |"
    for each in fields(given):
        yield f"| {each.metadata['text']} | {getattr(given, each.name):g} | `--{each.name.replace('_', '-')}` |"
    for each in fields(traffic):
        value = getattr(traffic, each.name)
        unit = "" if each.metadata["text"].endswith("an event") else " B"
        yield f"| {each.metadata['text']} | {value:,g}{unit} | `--measure` |"


def drawing(costs: Sequence[Cost]) -> str:
    """Bars of USD a million decisions, by what it is for."""
    title = "USD a million decisions, by what it is for"
    most = max(each.per_million for each in costs)
    room = _WIDE - _LEFT - 110
    parts = list(_legend())
    for number, each in enumerate(costs):
        y, x = _TOP + number * _STEP, _LEFT
        parts.append(words(f"{each.per_second:,.0f} events/s", (20, y + 15), "name", middle=False))
        parts.append(words(f"{each.workers:,} workers", (20, y + 30), "small", middle=False))
        for part, style in PARTS.items():
            wide = room * each.usd[part] / each.total * each.per_million / most
            parts.append(box((x, y), (wide, _BAR), f"box {style}", radius=0))
            if wide > 34:
                parts.append(words(f"{each.usd[part] / each.decisions * 1e6:.2f}", (x + wide / 2, y + 22)))
            x += wide
        parts.append(words(f"{each.per_million:.2f}", (x + 10, y + 22), "name", middle=False))
    size: Point = (_WIDE, _TOP + len(costs) * _STEP)
    return page(title, size, parts)


def _legend() -> Iterator[str]:
    for number, (part, style) in enumerate(PARTS.items()):
        x = 20 + number * 146
        yield box((x, 50), (14, 14), f"box {style}", radius=2)
        yield words(part, (x + 20, 61), "small", middle=False)
