"""Erasure: a customer is forgotten because somebody asked for it. Names, and how long the mark of it stays.

A signal of the reserved type empties state: the context fold drops everything it knows, then tells the contact ledger,
which does the same. Both keep the time of the erasure and nothing else, so that events from before it revive nothing
and limits that look back beyond it hold back what they cover. Once nothing can look back to it, the mark goes too.
"""

from models.plan.spec import PlanSpec
from models.times import Micros, duration

ERASE = "erase"
"""The reserved signal type; known in every plan, and no plan may declare it."""

MEMORY_ERASED = "memory-erased"
"""Rule id of a note, the first of a new ledger: what was before is not known, because it was erased."""

MEMBER_ERASED = "member-erased"
"""Rule id of a note: contacts of some member of the household were erased; it does not say whose."""

NOTE_ERASED = "note-erased"
"""Rule id of a note that stands for one of an erased member: a change of that ledger alone, which nobody knows now."""

NOTES = frozenset({MEMORY_ERASED, MEMBER_ERASED, NOTE_ERASED})
"""Rule ids of all notes of erasures."""

CLOSED = "erased"
"""How the id of feedback ends that says of an open offer that no answer will come: the customer was erased."""


def mark_kept(spec: PlanSpec) -> Micros:
    """How long after an erasure something can still look back beyond it, events in time: limits, or outcomes."""
    contact = spec.contact
    longest = max((duration(limit.per) for limit in contact.limits), default=0)
    unanswered = longest or duration(spec.session.late)
    windows = [
        unanswered if channel.response_window is None else duration(channel.response_window)
        for channel in spec.channels.values()
    ]
    return max(longest, duration(contact.remember) if contact.remember else 0, *windows)
