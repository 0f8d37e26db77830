"""The lock: names, order and types of all fields as last agreed. It tells appending from breaking."""

from typing import Any

import msgspec

from schemas.derivation.fields import Field, enums_of, fields_of, structs_of

Lock = dict[str, dict[str, list[Any]]]
"""`{"structs": {name: [{"name", "type", "default"}]}, "enums": {name: [value]}}`."""

REMEDY = (
    "put the field back as it was and append a new one, with a default, at the end of the struct; "
    "then run `python -m schemas.derive`"
)


def lock_of(contracts: tuple[type[msgspec.Struct], ...]) -> Lock:
    """What the contracts say today."""
    return {
        "structs": {
            name: [_entry(field) for field in fields_of(struct)]
            for name, struct in structs_of(contracts).items()
        },
        "enums": {name: [member.value for member in enum] for name, enum in enums_of(contracts).items()},
    }


def _entry(field: Field) -> dict[str, Any]:
    kind = field.record or field.kind.value.lower()
    kind += "[]" if field.repeated else ""
    kind += " or null" if field.nullable else ""
    text = f"{kind}; {field.rule}" if field.rule else kind
    return {"name": field.name, "type": text, "default": field.defaulted}


def breaks(locked: Lock, current: Lock) -> list[str]:
    """What was done to the contracts that old bytes or old readers cannot bear; one sentence each, with the remedy."""
    found: list[str] = []
    for name, fields in locked["structs"].items():
        if name not in current["structs"]:
            found.append(f"{name} is gone, but bytes of it exist; put it back")
        else:
            found += _struct_breaks(name, fields, current["structs"][name])
    for name, values in locked["enums"].items():
        gone = [value for value in values if value not in current["enums"].get(name, [])]
        found += [f"{name} no longer knows {value!r}, but bytes with it exist; put it back" for value in gone]
    return found


def _struct_breaks(name: str, locked: list[dict[str, Any]], current: list[dict[str, Any]]) -> list[str]:
    for position, was in enumerate(locked):
        now = current[position] if position < len(current) else None
        problem = _difference(was, now)
        if problem:
            return [f"{name}.{was['name']} (field {position + 1}) {problem}; {REMEDY}"]
    return [
        f"{name}.{added['name']} is new and has no default, so old bytes could not be read; give it one"
        for added in current[len(locked) :]
        if not added["default"]
    ]


def _difference(was: dict[str, Any], now: dict[str, Any] | None) -> str:
    if now is None:
        return "was removed"
    if now["name"] != was["name"]:
        return f"was renamed or moved: {now['name']!r} is in its place"
    if now["type"] != was["type"]:
        return f"was retyped from `{was['type']}` to `{now['type']}`"
    if was["default"] and not now["default"]:
        return "lost its default"
    return ""
