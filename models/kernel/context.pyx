# cython: language_level=3, wraparound=False, nonecheck=True, cdivision=True, initializedcheck=False
"""The context of a customer, compiled: what every event pays before anything is decided.

`micros`, `moment`, `fingerprint` and `hex_of_two` are `models.times` and `models.identity`; `Feeds` is how
`models.features.FeatureProgram` remembers, `Values` its columns; `Steps` is `models.context.ContextFold.step` for the
event that comes in time, is no duplicate, and opens a session or goes on with the only one that is open; `Ends` is
its `expire`.
"""

import datetime
import math
import operator
import sys

cimport cpython.datetime as cdt
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Next, PyDict_Size
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.math cimport exp, fabs, pow
from libc.string cimport memcmp, memcpy, memset


cdef extern from "Python.h":
    PyObject *PyDict_GetItemWithError(object, object) except? NULL
    object PyObject_Vectorcall(object, PyObject **, size_t, PyObject *)
    bint PyUnicode_IS_COMPACT_ASCII(object)
    void *PyUnicode_DATA(object)
    Py_ssize_t PyUnicode_GET_LENGTH(object)
    object PyUnicode_DecodeASCII(const char *, Py_ssize_t, const char *)


VERSION = 5

if sys.byteorder != "little":
    raise ImportError("fingerprints and packed series are read as little-endian words")

include "context_identity.pxi"
include "struct_fields.pxi"
include "context_fields.pxi"
include "context_memory.pxi"
include "context_packed.pxi"
include "context_asking.pxi"
include "context_values.pxi"
include "context_ending.pxi"

cdef Py_ssize_t _MAX_DEVICES = 8 * 32
cdef tuple _SUMMARY = ("session_id", "number", "started_at", "last_at", "events")
cdef tuple _SNAPSHOT = ("sequence", "session", "customer", "features")
cdef tuple _REQUEST = (
    "decision_id", "signal_id", "customer_id", "requested_at", "brand", "channel", "direction", "placements",
    "trigger", "page", "attributes", "context", "plan_digest", "trace", "household_id", "arm",
)


