# What events leave behind: `models.features.memory` and `models.features.series`, for an event that comes in order.
# Everything else is left to the function of Python that a feed names.

cdef enum Kind:
    GENERIC, TALLY, TOTAL, LATEST, BALANCE, SERIES

cdef enum Source:
    NONE, READ, NUMBER, MARK, ANY

_KINDS = {"generic": GENERIC, "tally": TALLY, "total": TOTAL, "latest": LATEST, "balance": BALANCE, "series": SERIES}
_SOURCES = {"none": NONE, "read": READ, "number": NUMBER, "mark": MARK, "any": ANY}
cdef double _LARGEST = 1e100
cdef int _MEMO = 1024


cdef inline bint _order_after(object entry, long long at, str tie) except -1:
    """Whether what is remembered is later than this: `(entry[0], entry[1]) > (at, tie)`."""
    cdef long long known = entry[0]
    if known != at:
        return known > at
    return <str>entry[1] > tie


cdef class Feed:
    """One thing to do with a matching event: what it adds, to which slot, and where that comes from."""

    cdef object key, add, read, convert
    cdef str name
    cdef Kind kind
    cdef Source source
    cdef int change
    cdef long long reach
    cdef bint keep_one
    cdef object owner
    cdef Layout attributes

    def __init__(self, key, str kind, add, str source, read, convert, name, owner, change, reach, keep_one):
        self.key, self.add, self.read, self.convert, self.name = key, add, read, convert, name
        self.kind, self.source = _KINDS[kind], _SOURCES[source]
        self.change = -1 if change is None else change
        self.reach, self.keep_one, self.owner = reach, keep_one, owner
        self.attributes = Layout(owner, ("attributes",))

    cdef object value(self, event):
        """What the event says, or None."""
        cdef object found
        if self.source == NONE:
            return True  # what a label without a value says
        if self.source == READ:
            return self.read(event)
        if type(event) is not self.owner:
            return None
        found = _field(event, self.attributes, 0)
        if type(found) is not dict:
            return self.read(event)
        found = (<dict>found).get(self.name)
        if found is None or self.source == ANY:
            return found
        if self.source == MARK:
            return fingerprint(found) if type(found) is str else self.convert(found)
        if type(found) is float and -_LARGEST <= <double>found <= _LARGEST:
            return found
        return self.convert(found)

    cdef int put(self, dict slots, event, at, long long when, str tie, settled, long long limit) except -1:
        """Add the event to its slot. `when` and `limit` are `at` and `settled`."""
        cdef object value = None, old, entry
        if self.source != NONE and self.change != 2:
            value = self.value(event)
            if value is None:
                return 0
        old = slots.get(self.key)
        if self.kind == TALLY:
            slots[self.key] = _tally(old, at, when)
        elif self.kind == TOTAL:
            slots[self.key] = _total(old, value)
        elif self.kind == LATEST:
            slots[self.key] = list(old) if old is not None and _order_after(old, when, tie) else [at, tie, value]
        elif self.kind == SERIES:
            slots[self.key] = self.series(old, at, when, tie, value, settled, limit)
        elif self.kind == BALANCE:
            slots[self.key] = self.balance(old, at, when, tie, value, settled)
        else:
            slots[self.key] = self.add(old, at, tie, value, settled)
        return 0

    cdef object balance(self, old, at, long long when, str tie, value, settled):
        cdef double amount = 0.0 if self.change == 2 else value
        cdef list entry = [at, tie, self.change, 0.0 if 0.0 > amount else amount], known
        if not old:
            return [0.0, [entry]]
        known = list(old[1])
        if len(known) >= 16 or (known and _order_after(known[len(known) - 1], when, tie)):
            return self.add(old, at, tie, (entry[2], entry[3]), settled)
        known.append(entry)
        return [old[0], known]

    cdef object series(self, old, at, long long when, str tie, value, settled, long long limit):
        cdef bytes times = b"", payload = b"", word
        cdef Py_ssize_t size
        cdef double number
        if old:
            times, payload = old
            if times is None or payload is None:
                raise TypeError("a series of None")
        size = PyBytes_GET_SIZE(times)
        if size >= 8 and _time(times, size // 8 - 1) > when:
            return self.add(old, at, tie, value, settled)
        times = _joined(times, <char *>&when)
        if type(value) is float:
            number = value
            payload = _joined(payload, <char *>&number)
        elif value is not None:
            payload = payload + <bytes?>value
        return _cut(times, payload, limit - self.reach, self.keep_one)


cdef inline long long _time(bytes times, Py_ssize_t place) noexcept:
    cdef long long at
    memcpy(&at, PyBytes_AS_STRING(times) + 8 * place, 8)
    return at


cdef bytes _joined(bytes old, const char *word):
    cdef Py_ssize_t size = PyBytes_GET_SIZE(old)
    cdef bytes new = PyBytes_FromStringAndSize(NULL, size + 8)
    cdef char *data = PyBytes_AS_STRING(new)
    memcpy(data, PyBytes_AS_STRING(old), size)
    memcpy(data + size, word, 8)
    return new


cdef Py_ssize_t _after(bytes times, long long limit, Py_ssize_t end) noexcept:
    """How many of the first `end` times are at most `limit`."""
    cdef Py_ssize_t low = 0, middle
    while low < end:
        middle = (low + end) // 2
        if limit < _time(times, middle):
            end = middle
        else:
            low = middle + 1
    return low


cdef list _cut(bytes times, bytes payload, long long limit, bint keep_one):
    """The series without what no window can reach any more."""
    cdef Py_ssize_t count = PyBytes_GET_SIZE(times) // 8, excess = count - 1024, old, cut
    if excess <= 0 and _time(times, 0) > limit:
        return [times, payload]
    old = _after(times, limit, count)
    cut = old - 1 if keep_one and old else old
    cut = 8 * max(excess, cut)
    return [times[cut:], payload[cut:]]


cdef list _tally(old, at, long long when):
    cdef long long known
    if not old:
        return [1, at]
    known = old[1]
    return [<long long>old[0] + 1, at if when > known else old[1]]


cdef list _total(old, value):
    """Floats whose exact sum is that of all values (Shewchuk), after their count."""
    cdef double new, part, large, small, rest
    cdef Py_ssize_t i
    cdef list kept
    if not old:
        return [1, value]
    kept, new = [<long long>old[0] + 1], value
    for i in range(1, len(old)):
        part = old[i]
        large, small = (new, part) if fabs(new) >= fabs(part) else (part, new)
        new = large + small
        rest = small - (new - large)
        if rest != 0.0:
            kept.append(rest)
    kept.append(new)
    return kept


cdef class Uses:
    """What is to be done with the events that match the same filters."""

    cdef tuple session, rolling, labels
    cdef bint suppresses
    cdef int trigger


cdef enum Depends:  # besides the fields of an event
    CONSTANT = -1
    CALLED = -2


cdef class Filter:
    """All filters as one function, of signals of one type; and what comes of it, by the one field that it looks at."""

    cdef object call
    cdef int field
    cdef dict known

    def __init__(self, call, names):
        """Of a function that looks at the fields of these names, or at others, too, if they are more than one."""
        self.call, self.known, self.field = call, {}, CALLED
        if not names:
            self.field = CONSTANT
        elif len(names) == 1 and names[0] in ("channel", "brand", "page"):
            self.field = _EVENT_FIELDS.index(names[0])

    cdef Uses keep(self, place, Uses uses):
        if len(self.known) >= _MEMO:
            self.known = {}
        self.known[place] = uses
        return uses


cdef class Feeds:
    """The feeds of a plan by filter: `FeatureProgram.remember` and `roll`."""

    cdef tuple _session, _rolling, _labels
    cdef Py_ssize_t _filters, _suppressing
    cdef tuple _reaches
    cdef object _trail_key, _trail_add
    cdef Py_ssize_t _size
    cdef dict _memo

    def __init__(self, tuple session, tuple rolling, tuple labels, trail_key, trail_add, Py_ssize_t size,
                 tuple reaches, Py_ssize_t suppressing=0):
        self._reaches = reaches
        self._session, self._rolling, self._labels = session, rolling, labels
        self._trail_key, self._trail_add, self._size = trail_key, trail_add, size
        self._filters, self._suppressing = len(session), suppressing
        self._memo = {}

    def suppressing(self, Py_ssize_t suppressing):
        """The same, for matches of `suppressing` more filters and then of triggers."""
        return Feeds(
            self._session, self._rolling, self._labels, self._trail_key, self._trail_add, self._size, self._reaches,
            suppressing,
        )

    def forgettable_at(self, dict series):
        """When the last series that can be forgotten is out of the reach of all windows, or None."""
        cdef long long latest = 0, at
        cdef bint found = False
        cdef object kept
        cdef bytes times
        cdef tuple each
        for each in self._reaches:  # (key, reach, whether it is packed)
            kept = series.get(each[0])
            if kept is None:
                continue
            if each[2]:
                times = <bytes?>(<list?>kept)[0]
                at = _time(times, PyBytes_GET_SIZE(times) // 8 - 1) if PyBytes_GET_SIZE(times) >= 8 else 0
            else:
                at = (<list?>kept)[len(<list>kept) - 1][0] if kept else 0
            at += <long long>each[1]
            if not found or at > latest:
                latest, found = at, True
        return latest if found else None

    cdef Uses uses(self, tuple matches):
        cdef object found = self._memo.get(matches)
        cdef Uses new
        if found is not None:
            return <Uses>found
        new = Uses.__new__(Uses)
        new.session = tuple([feed for feeds, met in zip(self._session, matches) if met for feed in feeds])
        new.rolling = tuple([feed for feeds, met in zip(self._rolling, matches) if met for feed in feeds])
        new.labels = tuple([feed for feeds, met in zip(self._labels, matches) if met for feed in feeds])
        new.suppresses = any(matches[self._filters : self._filters + self._suppressing])
        triggers = matches[self._filters + self._suppressing :]
        new.trigger = triggers.index(True) if True in triggers else -1
        if len(self._memo) >= _MEMO:
            self._memo = {}
        self._memo[matches] = new
        return new

    cpdef dict remember(self, dict slots, event, tuple matches, at, str tie, settled):
        """The slots of a session with one more event."""
        return self.remembered(slots, event, self.uses(matches), at, tie, settled)

    cdef dict remembered(self, dict slots, event, Uses uses, at, str tie, settled):
        cdef dict new = slots.copy()
        cdef long long when = at, limit = settled
        for feed in uses.session:
            (<Feed>feed).put(new, event, at, when, tie, settled, limit)
        if self._size:
            new[self._trail_key] = self.trail(new.get(self._trail_key), uses.labels, event, at, when, tie, settled)
        return new

    cpdef dict roll(self, dict series, event, tuple matches, at, str tie, settled):
        """The series of a customer with one more event."""
        return self.rolled(series, event, self.uses(matches), at, tie, settled)

    cdef dict rolled(self, dict series, event, Uses uses, at, str tie, settled):
        cdef dict new
        cdef long long when = at, limit = settled
        if not uses.rolling:
            return series
        new = series.copy()
        for feed in uses.rolling:
            (<Feed>feed).put(new, event, at, when, tie, settled, limit)
        return new

    cdef list trail(self, old, tuple labels, event, at, long long when, str tie, settled):
        cdef dict known = {}
        cdef object value
        cdef list new
        cdef Py_ssize_t size
        for label in labels:
            value = (<Feed>label).value(event)
            if value is not None:
                known[(<Feed>label).key] = value
        if not old:
            return [[at, tie, known]]
        size = len(old)
        if _order_after(old[size - 1], when, tie):
            return self._trail_add(old, at, tie, known, settled)
        new = list(old) if size < self._size else list(old[size - self._size + 1 :])
        new.append([at, tie, known])
        return new
