"""What tells one dead letter from another."""

from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from schemas import DeadLetter


def letter_id(letter: DeadLetter) -> str:
    """32 hexadecimal digits of reason, step and payload: the same input refused in the same way has the same id."""
    digest = blake2b(digest_size=16)
    for part in (letter.reason.encode(), letter.step.encode(), letter.payload):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


class Found(NamedTuple):
    """A dead letter with its id."""

    id: str
    letter: DeadLetter
    at: datetime | None
    """Its event time; where none could be read, when it arrived, if that is known."""


def found(letter: DeadLetter, arrived: datetime | None = None) -> Found:
    """The letter with its id and time."""
    return Found(letter_id(letter), letter, letter.occurred_at or arrived)