cdef class Steps:
    """One plan's `ContextFold.step` for what nearly all events are; None for all others."""

    cdef long long late, gap
    cdef Py_ssize_t keep, max_fact, max_open
    cdef bint by_declared, limited, forgets, looks
    cdef object signal_type, state_type, session_type, summary_type, snapshot_type, request_type
    cdef object observed, profile, reserved, declared, leads, digest
    cdef object decode_facts, encode_facts, customer_of, triggers, arm, nobody, inbound, of_others
    cdef tuple all_triggers
    cdef dict by_type
    cdef dict place_directions, channel_directions
    cdef Feeds feeds
    cdef Values values
    cdef Layout of_event, of_state, of_session

    def __init__(self, *, long long late, long long gap, Py_ssize_t keep, Py_ssize_t max_fact, Py_ssize_t max_open, bint by_declared,
                 bint limited, bint forgets, bint looks, types, observed, profile, reserved,
                 declared, leads, digest, decode_facts, encode_facts, customer_of, dict by_type, of_others, triggers, tuple all_triggers, arm,
                 nobody, inbound, dict place_directions, dict channel_directions, Feeds feeds, Values values):
        self.late, self.gap, self.keep, self.max_fact = late, gap, 8 * keep, max_fact
        self.max_open = max_open
        self.by_declared, self.limited, self.forgets = by_declared, limited, forgets
        self.looks = looks
        (self.signal_type, self.state_type, self.session_type, self.summary_type, self.snapshot_type,
         self.request_type) = types
        self.observed, self.profile, self.reserved, self.declared = observed, profile, reserved, declared
        self.leads, self.digest = leads or None, digest
        self.decode_facts, self.encode_facts, self.customer_of = decode_facts, encode_facts, customer_of
        self.by_type, self.of_others, self.triggers, self.arm = by_type, of_others, triggers, arm
        self.all_triggers = all_triggers
        self.nobody, self.inbound = nobody, inbound
        self.place_directions, self.channel_directions = place_directions, channel_directions
        self.feeds, self.values = feeds, values
        self.of_event = Layout(self.signal_type, _EVENT_FIELDS)
        self.of_state = Layout(self.state_type, _STATE_FIELDS)
        self.of_session = Layout(self.session_type, _SESSION_FIELDS)

    def step(self, state, event):
        """The state and the outputs, or None: the Python form knows what to do."""
        cdef long long at, clock
        cdef bytes mark, recent
        cdef object kind, facts, told, when, seen
        cdef Layout said = self.of_event, known = self.of_state
        if type(event) is not self.signal_type:
            return None
        kind, when = _field(event, said, TYPE), _field(event, said, OCCURRED_AT)
        if kind in self.reserved or not _is_utc(when) or _field(state, known, ERASED) is not None:
            return None
        at, clock, recent = _micros(when), _field(state, known, CLOCK), _field(state, known, RECENT)
        mark = _fingerprint(b"0", 1, _field(event, said, SIGNAL_ID))
        if at < clock - self.late or _holds(recent, mark):
            return None
        if self.limited and _field(event, said, SESSION_ID) is not None:
            return None
        facts, told, seen = _field(state, known, FACTS), _field(event, said, PROFILE), None
        if told:
            facts = self.merged(facts, told, at)
            if facts is None:
                return None
        if self.forgets:
            seen = _field(state, known, SEEN)
            seen = max(clock, at) if seen is None else max(seen, at)
        recent = recent + mark
        if self.keep and PyBytes_GET_SIZE(recent) > self.keep:
            recent = recent[PyBytes_GET_SIZE(recent) - self.keep :]
        if kind == self.profile:
            return self.state_type(
                _field(event, said, CUSTOMER_ID), max(clock, at), <long long>_field(state, known, SEQUENCE) + 1,
                _field(state, known, OPENED), recent, facts, _field(state, known, SESSIONS), _field(state, known, ROLLING),
                _field(state, known, STARTS), None, seen,
            ), [self.observed]
        return self.taken(state, event, kind, at, max(clock, at), recent, facts, seen)

    cdef bytes merged(self, bytes facts, dict told, long long at):
        """The facts with the news of an event; None if one is too long."""
        cdef dict known = self.decode_facts(facts) if facts else {}
        cdef Py_ssize_t size
        cdef object value, old
        cdef tuple entry
        for key, value in told.items():
            if type(value) is str:
                size = len(<str>value)
            elif isinstance(value, tuple):
                size = sum([len(part) for part in value])
            elif isinstance(value, str):
                size = len(value)
            else:
                size = 0
            if size > self.max_fact:
                return None
            if key in self.declared:
                old = known.get(key)
                if old is None or at >= <long long>old[0]:
                    known[key] = (at, value)
        return self.encode_facts(known) if known else b""

    cdef object taken(self, state, event, kind, long long at, long long clock, bytes recent, facts, seen):
        """A signal of behaviour: in its session and in the series; asked for a decision or observed."""
        cdef Layout said = self.of_event, known = self.of_state
        cdef tuple sessions = _field(state, known, SESSIONS)
        cdef object old = None, name = None, trigger = None, customer = None, series, earlier, session
        cdef object asks, new, when, settled
        cdef dict slots, before = {}
        cdef str tie
        cdef Uses uses
        if self.by_declared:
            name = _field(event, said, SESSION_ID)
        for session in sessions:
            if self.touches(session, name, at):
                if old is not None:  # it joins two
                    return None
                old = session
        if old is not None:
            before = _field(old, self.of_session, SLOTS)
        elif len(sessions) >= self.max_open:
            return None
        uses = self.uses(event, kind)
        asks = _field(event, said, PLACEMENTS)
        if not asks:
            if self.looks:
                customer = self.customer_of(facts)
                trigger = self.triggers(event, customer)
            elif uses.trigger >= 0:
                trigger = self.all_triggers[uses.trigger]
        asks = True if asks else trigger is not None
        when, settled, tie = at, clock - self.late, "0" + <str>_field(event, said, SIGNAL_ID)
        slots = self.feeds.remembered(before, event, uses, when, tie, settled)
        session = self.extended(old, event, kind, name, at, when, asks, slots, state)
        earlier = _field(state, known, ROLLING)
        series = self.feeds.rolled(earlier, event, uses, when, tie, settled)
        new = self.state_type(
            _field(event, said, CUSTOMER_ID), clock, <long long>_field(state, known, SEQUENCE) + 1,
            <long long>_field(state, known, OPENED) + (old is None), recent, facts, _among(sessions, old, session),
            series, _field(state, known, STARTS), None, seen,
        )
        outputs = [event] if uses.suppresses else []
        if asks is True:
            outputs.append(self.request(new, event, trigger, when, session, slots, before, series, earlier, customer))
        else:
            outputs.append(self.observed)
        return new, outputs

    cdef Uses uses(self, event, kind):
        """What is to be done with a signal."""
        cdef Filter filters = self.by_type.get(kind, self.of_others)
        cdef object place = None
        if filters.field != CALLED:
            place = _field(event, self.of_event, filters.field) if filters.field != CONSTANT else None
            if place is None or type(place) is str:
                found = filters.known.get(place)
                if found is None:
                    found = filters.keep(place, self.feeds.uses(filters.call(event)))
                return found
        return self.feeds.uses(filters.call(event))

    cdef bint touches(self, session, name, long long at) except -1:
        cdef Layout held = self.of_session
        if _field(session, held, DECLARED) is not (name is not None):
            return False
        if name is not None and _field(session, held, NAME) != name:
            return False
        if at < <long long>_field(session, held, FIRST_AT) - self.gap:
            return False
        return at <= <long long>_field(session, held, LAST_AT) + self.gap

    cdef object extended(self, old, event, kind, name, long long at, when, asks, dict slots, state):
        """The session with one more event; a new one if `old` is None."""
        cdef Layout said = self.of_event, held = self.of_session
        cdef long long first, last, lead = 0, known
        cdef dict by_type
        cdef object channel = _field(event, said, CHANNEL), brand = _field(event, said, BRAND)
        cdef object device = _field(event, said, DEVICE_ID)
        cdef tuple channels, brands
        if self.leads is not None:
            lead = self.leads.get(kind, 0)
        if old is None:
            return self.session_type(
                name if name is not None else hex_of_two(event.customer_id, event.signal_id), state.opened + 1,
                name is not None, when, when, lead, 1, 1 if asks is True else 0, {kind: 1}, (channel,), (brand,),
                b"" if device is None else fingerprint(device), slots,
            )
        first, last, known = _field(old, held, FIRST_AT), _field(old, held, LAST_AT), _field(old, held, LEAD)
        if at == first:
            lead = min(known, lead)
        elif first < at:
            lead = known
        by_type = (<dict?>_field(old, held, BY_TYPE)).copy()
        by_type[kind] = by_type.get(kind, 0) + 1
        channels, brands = _field(old, held, CHANNELS), _field(old, held, BRANDS)
        return self.session_type(
            _field(old, held, NAME), _field(old, held, NUMBER_OF), _field(old, held, DECLARED), min(at, first),
            max(at, last), lead, <long long>_field(old, held, EVENTS) + 1,
            <long long>_field(old, held, DECISIONS) + (asks is True), by_type, _with(channels, channel),
            _with(brands, brand), self.devices(old, device), slots,
        )

    cdef object devices(self, session, device):
        cdef object known = _field(session, self.of_session, DEVICES)
        return known if device is None else _with_device(known, device)

    cdef object request(self, state, event, trigger, when, session, slots, before, series, earlier, customer):
        cdef object placements, direction, started, context, summary, signal_id = event.signal_id, at = event.occurred_at
        cdef object customer_id = event.customer_id
        if customer is None:
            customer = self.customer_of(state.facts)
        placements = event.placements if trigger is None else trigger.placements
        direction = self.place_directions.get(placements[0])
        if direction is None:
            direction = self.channel_directions.get(event.channel, self.inbound)
        started = <long long>session.first_at - <long long>session.lead
        features = self.values.of(
            when, event, customer, (started, session.number), slots, before, series, earlier
        )
        summary = _built(self.summary_type, _SUMMARY, (
            session.session_id, session.number, _moment(started), _moment(session.last_at), session.events,
        ))
        context = _built(self.snapshot_type, _SNAPSHOT, (state.sequence, summary, customer, features))
        return _built(self.request_type, _REQUEST, (
            hex_of_two(signal_id, self.digest), signal_id, customer_id, at, event.brand, event.channel, direction,
            placements, None if trigger is None else trigger.id, event.page, event.attributes, context, self.digest,
            event.trace, event.household_id, self.nobody if self.arm is None else self.arm(customer_id, at),
        ))


