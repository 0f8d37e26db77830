"""Words for messages: what was probably meant, and what is known."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be."""
    names = list(known)
    close = difflib.get_close_matches(word[:200], names, n=1, cutoff=0.6)
    longer = [name for name in names if len(word) >= 3 and name.startswith(word)]
    return next(iter([*longer, *close]), None)


def meant(word: str, known: Iterable[str], most: int = 12) -> str:
    """What to do about a word that is not known: the one that was probably meant, or which there are."""
    every = list(known)
    close = nearest(word, every)
    return f"did you mean {close}?" if close else f"known: {listing(every, most)}"


def listing(words: Iterable[str], most: int = 12) -> str:
    """`a, b, c`, cut short when there are many."""
    every = list(words)
    rest = f", ... ({len(every)} in all)" if len(every) > most else ""
    return ", ".join(every[:most]) + rest
