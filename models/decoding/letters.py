"""Rejections as dead letters."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from models.decoding.json_text import scalar_faults
from models.decoding.rejection import ROOT, Rejection
from models.decoding.vocabulary import END, START
from schemas import DeadLetter
from schemas.common import Id, Time

_READABLE_BYTES = 1024 * 1024


class _Envelope(msgspec.Struct):
    """What may be readable of a payload that is refused."""

    customer_id: Any = None
    occurred_at: Any = None


_read = msgspec.json.Decoder(_Envelope).decode


def dead_letter(rejection: Rejection, *, step: str, payload: bytes) -> DeadLetter:
    """The dead letter of a payload that `step` refused; time and customer are in it if they can be read."""
    envelope = _envelope(payload)
    return DeadLetter.of(
        payload,
        reason=rejection.reason,
        step=step,
        detail=rejection.detail,
        occurred_at=_time(envelope.occurred_at),
        customer_id=_id(envelope.customer_id),
    )


def _envelope(payload: bytes) -> _Envelope:
    if len(payload) > _READABLE_BYTES:
        return _Envelope()
    try:
        return _read(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _Envelope()


def _time(value: Any) -> datetime | None:
    """An aware, plausible time."""
    try:
        at = msgspec.convert(value, Time)
    except msgspec.ValidationError:
        return None
    return at.astimezone(UTC) if START <= at < END else None


def _id(value: Any) -> str | None:
    """A valid identifier."""
    try:
        found = msgspec.convert(value, Id)
    except msgspec.ValidationError:
        return None
    return None if next(scalar_faults(found, ROOT), None) else found
