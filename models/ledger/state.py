"""The contact ledger's state of one customer, as it is kept between steps. `models.ledger.book` is what a step changes.

Bounds: at most `contact.keep` contacts (more only by offers that a channel first reports as lost and then as seen), at
most `contact.keep` open offers (the oldest are closed first; their silence then says nothing), `dedupe.keep` decision
ids, `models.ledger.influences.MOST_MARKS` outcomes that move priorities, and per suppression rule and unit what
`models.ledger.suppressions` says. Everything goes once nothing is needed.
"""

from collections.abc import Callable, Sequence
from operator import le
from typing import NamedTuple

import msgspec

from models.kernel import find
from models.ledger.attribution import OpenDecision
from models.ledger.influences import Mark
from models.ledger.spots import KERNEL, Spot, spot_of
from models.ledger.suppressions import Pause
from models.stored import EARLIEST, LATEST, Moment, Number, Past, Stored
from models.times import NEVER, Micros, moment
from schemas.common import Direction, MessageClass
from schemas.decision import LedgerNote

VERSION = 2
READS_FROM = 1
"""The oldest version that is still read."""
"""1: without `committed`, and with spots that know neither brand nor direction. Still read."""


MOST_NOTES = 64

NOTES_LOST = "notes-lost"
"""Rule id of a note that stands for itself and for all notes before it, back to the latest record: there were more
than `MOST_NOTES`. Nothing else depends on notes, so the ledger goes on; only a replay cannot go past it."""


class Noted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A change by a signal that no record tells of yet."""

    sequence: Number
    signal_id: str
    at: Moment
    rule: str
    action: str
    unit: str = ""

    def told(self) -> LedgerNote:
        """As a record tells of it."""
        return LedgerNote(
            sequence=self.sequence,
            signal_id=self.signal_id,
            noted_at=moment(self.at),
            rule=self.rule,
            action=self.action,
            unit=self.unit,
        )


class Entry(NamedTuple):
    """What a record says of its place in the ledger: the change that it is, and those by signals before it."""

    sequence: int
    since: Micros
    notes: tuple[LedgerNote, ...]


class Kin(NamedTuple):
    """The other members of the customer's household, as a decision sees them."""

    ledgers: tuple["LedgerState", ...]
    forgotten: Micros = -NEVER
    """Up to when a ledger of the household was forgotten as a whole."""


