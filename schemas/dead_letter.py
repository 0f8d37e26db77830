"""DeadLetter: what we could not process, why, and its payload."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.common import Time


class Reason(StrEnum):
    """Why an input was refused. Stable codes: dashboards, replay and tests name them."""

    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    BYTE_ORDER_MARK = "byte_order_mark"
    TOO_DEEP = "too_deep"
    MALFORMED_JSON = "malformed_json"
    DUPLICATE_KEY = "duplicate_key"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_VALUE = "unknown_value"
    BAD_TEXT = "bad_text"
    BAD_NUMBER = "bad_number"
    BAD_TIME = "bad_time"
    MAPPING_FAILED = "mapping_failed"
    TOO_LATE = "too_late"
    UNATTRIBUTED = "unattributed_outcome"
    STATE_UNREADABLE = "state_unreadable"
    HOUSEHOLD_FULL = "household_full"
    ROW_INVALID = "row_invalid"
    ROW_REJECTED = "row_rejected"
    RECORD_TOO_LARGE = "record_too_large"


PAYLOAD_BYTES = 64 * 1024
"""How much of a payload a dead letter keeps."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One refused input in one envelope, whatever refused it."""

    reason: Reason
    step: Annotated[str, Meta(description="The transform that refused it, e.g. DecodeSignals.")]
    detail: Annotated[
        str,
        Meta(description="Rule and path, e.g. `$.attributes.dwell_ms`; never a value: it may be personal."),
    ]
    payload: Annotated[bytes, Meta(description="What came in, byte for byte (cut at 64 KiB).")]
    payload_bytes: Annotated[int, Meta(ge=0, description="Its full size.")]
    occurred_at: Annotated[Time | None, Meta(description="Event time, if it could be read.")] = None
    customer_id: Annotated[str | None, Meta(description="The customer, if it could be read.")] = None

    @classmethod
    def of(
        cls,
        payload: bytes,
        *,
        reason: Reason,
        step: str,
        detail: str,
        occurred_at: datetime | None,
        customer_id: str | None,
    ) -> "DeadLetter":
        """The letter of a payload, which is cut if it is long; its full size is kept."""
        return cls(
            reason=reason,
            step=step,
            detail=detail,
            payload=payload[:PAYLOAD_BYTES],
            payload_bytes=len(payload),
            occurred_at=occurred_at,
            customer_id=customer_id,
        )
