"""Names that a plan uses: what is said of those that nothing has, that are there twice, that are taken."""

from collections.abc import Iterable, Iterator

from models.plan.findings import Finding
from models.plan.structure import Place
from models.plan.wording import meant


def unknown(place: Place, name: str, known: Iterable[str], what: str) -> Iterator[Finding]:
    """A name that nothing has."""
    names = list(known)
    if name not in names:
        yield place.finding(f"unknown {what} {name!r}", meant(name, names))


def unknown_names(place: Place, names: Iterable[str], known: Iterable[str], what: str) -> Iterator[Finding]:
    """Names that nothing has, in a list."""
    every = list(known)
    for index, name in enumerate(names):
        yield from unknown(place / index, name, every, what)


def repeated(place: Place, names: Iterable[str]) -> Iterator[Finding]:
    """Names listed more than once."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield (place / index).finding(f"{name!r} is listed twice", "remove one")
        seen.add(name)


def repeated_ids(place: Place, ids: Iterable[str]) -> Iterator[Finding]:
    """Ids of a list of things that are not unique."""
    seen: dict[str, Place] = {}
    for index, name in enumerate(ids):
        yield from taken(seen, name, place / index / "id")


def taken(seen: dict[str, Place], name: str, place: Place) -> Iterator[Finding]:
    """An id that something else has already; `seen` collects them."""
    first = seen.setdefault(name, place)
    if first is not place:
        where = f"{first.mark.file} line {first.mark.line}"
        yield place.finding(f"id {name!r} is taken, in {where}", "choose another")
