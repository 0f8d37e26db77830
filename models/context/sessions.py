"""Sessions of one customer: opened, extended, joined and ended by event time, in whatever order events arrive.

A session is a run of behavioural signals without a silence longer than the gap; exactly the gap still belongs to
it. Sessions span devices, brands and channels. Where the plan says `declared`, signals that carry the channel's
session id are kept apart by it, each id by the same rule, so several sessions may be open at once.

A late event extends the session it falls in, opens one in the past, or joins two: they become one, with the id and
number of the one that was opened first. An id never changes while a session is open, although a late event may have
become the first. Outcomes and `profile` signals make no session.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import msgspec

from models.features import NOTHING, FeatureProgram, Slots
from models.features.memory import holds
from models.identity import FINGERPRINT_BYTES, fingerprint, session_id
from models.plan.spec import PlanSpec
from models.stored import Lead, Moment, Number
from models.times import SECOND, Micros, duration, moment
from schemas import SessionContext, SessionSummary, Signal
from schemas.session import FeatureValue, TypeCount

MAX_OPEN = 16
"""Most sessions open at once; beyond, the one silent for longest ends early."""

MAX_DEVICES = 32
"""Most different devices counted in one session; there the count stays."""

MAX_STARTS = 16
"""Most declared sessions whose start is remembered to recognise a stale id."""


class OpenSession(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A session that can still be extended. Its size is bounded by the plan's vocabulary and features."""

    session_id: str
    number: Number
    declared: bool
    first_at: Moment
    last_at: Moment
    lead: Lead = 0
    """How much before its first event it started."""
    events: Number = 0
    decisions: Number = 0
    by_type: dict[str, Number] = {}
    channels: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    devices: bytes = b""
    slots: dict[int, Any] = {}

    @property
    def started_at(self) -> Micros:
        """When it started: its first event, or what that reports."""
        return self.first_at - self.lead

    def summary(self) -> SessionSummary:
        """The session as it stands."""
        return SessionSummary(
            session_id=self.session_id,
            number=self.number,
            started_at=moment(self.started_at),
            last_at=moment(self.last_at),
            events=self.events,
        )


class Arrival(NamedTuple):
    """One behavioural signal on its way into its session."""

    signal: Signal
    at: Micros
    tie: str
    matches: tuple[bool, ...]
    asks: bool
    settled: Micros
    """Nothing earlier than this can still come."""


