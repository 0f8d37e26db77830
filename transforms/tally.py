"""Tallies for a progress display, in this process only; a run is accounted for by Beam's counters, not by these."""

NAMES = ("read", "folded", "written", "published", "inserted")

_counts: dict[str, int] | None = None


def start() -> None:
    """Begin to count from zero."""
    global _counts  # noqa: PLW0603  (one display per process)
    _counts = dict.fromkeys(NAMES, 0)


def stop() -> None:
    """Stop counting."""
    global _counts  # noqa: PLW0603
    _counts = None


def add(name: str, n: int = 1) -> None:
    """Count `n` more; nothing happens unless a display has started."""
    if _counts is not None:
        _counts[name] += n


def read() -> dict[str, int]:
    """The counts so far."""
    return dict(_counts or dict.fromkeys(NAMES, 0))
