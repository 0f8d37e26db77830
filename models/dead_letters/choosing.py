"""Which dead letters are meant, and what there is of them."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

import msgspec

from models.dead_letters.letters import Found


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Letters that fit everything said here; what is empty or None says nothing."""

    reasons: frozenset[str] = frozenset()
    steps: frozenset[str] = frozenset()
    ids: tuple[str, ...] = ()
    """Ids, or how they begin."""
    since: datetime | None = None
    """From this time on; letters without a time do not fit."""
    until: datetime | None = None
    """Before this time; likewise."""

    def takes(self, letter: Found) -> bool:
        """Whether a letter is meant."""
        return (
            (not self.reasons or letter.letter.reason in self.reasons)
            and (not self.steps or letter.letter.step in self.steps)
            and (not self.ids or letter.id.startswith(self.ids))
            and self._in_time(letter.at)
        )

    def _in_time(self, at: datetime | None) -> bool:
        if self.since is None and self.until is None:
            return True
        if at is None:
            return False
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


class Group(NamedTuple):
    """Letters of one reason, step and day."""

    reason: str
    step: str
    day: date | None
    letters: int
    example: str
    """Id of one of them: the smallest, whatever order they came in."""


def groups(letters: Iterable[Found]) -> list[Group]:
    """All letters by reason, step and day; the largest groups first."""
    counts: dict[tuple[str, str, date | None], tuple[int, str]] = {}
    for each in letters:
        key = (each.letter.reason.value, each.letter.step, each.at.date() if each.at else None)
        count, example = counts.get(key, (0, each.id))
        counts[key] = count + 1, min(example, each.id)
    made = [Group(*key, *counted) for key, counted in counts.items()]
    return sorted(made, key=lambda group: (-group.letters, group.reason, group.step, group.day or date.min))