class Joined(NamedTuple):
    """What became of an arrival: its session, what that remembered without it, and all open sessions."""

    session: OpenSession
    before: Slots
    sessions: tuple[OpenSession, ...]
    opened: bool
    evicted: tuple[OpenSession, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SessionRules:
    """How signals become sessions under one plan."""

    gap: Micros
    longest: Micros | None
    declared: bool
    leads: dict[str, Micros]
    program: FeatureProgram
    digest: str

    @classmethod
    def of(cls, spec: PlanSpec, program: FeatureProgram, digest: str) -> "SessionRules":
        """The rules of a plan."""
        session = spec.session
        return cls(
            gap=duration(session.gap),
            longest=duration(session.longest) if session.longest else None,
            declared=session.by == "declared",
            leads={name: duration(lead) for name, lead in session.lead.items()},
            program=program,
            digest=digest,
        )

    def declared_id(self, signal: Signal) -> str | None:
        """The session id that counts, if the signal has one."""
        return signal.session_id if self.declared else None

    def join(self, sessions: tuple[OpenSession, ...], arrival: Arrival, number: int) -> Joined:
        """Put a signal where it belongs. `number`: of the session that it opens, if it opens one."""
        name = self.declared_id(arrival.signal)
        touched: list[OpenSession] = []
        others: list[OpenSession] = []
        for session in sessions:
            (touched if self._touches(session, name, arrival.at) else others).append(session)
        if not touched:
            session, before = self._extended(self._opened(arrival, name, number), arrival), NOTHING
        else:
            base = reduce(self._merged, touched)  # more than two where another plan had a shorter gap
            session, before = self._extended(base, arrival), base.slots
        kept, evicted = _evict(others)
        ordered = tuple(sorted([*kept, session], key=_start)) if kept else (session,)
        return Joined(session, before, ordered, not touched, evicted)

    def end(self, session: OpenSession, customer_id: str, customer: dict[str, Any]) -> SessionContext:
        """The record of a session that nothing can extend any more."""
        features = self.program.session_values(
            session.last_at,
            None,
            customer,
            (session.started_at, session.number),
            session.slots,
            session.slots,
            NOTHING,
            NOTHING,
        )
        named = zip(self.program.session_columns, features, strict=True)
        return SessionContext(
            session_id=session.session_id,
            customer_id=customer_id,
            number=session.number,
            started_at=moment(session.started_at),
            ended_at=moment(session.last_at),
            duration_s=(session.last_at - session.started_at) / SECOND,
            events=session.events,
            by_type=tuple([TypeCount(type=t, events=n) for t, n in sorted(session.by_type.items())]),
            channels=session.channels,
            brands=session.brands,
            devices=len(session.devices) // FINGERPRINT_BYTES,
            decisions=session.decisions,
            features=tuple([FeatureValue(name=name, value=value) for name, value in named]),
            plan_digest=self.digest,
        )

    def _touches(self, session: OpenSession, name: str | None, at: Micros) -> bool:
        if session.declared != (name is not None) or (name is not None and session.session_id != name):
            return False
        return session.first_at - self.gap <= at <= session.last_at + self.gap

    def _opened(self, arrival: Arrival, name: str | None, number: int) -> OpenSession:
        signal, at = arrival.signal, arrival.at
        return OpenSession(
            session_id=name if name is not None else session_id(signal.customer_id, signal.signal_id),
            number=number,
            declared=name is not None,
            first_at=at,
            last_at=at,
            lead=self.leads.get(signal.type, 0),
        )

    def _extended(self, session: OpenSession, arrival: Arrival) -> OpenSession:
        signal, at = arrival.signal, arrival.at
        slots = self.program.remember(
            session.slots, signal, arrival.matches, at, arrival.tie, arrival.settled
        )
        lead = self.leads.get(signal.type, 0) if self.leads else 0
        return OpenSession(
            session_id=session.session_id,
            number=session.number,
            declared=session.declared,
            first_at=min(at, session.first_at),
            last_at=max(at, session.last_at),
            lead=_lead(session.first_at, session.lead, at, lead),
            events=session.events + 1,
            decisions=session.decisions + arrival.asks,
            by_type={**session.by_type, signal.type: session.by_type.get(signal.type, 0) + 1},
            channels=_with(session.channels, signal.channel),
            brands=_with(session.brands, signal.brand),
            devices=_with_device(session.devices, signal.device_id),
            slots=slots,
        )

    def _merged(self, earlier: OpenSession, later: OpenSession) -> OpenSession:
        """Two sessions as one; `earlier` is the one that starts first."""
        first = min(earlier, later, key=lambda session: session.number)
        counts = dict(earlier.by_type)
        for name, events in later.by_type.items():
            counts[name] = counts.get(name, 0) + events
        return OpenSession(
            session_id=first.session_id,
            number=first.number,
            declared=first.declared,
            first_at=earlier.first_at,
            last_at=max(earlier.last_at, later.last_at),
            lead=_lead(earlier.first_at, earlier.lead, later.first_at, later.lead),
            events=earlier.events + later.events,
            decisions=earlier.decisions + later.decisions,
            by_type=counts,
            channels=tuple(sorted({*earlier.channels, *later.channels})),
            brands=tuple(sorted({*earlier.brands, *later.brands})),
            devices=_all_devices(earlier.devices, later.devices),
            slots=self.program.merge(earlier.slots, later.slots),  # type: ignore[arg-type]
        )


class Starts(NamedTuple):
    """When the latest declared sessions started, by fingerprint of their id; oldest use first."""

    entries: tuple[tuple[bytes, Micros], ...]

    def of(self, name: str) -> Micros | None:
        """When the session with this declared id started, if that is remembered."""
        return dict(self.entries).get(fingerprint(name))

    def noted(self, name: str, at: Micros) -> "Starts":
        """With one more event of a declared session."""
        mark, known = fingerprint(name), dict(self.entries)
        started = min(at, known.pop(mark, at))
        return Starts((*known.items(), (mark, started))[-MAX_STARTS:])


def _evict(sessions: list[OpenSession]) -> tuple[list[OpenSession], tuple[OpenSession, ...]]:
    """Make room for one more session."""
    if len(sessions) < MAX_OPEN:
        return sessions, ()
    silent = min(sessions, key=lambda session: (session.last_at, session.number))
    return [session for session in sessions if session is not silent], (silent,)


def _start(session: OpenSession) -> tuple[Micros, int]:
    return session.first_at, session.number


def _lead(first_at: Micros, lead: Micros, at: Micros, other: Micros) -> Micros:
    """The lead of the earlier of two; of the shorter at the same time."""
    if at == first_at:
        return min(lead, other)
    return lead if first_at < at else other


def _with(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return names if name in names else tuple(sorted((*names, name)))


def _with_device(devices: bytes, device: str | None) -> bytes:
    return devices if device is None else _all_devices(devices, fingerprint(device))


def _all_devices(devices: bytes, more: bytes) -> bytes:
    for place in range(0, len(more), FINGERPRINT_BYTES):
        mark = more[place : place + FINGERPRINT_BYTES]
        if not holds(devices, mark) and len(devices) < MAX_DEVICES * FINGERPRINT_BYTES:
            devices += mark
    return devices
