"""Log lines: one JSON object per notable event, of fields that are on a list; whatever is not, is dropped.

A line can hold no personal data by accident: each event has its fields, and each field a form that no name, number or
address of a customer has. What does not have the form of its field is dropped, too.
"""

import json
import re
from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Literal

from models.identity import fingerprint

Severity = Literal["INFO", "WARNING", "ERROR"]

_DIGEST = "[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{64}"
_WORD = r"[a-z][a-z_]{0,63}"

FORMS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.]{0,7}\+00:00"),
        "severity": re.compile("INFO|WARNING|ERROR"),
        "event": re.compile(_WORD),
        "reason": re.compile(_WORD),
        "step": re.compile("[A-Z][A-Za-z_]{0,63}"),
        "decision_id": re.compile("[0-9a-f]{32}"),
        "trace": re.compile("[0-9a-f]{32}"),
        "span_id": re.compile("[0-9a-f]{16}"),
        "pipeline_version": re.compile(r"\d{1,4}(\.\d{1,6}){1,3}([.+-]?[a-z]\w{0,20})?|unreleased"),
        "plan_digest": re.compile(_DIGEST),
        "model_digest": re.compile(f"{_DIGEST}|none"),
        "customer": re.compile("[0-9a-f]{24}"),
        "heartbeat": re.compile("[0-9a-f]{32}|scheduled"),
        "age_ms": re.compile(r"\d{1,12}"),
        "table": re.compile(r"[a-z][a-z0-9.:-]{4,80}\.\w{1,100}\.[a-z_]{1,40}"),
        "error": re.compile(r"[A-Za-z_]{1,64}( \d{3})?"),
        "where": re.compile(r"[\w./-]{1,120}:\d{1,6}"),
        "held_back": re.compile(r"\d{1,9}"),
        "detail": re.compile(r"[\s\S]{1,2000}"),
    }
)
"""Every field, and the form of its values."""

_ALWAYS = frozenset({"time", "severity", "event", "pipeline_version", "held_back"})
_OF_DECISION = frozenset(
    {"decision_id", "reason", "trace", "span_id", "plan_digest", "model_digest", "customer"}
)

EVENTS: Mapping[str, tuple[Severity, frozenset[str]]] = MappingProxyType(
    {
        "decision": ("INFO", _OF_DECISION),
        "dead_letter": ("WARNING", frozenset({"reason", "step", "customer"})),
        "state_unreadable": ("ERROR", frozenset({"step", "customer"})),
        "heartbeat": ("INFO", frozenset({"heartbeat", "age_ms", "plan_digest", "trace", "span_id"})),
        "step_failed": ("ERROR", frozenset({"error", "where"})),
        "pepper_missing": ("WARNING", frozenset({"error"})),
        "sink_waiting": ("WARNING", frozenset({"table", "error"})),
        # Their detail is about the bank's own plan, which is no personal data, and says how to mend it.
        "plan_reloaded": ("INFO", frozenset({"plan_digest"})),
        "plan_unreadable": ("WARNING", frozenset({"plan_digest", "error"})),
        "plan_refused": ("WARNING", frozenset({"plan_digest", "detail"})),
        "limits_unpublished": ("WARNING", frozenset({"plan_digest", "table", "error"})),
    }
)
"""Every notable event: how severe it is, and its fields beside those that all have."""


def line(event: str, fields: Mapping[str, Any]) -> str:
    """One event as JSON, on one line. Fields that it does not have, or of another form, are left out.

    Raises:
      KeyError: There is no such event.
    """
    severity, own = EVENTS[event]
    told = {"severity": severity, "event": event}
    for name, value in fields.items():
        if name in own or name in _ALWAYS:
            text = str(value)
            if FORMS[name].fullmatch(text):
                told[name] = text
    return json.dumps(told)


def pseudonym(customer_id: str, pepper: bytes | None) -> str | None:
    """The same mark for the same customer, in the logs of those who share the pepper; None without one.

    Args:
      customer_id: Whose.
      pepper: A secret key: without it, ids could be tried until one fits. At least 16 bytes.

    Raises:
      ValueError: The pepper is too short to keep anything secret.
    """
    if pepper is None:
        return None
    if len(pepper) < 16:
        raise ValueError("a pepper has at least 16 bytes")
    text = customer_id.encode("utf-8", "surrogatepass")
    return blake2b(text, key=pepper[:64], digest_size=12, person=b"nextbeam-log").hexdigest()


def sampled(name: str, share: float) -> bool:
    """Whether what is called `name` is of a share of all; the same name always is, or never."""
    return int.from_bytes(fingerprint(name), "big") < share * 2**64


class Quota:
    """How often something may be told: so many times a minute of a kind, and then how many were held back.

    Args:
      per_minute: Of each kind.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._kinds: dict[str, tuple[float, int, int]] = {}

    def ask(self, kind: str, now_s: float) -> int | None:
        """How many of the kind were held back before, if this one may be told; None: it may not.

        Args:
          kind: There are few: names of events and reasons.
          now_s: By any clock that never goes back.
        """
        since, told, held = self._kinds.get(kind, (now_s, 0, 0))
        if now_s - since >= 60:
            since, told = now_s, 0
        if told >= self._per_minute:
            self._kinds[kind] = (since, told, held + 1)
            return None
        self._kinds[kind] = (since, told + 1, 0)
        return held
