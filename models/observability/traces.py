"""Trace contexts as W3C has them, and what log lines say of one."""

from typing import NamedTuple

from schemas.routing import is_trace


class TraceContext(NamedTuple):
    """What `traceparent` names."""

    trace: str
    span_id: str
    sampled: bool


def trace_context(text: str | None) -> TraceContext | None:
    """The context; None if there is none, or if it is malformed."""
    if text is None or not is_trace(text):
        return None
    _, trace, span, flags = text.split("-")
    return TraceContext(trace, span, bool(int(flags, 16) & 1))
