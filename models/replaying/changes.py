"""What was changed between two plans: parts added, removed, changed and reordered, in the words of the plan."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from models.plan.canonical import default_of
from models.plan.spec import PlanSpec

_NOUNS = {
    "policies": "policy",
    "actions": "action",
    "stops": "stop",
    "triggers": "trigger",
    "features": "feature",
    "placements": "placement",
    "channels": "channel",
    "brands": "brand",
    "issues": "issue",
    "groups": "group",
    "bundles": "bundle",
    "limits": "limit",
    "suppressions": "suppression",
    "quiet_hours": "quiet hours",
    "volumes": "volume constraint",
    "arms": "experiment arm",
    "influences": "influence",
    "treatments": "treatment",
    "eligibility": "eligibility rule",
    "applicability": "applicability rule",
    "suitability": "suitability rule",
    "context_weights": "context weight",
    "customer": "customer fact",
    "attributes": "signal attribute",
    "signal_types": "signal type",
    "pages": "page",
}
"""What one entry of a list or map is called, by the key that holds them."""

_NAMELESS = frozenset({"contact", "arbitration", "vocabulary", "experiments"})
"""Keys that only group: what is inside says what it is."""

PLAN = "plan"
"""What is changed where it belongs to no smaller part."""

_LONGEST = 400

Kind = Literal["added", "removed", "changed", "reordered"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between two plans."""

    kind: Kind
    what: str
    """The part, e.g. `limit marketing-weekly` or `action isa-transfer`."""
    where: str = ""
    """The place inside the part, e.g. `at_most`; empty: all of it."""
    before: str | None = None
    after: str | None = None
    """The texts in either plan; None where it is not there."""


def plan_changes(before: PlanSpec, after: PlanSpec) -> tuple[Change, ...]:
    """Everything that two plans say differently, in the order of the plan language."""
    return tuple(_parts(before, after, (), ()))


Path = tuple[str, ...]


def _parts(before: Any, after: Any, part: Path, inside: Path) -> Iterator[Change]:
    """Differences of two values of one kind; `part` names what they belong to, `inside` the place in it."""
    if before == after:
        return
    if isinstance(before, msgspec.Struct) and type(before) is type(after):
        for name in before.__struct_fields__:
            yield from _field(name, getattr(before, name), getattr(after, name), part, inside)
    else:
        yield _change("changed", part, inside, before, after)


def _field(name: str, before: Any, after: Any, part: Path, inside: Path) -> Iterator[Change]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _entries(name, before, after, part, inside)
    elif isinstance(before, tuple) and isinstance(after, tuple) and name in _NOUNS:
        yield from _listed(name, before, after, part, inside)
    elif isinstance(before, msgspec.Struct) and type(before) is type(after):
        yield from _parts(before, after, part, (*inside, name))
    else:
        yield _change("changed", part, (*inside, name), before, after)


def _listed(
    name: str, before: Sequence[Any], after: Sequence[Any], part: Path, inside: Path
) -> Iterator[Change]:
    """Differences of two lists whose entries have names; the order of what both have may differ too."""
    old, new = _by_name(before), _by_name(after)
    yield from _entries(name, old, new, part, inside)
    kept, moved = [key for key in old if key in new], [key for key in new if key in old]
    if kept != moved:
        yield Change(
            kind="reordered",
            what=_what((*part, f"{_NOUNS[name]} order") if part else (f"order of {name}",)),
            where="" if _groups(part, inside) else _where(inside),
            before=_cut(", ".join(kept)),
            after=_cut(", ".join(moved)),
        )


def _entries(
    name: str, before: dict[str, Any], after: dict[str, Any], part: Path, inside: Path
) -> Iterator[Change]:
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) == after.get(key) and (key in before) == (key in after):
            continue
        own, rest = _named(name, key, part, inside)
        if key not in after:
            yield _change("removed", own, rest, before[key], None)
        elif key not in before:
            yield _change("added", own, rest, None, after[key])
        else:
            yield from _parts(before[key], after[key], own, rest)


def _named(name: str, key: str, part: Path, inside: Path) -> tuple[Path, Path]:
    """How an entry of a list or map is called: a part of its own, if the key says of what kind."""
    if name in _NOUNS and (not inside or _groups(part, inside)):
        return (*part, f"{_NOUNS[name]} {key}"), ()
    return part, (*inside, name, key)


def _groups(part: Path, inside: Path) -> bool:
    """Whether the place only groups, so that the entries in it are parts of the plan itself."""
    return not part and len(inside) == 1 and inside[0] in _NAMELESS


def _by_name(entries: Sequence[Any]) -> dict[str, Any]:
    """Entries by id or name; by their condition or text where they have none; twins are told apart by number."""
    found: dict[str, Any] = {}
    for entry in entries:
        key = next(
            (str(getattr(entry, name)) for name in ("id", "name", "when") if hasattr(entry, name)), str(entry)
        )
        twins = sum(1 for known in found if known == key or known.startswith(f"{key} #"))
        found[f"{key} #{twins + 1}" if twins else key] = entry
    return found


def _change(kind: Kind, part: Path, inside: Path, before: Any, after: Any) -> Change:
    texts = [None if value is None and kind != "changed" else _cut(said(value)) for value in (before, after)]
    return Change(kind=kind, what=_what(part), where=_where(inside), before=texts[0], after=texts[1])


def _what(part: Path) -> str:
    return ", ".join(part) or PLAN


def _where(inside: Path) -> str:
    return ".".join(inside)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def said(value: Any) -> str:
    """A value as one would write it in the plan, on one line; defaults are left out."""
    if isinstance(value, msgspec.Struct):
        told = {field.name: getattr(value, field.name) for field in msgspec.structs.fields(value)}
        defaults = {field.name: default_of(field) for field in msgspec.structs.fields(value)}
        return _inner({name: each for name, each in told.items() if each != defaults[name]})
    if isinstance(value, dict):
        return f"{{{_inner(value)}}}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_item, value))}]"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) and value == int(value) else str(value)


def _item(value: Any) -> str:
    return f"{{{said(value)}}}" if isinstance(value, msgspec.Struct) else said(value)


def _inner(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {_item(each)}" for name, each in values.items())
