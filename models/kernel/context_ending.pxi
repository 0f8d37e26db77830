# What ends by silence: `models.context.ContextFold.expire` and `SessionRules.end`.

cdef tuple _FEATURE = ("name", "value")
cdef tuple _COUNT_OF = ("type", "events")
cdef tuple _SESSION = (
    "session_id", "customer_id", "number", "started_at", "ended_at", "duration_s", "events", "by_type", "channels",
    "brands", "devices", "decisions", "features", "plan_digest",
)


cdef class Ends:
    """One plan's `ContextFold.expire`; None for customers of whom nothing but an erasure is known."""

    cdef long long silence, late, forget, ever, never
    cdef bint forgets
    cdef object initial, state_type, record_type, count_type, value_type, customer_of, kept, digest
    cdef Feeds feeds
    cdef Values values
    cdef tuple columns
    cdef list noughts, latest

    def __init__(self, *, long long silence, long long late, forget, long long ever, long long never, initial, types,
                 customer_of, kept, digest, Feeds feeds, Values values, tuple columns):
        self.silence, self.late, self.ever, self.never = silence, late, ever, never
        self.forgets, self.forget = forget is not None, forget or 0
        self.initial, self.customer_of, self.kept, self.digest = initial, customer_of, kept, digest
        self.state_type, self.record_type, self.count_type, self.value_type = types
        self.feeds, self.values, self.columns = feeds, values, columns
        self.noughts = [_built(self.value_type, _FEATURE, (name, 0.0)) for name in columns]
        self.latest = list(self.noughts)

    def expire(self, state, long long now):
        """The state and the outputs, or None: the Python form knows what to do."""
        cdef long long clock = state.clock, later
        cdef tuple sessions = state.sessions, still
        cdef dict series = state.series, left = series
        cdef list ended = []
        if clock == self.ever:
            return state, []
        if not state.sequence:
            return None
        later = clock if now == self.never else max(clock, now)
        still = self.open_still(state, sessions, now, ended)
        if not still:
            if self.forgets and self.over(state, clock) <= now:
                return self.initial, ended
            left = self.remaining(series, now)
        if not ended and later == clock and left is series:
            return state, ended
        return self.state_type(
            state.customer_id, later, state.sequence, state.opened, state.recent, state.facts, still, left,
            state.starts, state.erased, state.seen,
        ), ended

    cdef tuple open_still(self, state, tuple sessions, long long now, list ended):
        """The sessions that are not due; the records of those that are go to `ended`."""
        cdef object customer = None
        cdef list still = []
        for session in sessions:
            if <long long>session.last_at + self.silence > now:
                still.append(session)
                continue
            if customer is None:
                customer = self.customer_of(state.facts)
            ended.append(self.record(session, state.customer_id, customer))
        return tuple(still) if ended else sessions

    cdef long long over(self, state, long long clock) except? -1:
        """When nothing has to be remembered of the customer."""
        cdef object seen = state.seen
        return (clock if seen is None else <long long>seen) + self.forget + self.late + 1

    cdef dict remaining(self, dict series, long long now):
        """The series at `now`, which no session keeps any more."""
        cdef object reach = self.feeds.forgettable_at(series) if series else None
        if reach is None or <long long>reach + self.late + 1 > now:
            return series
        return {key: value for key, value in series.items() if key in self.kept}

    cdef object record(self, session, customer_id, dict customer):
        """The record of a session that nothing can extend any more."""
        cdef long long last = session.last_at, started = <long long>session.first_at - <long long>session.lead
        cdef object number = session.number, slots = session.slots, long_for = last - started
        cdef list counts = sorted((<dict?>session.by_type).items())
        cdef bytes devices = session.devices
        cdef tuple features = self.values.of(
            session.last_at, None, customer, (started, number), slots, slots, _NOTHING, _NOTHING
        )
        return _built(self.record_type, _SESSION, (
            session.session_id, customer_id, number, _moment(started), _moment(last), long_for / 1_000_000,
            session.events, tuple([_built(self.count_type, _COUNT_OF, <tuple>each) for each in counts]),
            session.channels, session.brands, len(devices) // 8, session.decisions, self.named(features), self.digest,
        ))

    cdef tuple named(self, tuple values):
        """The features by name; one with the value that it had last, or 0, is the same object as then."""
        cdef Py_ssize_t i, size = len(self.columns)
        cdef tuple answer
        cdef object made
        if len(values) != size:
            raise ValueError("not as many values as columns")
        answer = PyTuple_New(size)
        for i in range(size):
            made = self.feature(i, values[i])
            Py_INCREF(made)
            PyTuple_SET_ITEM(answer, i, made)
        return answer

    cdef object feature(self, Py_ssize_t i, value):
        cdef double nought = 0.0
        cdef object made
        if type(value) is not float:
            return _built(self.value_type, _FEATURE, (self.columns[i], value))
        if _same(value, nought):
            return self.noughts[i]
        made = self.latest[i]
        if not _same(value, <double>made.value):
            made = _built(self.value_type, _FEATURE, (self.columns[i], value))
            self.latest[i] = made
        return made


cdef dict _NOTHING = {}


cdef inline bint _same(double one, double other) noexcept:
    """Whether both are the same bits."""
    return memcmp(&one, &other, 8) == 0
