"""The decoder: payload in; signal, outcome or rejection out."""

from collections.abc import Callable
from datetime import UTC
from typing import Any, NamedTuple

import msgspec

from models.decoding.json_text import read_object, text_fault
from models.decoding.quick import Quick, quick, quick_check
from models.decoding.rejection import ROOT, Rejection, refuse
from models.decoding.structure import structure_fault
from models.decoding.vocabulary import Check, outcome_check, signal_check
from models.mapping import Contract, Direct, MappingError, Reshape, SkippedError
from models.plan.spec import PlanSpec
from models.times import Micros
from schemas import Outcome, Reason, Signal

MAX_BYTES = 64 * 1024


class Skipped(NamedTuple):
    """A row that an import mapping leaves out by its own rule."""

    rule: str


Decoded = Signal | Outcome | Rejection | Skipped
"""What becomes of a payload; `Skipped` only with a mapping."""


class Decoder:
    """Decodes payloads of one kind, strictly: nothing is repaired, guessed or silently changed.

    The checks, in this order: size, encoding and JSON (`models.decoding.json_text`), the contract's structure, and
    the plan's vocabulary. Fields the contract does not have are tolerated. Text is kept exactly. A time is kept as
    its instant, in UTC, to the microsecond; finer digits are rounded.

    Args:
      contract: What payloads are, when they are not reshaped.
      spec: The plan whose names are known; None: any name is.
      max_bytes: Largest payload that is looked at.
      latest: Latest event time that is taken, inclusive; None: anything before 2100.
      reshape: A compiled import mapping; then a payload is a row of it, and becomes a signal or an outcome.

    It pickles if `reshape` does.
    """

    def __init__(
        self,
        contract: Contract,
        spec: PlanSpec | None = None,
        *,
        max_bytes: int = MAX_BYTES,
        latest: Micros | None = None,
        reshape: Reshape | None = None,
    ) -> None:
        self._made_of = (contract, spec, max_bytes, latest, reshape)
        self._contract: Contract = contract
        self._max_bytes = max_bytes
        self._reshape = reshape
        self._makes_text = getattr(reshape, "makes_text", True)
        self._checks: dict[Any, Check] = {
            Signal: signal_check(spec, latest),
            Outcome: outcome_check(spec, latest),
        }
        self._quick = self._short_way(quick_check(spec, latest))

    def __reduce__(self) -> tuple[Any, ...]:
        return _decoder, self._made_of

    def decode(self, payload: bytes) -> Decoded:
        """The event that `payload` certainly is, or why it is none. Never raises."""
        if self._quick is not None and len(payload) <= self._max_bytes:
            try:
                event = self._quick(payload)
            except SkippedError as rule:
                return Skipped(str(rule))
            if event is not None:
                return event
        return self.reference(payload)

    def reference(self, payload: bytes) -> Decoded:
        """The same the long way, which says what is right."""
        if len(payload) > self._max_bytes:
            return refuse(Reason.TOO_LARGE, ROOT, f"more than {self._max_bytes} bytes")
        fields = read_object(payload)
        if fields.__class__ is not dict:
            return fields  # type: ignore[return-value]  # then it is a rejection
        if self._reshape is None:
            return self._admit(self._contract, fields)
        return self._admit_row(self._reshape, fields, examined=not self._makes_text)

    def decode_row(self, row: dict[str, Any]) -> Decoded:
        """The event that a row of a table is, or why it is none; it was read already, by others. Never raises."""
        return self._admit_row(self._reshape, row) if self._reshape else self._admit(self._contract, row)

    def _short_way(self, good: Callable[[Signal], bool] | None) -> Quick | None:
        if good is None:
            return None
        compiled: Callable[[], Direct | None] = getattr(self._reshape, "direct", lambda: None)
        direct = compiled()
        if self._reshape is not None and direct is None:
            return None
        outcome_fault = self._checks[Outcome]
        return quick(
            self._contract, direct, {Signal: good, Outcome: lambda event: outcome_fault(event) is None}
        )

    def _admit(self, contract: Contract, fields: Any) -> Decoded:
        try:
            event = msgspec.convert(fields, contract)
        except (msgspec.ValidationError, OverflowError):
            return structure_fault(fields, contract)
        if fault := self._checks[contract](event):
            return fault
        if event.occurred_at.tzinfo is not UTC:  # as it will be after the first coder
            msgspec.structs.force_setattr(event, "occurred_at", event.occurred_at.astimezone(UTC))
        return event

    def _admit_row(self, reshape: Reshape, row: dict[str, Any], *, examined: bool = False) -> Decoded:
        try:
            contract, fields = reshape(row)
        except SkippedError as rule:
            return Skipped(str(rule))
        except MappingError as error:
            return Rejection(error.reason, str(error))
        # What the mapping took out of text, JSON in a column say, has not been looked at yet.
        return (None if examined else text_fault(fields)) or self._admit(contract, fields)


def _decoder(
    contract: Contract, spec: PlanSpec | None, max_bytes: int, latest: Micros | None, reshape: Reshape | None
) -> Decoder:
    return Decoder(contract, spec, max_bytes=max_bytes, latest=latest, reshape=reshape)