cdef object _built(object made, tuple names, tuple values):
    """`made(**dict(zip(names, values)))`."""
    return PyObject_Vectorcall(made, (<PyTuple *><PyObject *>values).ob_item, 0, <PyObject *>names)


cdef extern from *:
    ctypedef struct PyTuple "PyTupleObject":
        PyObject *ob_item[1]


cdef tuple _among(tuple sessions, old, new):
    """The open sessions with one new, or another version of it, by start."""
    cdef list all_open
    if len(sessions) == (0 if old is None else 1):
        return (new,)
    all_open = [each for each in sessions if each is not old]
    all_open.append(new)
    all_open.sort(key=_start)
    return tuple(all_open)


cdef object _start = operator.attrgetter("first_at", "number")


cdef object _with(tuple names, name):
    return names if name in names else tuple(sorted((*names, name)))


cdef bytes _with_device(bytes devices, device):
    cdef bytes mark = fingerprint(device)
    if PyBytes_GET_SIZE(devices) >= _MAX_DEVICES or _holds(devices, mark):
        return devices
    return devices + mark


cdef bint _holds(bytes marks, bytes mark) except -1:
    """Whether one of the concatenated fingerprints is `mark`."""
    if marks is None or mark is None:
        raise TypeError("no fingerprints")
    cdef const char *data = PyBytes_AS_STRING(marks)
    cdef const char *wanted = PyBytes_AS_STRING(mark)
    cdef Py_ssize_t i
    for i in range(0, PyBytes_GET_SIZE(marks) - 7, 8):
        if memcmp(data + i, wanted, 8) == 0:
            return True
    return False
