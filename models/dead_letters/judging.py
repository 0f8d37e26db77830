"""Where a dead letter goes when it is tried again, if it would be taken there now.

What was refused at the door goes back as it came; what a step further in refused is an event, told by its fields.
Rows that a table refused are no inputs: the decision was made and published, so only the row is tried again.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from models.decoding import Decoder, Rejection, Skipped
from models.mapping import Reshape
from models.plan.spec import PlanSpec
from schemas import DeadLetter, Outcome, Reason, Signal
from schemas.row_check import record_check

_SIGNALS_STEP, _OUTCOMES_STEP = "DecodeSignals", "DecodeOutcomes"
_WRITE, _PUBLISH = "Write_", "Publish_"
_ROWS = frozenset({Reason.ROW_INVALID, Reason.ROW_REJECTED})


class Target(StrEnum):
    """Where something is tried again."""

    SIGNALS = "signals"
    OUTCOMES = "outcomes"
    ROWS = "rows"


class Send(NamedTuple):
    """It would be taken now."""

    target: Target
    payload: bytes
    table: str = ""
    """The table, of rows."""


class Keep(NamedTuple):
    """It would not, or is not to be sent."""

    why: str


Verdict = Send | Keep


class _Shape(msgspec.Struct):
    """The fields by which events of ours are told apart."""

    signal_id: Any = None
    outcome_id: Any = None
    requested_at: Any = None


_shape = msgspec.json.Decoder(_Shape).decode


class Judge:
    """Says what becomes of letters under a plan.

    Args:
      spec: The plan whose names are known.
      reshape: The import mapping of the input of signals, if its lines are rows of one.
      tables: The contract of each table.
    """

    def __init__(
        self,
        spec: PlanSpec | None,
        reshape: Reshape | None = None,
        tables: Mapping[str, type[msgspec.Struct]] | None = None,
    ) -> None:
        self._mapped = reshape is not None
        self._tables = tables or {}
        self._rows = Decoder(Signal, spec, reshape=reshape)
        self._signals = Decoder(Signal, spec)
        self._outcomes = Decoder(Outcome, spec)

    def verdict(self, letter: DeadLetter) -> Verdict:
        """What to do with a letter, and why. Never raises."""
        if len(letter.payload) < letter.payload_bytes:
            return Keep(f"only the first {len(letter.payload):,} bytes of its payload were kept")
        if letter.step == _SIGNALS_STEP:
            return _decoded(self._rows, Target.SIGNALS, letter)
        if letter.step == _OUTCOMES_STEP:
            return _decoded(self._outcomes, Target.OUTCOMES, letter)
        if letter.reason in _ROWS or letter.step.startswith(_WRITE):
            return self._row(letter)
        if letter.step.startswith(_PUBLISH):
            return Keep("it is a record of ours that was too large for a message, no input")
        return self._event(letter)

    def _event(self, letter: DeadLetter) -> Verdict:
        """What a step further in refused: a signal or an outcome, as the pipeline understood it."""
        try:
            shape = _shape(letter.payload)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return Keep("its payload is no event")
        if shape.outcome_id is not None:
            return _decoded(self._outcomes, Target.OUTCOMES, letter)
        if shape.requested_at is not None:
            return Keep("it is a request between two steps of a chained job: send the signal that asked")
        if shape.signal_id is None:
            return Keep("its payload is neither a signal nor an outcome")
        if self._mapped:
            return Keep(
                "it is a signal already, and the input is read by a mapping: replay it with --mapping none"
            )
        return _decoded(self._signals, Target.SIGNALS, letter)

    def _row(self, letter: DeadLetter) -> Verdict:
        table = letter.step.removeprefix(_WRITE)
        contract = self._tables.get(table)
        if contract is None:
            return Keep("no table of ours is named by its step")
        try:
            fault = record_check(contract)(msgspec.json.decode(letter.payload, type=contract))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return Keep(f"its payload is no {contract.__name__} as this version has it")
        return Keep(f"still no row: {fault}") if fault else Send(Target.ROWS, letter.payload, table)


def _decoded(decoder: Decoder, target: Target, letter: DeadLetter) -> Verdict:
    event = decoder.decode(letter.payload)
    if isinstance(event, Rejection):
        return Keep(f"{event.reason.value}: {event.detail}")
    if isinstance(event, Skipped):
        return Keep(f"the mapping leaves it out: {event.rule}")
    return Send(target, letter.payload)
