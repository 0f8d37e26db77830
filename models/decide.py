"""DecideNextBestAction as one fold: context, funnel and ledger change together, in one state."""

from collections.abc import Callable

import msgspec

from models.context import ContextFold, ContextState
from models.folds import Counted, Output
from models.funnel import Funnel
from models.kernel import find
from models.ledger import Kin, LedgerEvent, LedgerFold, LedgerState
from models.ledger.events import time_of
from models.ledger.spots import KERNEL
from models.times import Micros
from schemas import DecisionRequest, Outcome, Signal

Event = Signal | Outcome

VERSION = 1
READS_FROM = 1
"""The oldest version that is still read."""


class _Encoded(msgspec.Struct, array_like=True, gc=False):
    """The state cell: both parts as their folds wrote them, so that each part has its own version."""

    version: int
    context: bytes
    ledger: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Encoded).decode


class DecideState(msgspec.Struct, frozen=True, gc=False):
    """All that is remembered of one customer."""

    context: ContextState
    ledger: LedgerState


Advance = Callable[[DecideState, Event], tuple[DecideState, list[Output]]]


def _compiled(context: ContextFold, funnel: Funnel, ledger: LedgerFold) -> Advance | None:
    """One event through all three parts in one call, where each has a compiled form of its own."""
    if (type(context), type(funnel), type(ledger)) != (ContextFold, Funnel, LedgerFold):
        return None  # parts of another make have ways of their own
    kernel, fast = find("ledger", KERNEL), context.fast
    if kernel is None or fast is None or funnel.ranking is None:
        return None
    advance: Advance = kernel.Advancing(
        context=(
            fast,
            context.in_python,
            context.deadline,
            context.expire,
            context.ends.silence,
            context.ends.forget is not None,
        ),
        funnel=(funnel.ranking, funnel.reference),
        ledger=(ledger.step, ledger.in_python, ledger.expire),
        deciding=ledger.compiled,
        types=(DecideState, DecisionRequest, (Outcome, Signal)),
        observed=Counted.OBSERVED,
    ).advance
    return advance


class DecideFold:
    """The fused composition: what the chained one does with two keyed steps, in one.

    The context fold says what an event means (duplicate, too late, observed, asks for a decision); the funnel
    ranks; the ledger decides. The ledger sees exactly the events that it would see as a step of its own.
    """

    def __init__(self, context: ContextFold, funnel: Funnel, ledger: LedgerFold) -> None:
        self._context = context
        self._funnel = funnel
        self._ledger = ledger
        self.advance = _compiled(context, funnel, ledger)
        """`models.folds.advance` of the kernel; None where it is not built."""

    def initial(self) -> DecideState:
        """A customer never seen."""
        return DecideState(self._context.initial(), self._ledger.initial())

    def step(
        self, state: DecideState, event: Event, kin: Kin | None = None
    ) -> tuple[DecideState, list[Output]]:
        """Fold one event; decide if it asks for it. `kin`: the other members of the household."""
        context, emitted = self._context.step(state.context, event)
        ledger, outputs = state.ledger, []
        for output in emitted:
            for_ledger = self._for_ledger(output)
            if for_ledger is None:
                outputs.append(output)
            else:
                if ledger.due is not None:
                    ledger, silent = self._ledger.expire(ledger, time_of(for_ledger))
                    outputs += silent
                ledger, decided = self._ledger.step(ledger, for_ledger, kin)
                outputs += decided
        return DecideState(context, ledger), outputs

    def ledger_of(self, state: DecideState) -> LedgerState:
        """The contact ledger."""
        return state.ledger

    def with_ledger(self, state: DecideState, ledger: LedgerState) -> DecideState:
        """The same customer with another contact ledger."""
        return DecideState(state.context, ledger)

    def _for_ledger(self, output: Output) -> LedgerEvent | None:
        """What the ledger is to see of an output of the context fold."""
        if isinstance(output, DecisionRequest):
            return self._funnel.candidates(output)
        if isinstance(output, (Outcome, Signal)):
            return output
        return None

    def deadline(self, state: DecideState) -> Micros | None:
        """When a session ends or an offer's time is up, whichever is first."""
        context, ledger = self._context.deadline(state.context), state.ledger.due
        if context is None or ledger is None:
            return ledger if context is None else context
        return min(context, ledger)

    def expire(self, state: DecideState, now: Micros) -> tuple[DecideState, list[Output]]:
        """End sessions and response windows that are due."""
        context, ended = self._context.expire(state.context, now)
        ledger, silent = self._ledger.expire(state.ledger, now)
        return DecideState(context, ledger), ended + silent

    def order(self, event: Event) -> tuple[Micros, int, str]:
        """Event time, signals before outcomes, id."""
        return self._context.order(event)

    def encode(self, state: DecideState) -> bytes:
        """One cell: a version and both parts."""
        return _encode(
            _Encoded(VERSION, self._context.encode(state.context), self._ledger.encode(state.ledger))
        )

    def decode(self, data: bytes) -> DecideState:
        """Both parts again.

        Raises:
          ValueError: Not a state of this version, or a part is unreadable.
        """
        try:
            encoded = _decode(data)
        except msgspec.DecodeError as error:
            raise ValueError(f"unreadable decision state: {error}") from error
        if not READS_FROM <= encoded.version <= VERSION:
            raise ValueError(
                f"decision state of version {encoded.version}, this code reads {READS_FROM} to {VERSION}"
            )
        return DecideState(self._context.decode(encoded.context), self._ledger.decode(encoded.ledger))

    def examine(self, state: DecideState) -> None:
        """Look closer at both parts than `decode` does.

        Raises:
          ValueError: One of them is damaged.
        """
        self._context.examine(state.context)
        self._ledger.examine(state.ledger)

    def encode_event(self, event: Event) -> bytes:
        """For the shuffle."""
        return self._context.encode_event(event)

    def decode_event(self, data: bytes) -> Event:
        """From the shuffle."""
        return self._context.decode_event(data)
