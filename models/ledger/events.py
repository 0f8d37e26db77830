"""What the ledger's fold is fed: ranked candidates, outcomes, and signals that may pause actions."""

import msgspec

from models.times import Micros, micros
from schemas.candidates import CandidateSet
from schemas.outcome import Outcome
from schemas.signal import Signal

LedgerEvent = CandidateSet | Outcome | Signal

_KINDS = {1: CandidateSet, 2: Outcome, 3: Signal}
_BYTES = {kind: bytes((byte,)) for byte, kind in _KINDS.items()}
_DECODERS: dict[int, msgspec.msgpack.Decoder[LedgerEvent]] = {
    byte: msgspec.msgpack.Decoder(kind) for byte, kind in _KINDS.items()
}
_encoder = msgspec.msgpack.Encoder()


def customer_of(event: LedgerEvent) -> str:
    """The customer it is about."""
    return event.request.customer_id if isinstance(event, CandidateSet) else event.customer_id


def time_of(event: LedgerEvent) -> Micros:
    """Event time."""
    return micros(event.request.requested_at if isinstance(event, CandidateSet) else event.occurred_at)


def order_key(event: LedgerEvent) -> tuple[Micros, int, str]:
    """Event time; signals, each before the candidates it led to; then outcomes; by id.

    That is the order in which the fused composition comes by them, so that both compositions agree.
    """
    if isinstance(event, CandidateSet):
        return micros(event.request.requested_at), 0, f"{event.request.signal_id}\0candidates"
    if isinstance(event, Signal):
        return micros(event.occurred_at), 0, f"{event.signal_id}\0"
    return micros(event.occurred_at), 1, event.outcome_id


def encode_event(event: LedgerEvent) -> bytes:
    """A byte for the kind of event, and msgpack."""
    return _BYTES[type(event)] + _encoder.encode(event)


def decode_event(data: bytes) -> LedgerEvent:
    """The event again.

    Raises:
      ValueError: Not a ledger's event.
    """
    decoder = _DECODERS.get(data[0]) if data else None
    if decoder is None:
        raise ValueError("not an event of the ledger")
    return decoder.decode(memoryview(data)[1:])
