"""The attributes of a published record: what subscribers filter and route by, without opening it."""

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import msgspec

from schemas.dead_letter import DeadLetter
from schemas.decision import Decision
from schemas.derivation.fields import Field, fields_of
from schemas.feedback import Feedback
from schemas.heartbeat import Heartbeat

LONGEST = 1024
"""Bytes that Pub/Sub takes as the value of an attribute."""

TRACE = "traceparent"
"""The attribute that carries the trace context, in W3C's name, on what comes in and on what goes out."""

_TRACE = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

Attributes = dict[str, str]


def is_trace(text: str) -> bool:
    """Whether a text is a `traceparent` as W3C has it: 55 characters with room for nothing else.

    What later versions may append is not passed on: it could say anything.
    """
    return _TRACE.fullmatch(text) is not None


@cache
def schema_version(contract: type[msgspec.Struct]) -> str:
    """`1.N`, where N is the number of fields of the contract in depth: fields are only ever added."""
    return f"1.{_count(fields_of(contract))}"


def _count(fields: Iterable[Field]) -> int:
    return sum(1 + _count(field.fields) for field in fields)


def attributes(record: msgspec.Struct) -> Attributes:
    """The attributes of a decision, a feedback, a dead letter or a heartbeat. No value is longer than Pub/Sub takes.

    `schema` and `schema_version` say how to read the record. What is several (the channels of a decision's offers)
    is joined by commas; `to_CHANNEL` is there for each channel offered in, since filters cannot look into a list.
    """
    own = _ATTRIBUTES[type(record)](record)
    named = {"schema": type(record).__name__, "schema_version": schema_version(type(record)), **own}
    return {name: _cut(value) for name, value in named.items() if value}


def _of_decision(decision: Decision) -> Attributes:
    channels = _distinct(offer.channel for offer in decision.offers)
    return {
        "decision_id": decision.decision_id,
        "signal_id": decision.signal_id,
        "brand": decision.brand,
        "channel": ",".join(channels) or decision.channel,
        "direction": decision.direction,
        "placement": ",".join(_distinct(decision.placements)),
        "offers": str(len(decision.offers)),
        "plan_digest": decision.plan_digest,
        TRACE: _trace(decision.trace),
        **{f"to_{channel}": "1" for channel in channels},
    }


def _of_feedback(feedback: Feedback) -> Attributes:
    return {
        "decision_id": feedback.decision_id,
        "brand": feedback.brand,
        "channel": feedback.channel,
        "placement": feedback.placement,
        "action": feedback.action,
        "outcome": feedback.outcome,
        TRACE: _trace(feedback.trace),
    }


def _of_heartbeat(heartbeat: Heartbeat) -> Attributes:
    return {
        "heartbeat_id": heartbeat.heartbeat_id,
        "plan_digest": heartbeat.plan_digest,
        TRACE: _trace(heartbeat.trace),
    }


def _of_dead_letter(letter: DeadLetter) -> Attributes:
    return {"reason": letter.reason, "step": letter.step}


_ATTRIBUTES: dict[type, Callable[[Any], Attributes]] = {
    Decision: _of_decision,
    Feedback: _of_feedback,
    DeadLetter: _of_dead_letter,
    Heartbeat: _of_heartbeat,
}


def _trace(text: str | None) -> str:
    """A trace context, if it is one: attributes are read by those who may not read the record."""
    return text if text and is_trace(text) else ""


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _cut(value: str) -> str:
    return value.encode()[:LONGEST].decode(errors="ignore")
