"""How numbers are written, on a terminal and on pages alike."""

from models.replaying.comparison import Pair, Unit

DASH = "–"


def plain(name: str) -> str:
    """A name of ours as one would say it."""
    return name.replace("_", " ")


def figure(number: float, unit: Unit) -> str:
    """A number as its unit is written."""
    if unit == "share":
        return f"{number:.1%}"
    if unit == "mean":
        return f"{number:,.2f}"
    return f"{number:,.0f}"


def signed(number: float, unit: Unit) -> str:
    """A difference: with its sign, a plain 0 for none."""
    if unit == "share":
        return f"{number * 100:+.1f} pt" if abs(number) >= 0.0005 else "0"
    text = f"{number:+,.2f}" if unit == "mean" else f"{number:+,.0f}"
    return "0" if not text.strip("+-0.,") else text


def relative(pair: Pair) -> str:
    """The difference as a part of A."""
    if pair.ratio is None:
        return DASH if not pair.b else "new"
    if not pair.b:
        return "gone"
    change = (pair.ratio - 1) * 100
    if abs(change) < 0.05:
        return "0%"
    return f"{change:+,.0f}%" if abs(change) >= 10 else f"{change:+.1f}%"


def times(pair: Pair) -> str:
    """B over A."""
    return DASH if pair.ratio is None else f"{pair.ratio:.2f}×"
