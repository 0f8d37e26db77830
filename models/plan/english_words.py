"""Small words of the English that a plan is told in: lists, numbers, spans of time, moments, lines."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

WIDTH = 100

_UNITS = {"ms": "millisecond", "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}


def listed(words: Iterable[str], last: str = "and") -> str:
    """`a, b and c`."""
    *others, final = list(words) or ["nothing"]
    return f"{', '.join(others)} {last} {final}" if others else final


def quoted(text: object) -> str:
    """A name or value of the plan as it stands in it."""
    return f'"{text}"'


def number(value: float) -> str:
    """12, 0.5, 1,000."""
    whole = float(value).is_integer() and abs(value) < 1e15
    return f"{int(value):,}" if whole else f"{value:,.12g}"


def percent(value: float) -> str:
    """`20 percent`, of a number of percent."""
    return f"{number(value)} percent"


def counted(count: int, noun: str) -> str:
    """`1 contact`, `3 contacts`."""
    return f"{number(count)} {noun}{'s' * (count != 1)}"


def times(count: int) -> str:
    """`once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def span(duration: str) -> str:
    """`30 minutes` of `30m`."""
    match = re.fullmatch(r"(\d+)(\w+)", duration)
    assert match is not None
    return counted(int(match[1]), _UNITS[match[2]])


def each(duration: str) -> str:
    """`7 days`, but `day` of `1d`: what stands after `every` and `the last`."""
    return span(duration).removeprefix("1 ")


def moment(text: str) -> str:
    """`1 December 2026`, `1 December 2026 at 09:00`."""
    at = datetime.fromisoformat(text)
    day = f"{at.day} {at:%B %Y}"
    return f"{day} at {at:%H:%M}" if "T" in text else day


def sentence(text: str) -> str:
    """The text with a capital letter and a full stop."""
    text = " ".join(text.split())
    if not text:
        return ""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", ":")) else ".")


def sentences(*texts: str) -> str:
    """All that is not empty, each as a sentence."""
    return " ".join(sentence(text) for text in texts if text)


def paragraph(text: str, indent: int = 0, hang: int = 0) -> Iterator[str]:
    """The text in lines of `WIDTH` characters at most, lines after the first `hang` further in."""
    yield from textwrap.wrap(
        " ".join(text.split()),
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_long_words=False,
        break_on_hyphens=False,
    )


def item(text: str, indent: int = 0) -> Iterator[str]:
    """One point of a list."""
    yield from paragraph(f"- {text}", indent, 2)


def heading(text: str) -> Iterator[str]:
    """A section's title, with an empty line around."""
    yield from ("", text, "-" * len(text), "")


def title(text: str) -> Iterator[str]:
    """The title of the whole."""
    yield from (text, "=" * len(text), "")


def period(starts: str | None, ends: str | None) -> str:
    """`from 1 May 2026 until 1 June 2026`; empty if always."""
    parts = ([f"from {moment(starts)}"] if starts else []) + ([f"until {moment(ends)}"] if ends else [])
    return " ".join(parts)


def names(words: Sequence[str]) -> str:
    """Names of the plan, quoted and listed."""
    return listed([quoted(word) for word in words])