class LedgerState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is remembered of one customer's contacts. Spots and origins are strings, kept once, pointed to by position.

    Contacts are three aligned tuples, ascending by time: those reserved or committed, not those released.
    """

    customer_id: str = ""
    clock: Past = -NEVER
    """The latest event time of a change. What changes nothing (an outcome that answers nothing, a duplicate) does not
    move it, so that the state follows from the changes recorded, whatever else came by."""
    sequence: Number = 0
    """Number of the latest change."""
    due: Stored | None = None
    """When something is due next."""
    lost_until: Stored = -NEVER
    """Until when contacts may have been made that we do not know of."""
    decided: tuple[int, ...] = ()
    """Hashes of the latest decision ids."""
    origins: tuple[str, ...] = ()
    spots: tuple[str, ...] = ()
    times: tuple[Micros, ...] = ()
    items: tuple[int, ...] = ()
    open: tuple[OpenDecision, ...] = ()
    pauses: tuple[Pause, ...] = ()
    since: Past = -NEVER
    """Event time of the first change."""
    notes: tuple[Noted, ...] = ()
    """Changes by signals since the latest record, `MOST_NOTES` at most."""
    committed: tuple[bool, ...] = ()
    """Whether each contact was committed, aligned with `times`."""
    marks: tuple[Mark, ...] = ()
    """Outcomes that move priorities, ascending by time."""
    forgotten: Past = -NEVER
    """Time of the latest contact that time made us forget: a limit that looks back to it cannot know how many
    there were. The plan that forgot it had no such limit; the next one may."""
    gaps: tuple[tuple[int, Moment], ...] = ()
    """Spots, each with the time of the latest contact there that is not remembered because no limit needed it."""
    erased: Moment | None = None
    """Up to when the customer was erased: what was before, or at it, is answered by nothing and revives nothing."""


_encoder = msgspec.msgpack.Encoder()
_decode = msgspec.msgpack.Decoder(LedgerState).decode
_COPIED = 2_048
"""Below so many bytes a copy is cheaper than a view."""
_SEPARATOR = "\x1f"
_LEAST_OF_SPOT = len(Spot._fields) - len(Spot._field_defaults)
_LEAST_OF_ORIGIN = 3
"""Brand, plan and model; once, there was no arm."""


_HEAD = bytes((VERSION,))
_WHOLE = _HEAD + _encoder.encode(LedgerState())[:3]
"""How the bytes begin that this code writes: its version, and as many fields as it knows."""
_BEGINS = len(_WHOLE)

_latest: tuple[LedgerState | None, bytes] = (None, b"")
"""What was read or written last: most events leave the ledger as it is, so it need not be written anew."""


def encode_state(state: LedgerState) -> bytes:
    """A version byte and msgpack."""
    global _latest  # noqa: PLW0603
    known, data = _latest
    if known is not state:
        data = _HEAD + _encoder.encode(state)
        _latest = (state, data)
    return data


def decode_state(data: bytes) -> LedgerState:
    """The state again.

    Raises:
      ValueError: Not a ledger's state, or of a version that this code cannot read, or damaged. `examine` looks at the
        texts, too.
    """
    global _latest  # noqa: PLW0603
    whole = data[:_BEGINS] == _WHOLE
    version = VERSION if whole else _version(data)
    try:
        state = _decode(data[1:] if len(data) < _COPIED else memoryview(data)[1:])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"unreadable ledger state: {error}") from None
    if version == 1:  # which contacts were committed was not written: all of them count
        state = msgspec.structs.replace(state, committed=(True,) * len(state.times))
    if not _pointing(state):
        raise ValueError(
            "unreadable ledger state: positions do not match the tables, or times are out of order"
        )
    if whole:
        _latest = (state, data)
    return state


def _version(data: bytes) -> int:
    version = data[0] if data else None
    if version is None or not READS_FROM <= version <= VERSION:
        raise ValueError(f"ledger state of version {version}; this code reads {READS_FROM} to {VERSION}")
    return version


def pointing(state: LedgerState) -> bool:
    """Whether the columns are aligned, every position is one of its table, and times are moments and ascend.

    It was opened at a moment or not at all, and has one gap at a spot.
    """
    offered = [offer.item for decision in state.open for offer in decision.offers]
    items = [*state.items, *offered, *(item for item, _ in state.gaps)]
    origins = [decision.origin for decision in state.open]
    aligned = len(state.times) == len(state.items) == len(state.committed)
    told = EARLIEST <= state.since < 2**63 or state.since == -NEVER  # more is none to the kernel, either
    single = len(dict(state.gaps)) == len(state.gaps)
    ascending = _ascending(state.times) and _ascending([decision.at for decision in state.open])
    sound = aligned and told and single and ascending
    return sound and _point_into(items, state.spots) and _point_into(origins, state.origins)


def examine(state: LedgerState) -> None:
    """Look at what `decode_state` takes as it is.

    Raises:
      ValueError: A spot or an origin is none.
    """
    for key in state.spots:
        if not _LEAST_OF_SPOT <= key.count(_SEPARATOR) + 1 <= len(Spot._fields):
            raise ValueError("unreadable ledger state: a spot of too few or too many parts")
        spot = spot_of(key)
        MessageClass(spot.message_class)
        Direction(spot.direction or Direction.INBOUND)
    if not all(key.count(_SEPARATOR) >= _LEAST_OF_ORIGIN - 1 for key in state.origins):
        raise ValueError("unreadable ledger state: an origin of too few parts")


def _ascending(times: Sequence[Micros]) -> bool:
    if not times:
        return True
    return times[0] >= EARLIEST and times[-1] <= LATEST and all(map(le, times, times[1:]))


def _point_into(positions: Sequence[int], table: Sequence[str]) -> bool:
    return not positions or (min(positions) >= 0 and max(positions) < len(table))


_kernel = find("ledger", KERNEL)
_pointing: Callable[[LedgerState], bool] = pointing if _kernel is None else _kernel.pointing
