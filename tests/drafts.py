"""Drafts of the shipped bank's plan, and a few days of its customers, for comparing plans."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from uk_bank import FOLDER, spec

from models.plan.canonical import canonical
from models.plan.spec import PlanSpec, QuietSpec

Draft = Callable[[PlanSpec], PlanSpec]

NIGHT = QuietSpec(id="night", begins="17:00", ends="09:00", channels=("email", "sms"))


def current() -> PlanSpec:
    """The bank's plan, with quiet hours long enough to be noticed in a few days of a few customers."""
    return part(spec(), "contact", quiet_hours=(NIGHT,))


def part(whole: Any, name: str, **changes: Any) -> Any:
    """A struct with something changed in one of its parts."""
    inner = msgspec.structs.replace(getattr(whole, name), **changes)
    return msgspec.structs.replace(whole, **{name: inner})


def entry(entries: tuple[Any, ...], key: str, **changes: Any) -> tuple[Any, ...]:
    """Entries of which the one with this id is changed."""
    assert any(each.id == key for each in entries), key
    return tuple(msgspec.structs.replace(each, **changes) if each.id == key else each for each in entries)


def without(entries: tuple[Any, ...], key: str) -> tuple[Any, ...]:
    """Entries without the one with this id."""
    assert any(each.id == key for each in entries), key
    return tuple(each for each in entries if each.id != key)


def written(draft: PlanSpec, folder: Path) -> Path:
    """A plan in a file, with the bank's model beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    if draft.model is not None:
        (folder / draft.model.path).symlink_to(FOLDER / draft.model.path)
    file = folder / "plan.json"
    file.write_bytes(canonical(draft))
    return file
