"""Text in a drawing: how wide it is at most, and how it is broken into lines."""

from collections.abc import Iterator

_NARROW = frozenset("ijltfrI.,:;'|!()[]{} -/`")
_WIDE = frozenset("mwMW@%—…→")
"""Classes of a sans-serif face that is on the wide side: what fits by them fits in any that a reader has."""


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Upper bound of the width of a line, in the unit of `size`."""
    ems = sum(0.40 if c in _NARROW else 1.0 if c in _WIDE else 0.74 if c.isupper() else 0.63 for c in text)
    return ems * size * (1.08 if bold else 1.0)


def lines(text: str, size: float, room: float, *, bold: bool = False) -> list[str]:
    """The text in lines that fit.

    Raises:
      ValueError: A word is wider than the room.
    """
    return list(_lines(text, size, room, bold)) if text else []


def _lines(text: str, size: float, room: float, bold: bool) -> Iterator[str]:
    line = ""
    for word in text.split():
        if width(word, size, bold=bold) > room:
            raise ValueError(f"{word!r} does not fit into {room:.0f}")
        longer = f"{line} {word}".lstrip()
        if width(longer, size, bold=bold) > room:
            yield line
            longer = word
        line = longer
    yield line
