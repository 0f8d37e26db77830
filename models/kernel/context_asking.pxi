# Questions to what is remembered of a slot: what features count, add up and look up in sessions, trails and windows.

cdef enum Quantity:
    CALL, SESSION_COUNT, SESSION_LATEST, SESSION_TOTAL, SESSION_MEAN, SESSION_MAXIMUM, SESSION_LAST, TRAIL_COUNT, TRAIL_LATEST
    WINDOW_COUNT, WINDOW_LATEST, WINDOW_TOTAL, WINDOW_MEAN, WINDOW_MAXIMUM, WINDOW_DISTINCT

_QUANTITIES = {
    "session_count": SESSION_COUNT, "session_latest_at": SESSION_LATEST, "session_total": SESSION_TOTAL,
    "session_mean": SESSION_MEAN, "session_maximum": SESSION_MAXIMUM, "session_last": SESSION_LAST,
    "trail_count": TRAIL_COUNT, "trail_latest_at": TRAIL_LATEST, "window_count": WINDOW_COUNT,
    "window_latest_at": WINDOW_LATEST, "window_total": WINDOW_TOTAL, "window_mean": WINDOW_MEAN,
    "window_maximum": WINDOW_MAXIMUM, "window_distinct": WINDOW_DISTINCT,
}


cdef class Ask:
    """One quantity of what is remembered: of a slot by its place in the table that is fetched."""

    cdef Quantity quantity
    cdef int slot
    cdef Py_ssize_t last
    cdef object label, call, last_object
    cdef long long low, high, wanted
    cdef bint forever, window, trail

    def __init__(self, str name, call, int slot, last, label, low, high):
        self.quantity = _QUANTITIES.get(name, CALL)
        self.call, self.slot, self.label, self.last_object = call, slot, label, last
        self.last, self.wanted = last or 0, label or 0
        self.window, self.trail, self.forever = name.startswith("window_"), last is not None, low is None
        self.low, self.high = low or 0, high

    cdef object asked(self, object found, long long at):
        """The answer of Python's function."""
        if self.trail:
            return self.call(found, self.last_object, self.label)
        if self.window:
            return self.call(found, self.since(at), at - self.high)
        return self.call(found)

    cdef inline long long since(self, long long at) noexcept:
        return -0x7FFFFFFFFFFFFFFF if self.forever else at - self.low

    cdef object object_of(self, object found, long long at):
        """The answer as an object."""
        cdef double total
        if self.quantity == SESSION_LAST:
            return found[2] if found else None
        if self.quantity == SESSION_MAXIMUM:
            return found
        if self.quantity == SESSION_TOTAL:
            return _sum_of(<list?>found) + 0.0 if found else 0.0
        if self.quantity == SESSION_MEAN:
            if not found:
                return None
            total = _sum_of(<list?>found) / <double>(<long long>(<list>found)[0])
            return total + 0.0
        if self.quantity == WINDOW_TOTAL or self.quantity == WINDOW_MEAN or self.quantity == WINDOW_MAXIMUM:
            return self.summed(found, at)
        if self.quantity == CALL:
            return self.asked(found, at)
        raise ValueError("a quantity that is no object")

    cdef object summed(self, object found, long long at):
        cdef Py_ssize_t first, end
        cdef bytes times, payload = b""
        cdef double total = 0.0
        first = end = 0
        if found is not None:
            times, payload = <bytes?>(<list?>found)[0], <bytes?>(<list>found)[1]
            end = _after(times, at - self.high, PyBytes_GET_SIZE(times) // 8)
            first = _after(times, self.since(at), end)
            if PyBytes_GET_SIZE(payload) < 8 * end:
                raise ValueError("a series with fewer values than times")
        if self.quantity == WINDOW_MAXIMUM:
            return _maximum_of(PyBytes_AS_STRING(payload) + 8 * first, end - first) if first < end else None
        if first < end:
            total = _fsum_of(PyBytes_AS_STRING(payload) + 8 * first, end - first)
        if self.quantity == WINDOW_TOTAL:
            return total + 0.0
        return total / <double>(end - first) + 0.0 if first < end else None

    cdef long long count(self, object found, long long at) except -1:
        cdef bytes times, payload
        cdef Py_ssize_t end, i, size
        cdef long long number = 0
        if self.quantity == SESSION_COUNT:
            return <long long>found[0] if found else 0
        if self.quantity == WINDOW_COUNT:
            if found is None:
                return 0
            times = <bytes?>(<list?>found)[0]
            end = _after(times, at - self.high, PyBytes_GET_SIZE(times) // 8)
            return end - _after(times, self.since(at), end)
        if self.quantity == WINDOW_DISTINCT:
            if found is None:
                return 0
            times = <bytes?>(<list?>found)[0]
            end = _after(times, at - self.high, PyBytes_GET_SIZE(times) // 8)
            i = _after(times, self.since(at), end)
            payload = <bytes?>(<list>found)[1]
            if end - i > 1024 or PyBytes_GET_SIZE(payload) < 8 * end:
                return self.asked(found, at)
            return _distinct_of(PyBytes_AS_STRING(payload) + 8 * i, end - i)
        if self.quantity == TRAIL_COUNT:
            if not found:
                return 0
            size = len(<list?>found)
            for i in range(max(size - self.last, 0), size):
                number += _has(<dict?>(<list?>(<list>found)[i])[2], self.label, self.wanted)
            return number
        return self.asked(found, at)

    cdef bint latest(self, object found, long long at, long long *when) except -1:
        """Whether there is a latest event, and when it was."""
        cdef bytes times
        cdef Py_ssize_t end, i, size
        cdef object asked
        if not found:
            return False
        if self.quantity == SESSION_LATEST:
            when[0] = found[1]
            return True
        if self.quantity == WINDOW_LATEST:
            times = <bytes?>(<list?>found)[0]
            end = _after(times, at - self.high, PyBytes_GET_SIZE(times) // 8)
            if not end or _time(times, end - 1) <= self.since(at):
                return False
            when[0] = _time(times, end - 1)
            return True
        if self.quantity == TRAIL_LATEST:
            size = len(<list?>found)
            for i in range(size - 1, max(size - self.last, 0) - 1, -1):
                if _has(<dict?>(<list?>(<list>found)[i])[2], self.label, self.wanted):
                    when[0] = (<list>(<list>found)[i])[0]
                    return True
            return False
        asked = self.asked(found, at)
        if asked is None:
            return False
        when[0] = asked
        return True


cdef inline bint _has(dict labels, label, long long wanted) except -1:
    """Whether a step has the label; most have one or none."""
    cdef PyObject *key
    cdef PyObject *value
    cdef Py_ssize_t place = 0, size = PyDict_Size(labels)
    if size == 0:
        return False
    if size == 1:
        PyDict_Next(labels, &place, &key, &value)
        return <long long><object>key == wanted
    return label in labels
