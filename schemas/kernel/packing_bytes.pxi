# Values of msgpack: room for them, and how each is written. Part of `packing`.

cdef class _Room:
    """Bytes that are being written."""

    cdef uint8_t* data
    cdef Py_ssize_t size, room

    def __dealloc__(self):
        free(self.data)


cdef int grow(_Room out, Py_ssize_t more) except -1:
    cdef Py_ssize_t room = 2 * out.room + more + 4096
    cdef uint8_t* data = <uint8_t*>realloc(out.data, room)
    if data == NULL:
        raise MemoryError
    out.data, out.room = data, room
    return 0


cdef inline int reserve(_Room out, Py_ssize_t more) except -1:
    if out.room - out.size < more:
        grow(out, more)
    return 0


cdef inline void put(_Room out, uint8_t byte) noexcept:
    out.data[out.size] = byte
    out.size += 1


cdef inline void put16(_Room out, uint8_t kind, uint64_t value) noexcept:
    cdef uint8_t* at = out.data + out.size
    at[0], at[1], at[2] = kind, <uint8_t>(value >> 8), <uint8_t>value
    out.size += 3


cdef inline void put32(_Room out, uint8_t kind, uint64_t value) noexcept:
    cdef uint8_t* at = out.data + out.size
    at[0] = kind
    at[1], at[2], at[3], at[4] = <uint8_t>(value >> 24), <uint8_t>(value >> 16), <uint8_t>(value >> 8), <uint8_t>value
    out.size += 5


cdef inline void put64(_Room out, uint8_t kind, uint64_t value) noexcept:
    cdef uint8_t* at = out.data + out.size
    at[0] = kind
    at[1], at[2], at[3], at[4] = (
        <uint8_t>(value >> 56), <uint8_t>(value >> 48), <uint8_t>(value >> 40), <uint8_t>(value >> 32)
    )
    at[5], at[6], at[7], at[8] = <uint8_t>(value >> 24), <uint8_t>(value >> 16), <uint8_t>(value >> 8), <uint8_t>value
    out.size += 9


cdef inline void put_head(_Room out, uint64_t size, uint8_t small, uint64_t fits, uint8_t wide) noexcept:
    """How many parts follow; `wide` is the kind whose number takes two bytes, the next one's takes four."""
    if size < fits:
        put(out, <uint8_t>(small | size))
    elif size <= 0xFFFF:
        put16(out, wide, size)
    else:
        put32(out, wide + 1, size)


cdef inline int put_text(_Room out, const char* data, Py_ssize_t size) except -1:
    reserve(out, size + 8)
    if 32 <= size <= 0xFF:
        put(out, 0xD9)
        put(out, <uint8_t>size)
    else:
        put_head(out, size, 0xA0, 32, 0xDA)
    memcpy(out.data + out.size, data, size)
    out.size += size
    return 0


cdef inline int put_str(_Room out, PyObject* text) except -1:
    cdef Py_ssize_t size
    cdef const char* data
    if PyUnicode_IS_ASCII(text):
        return put_text(out, <const char*>PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text))
    data = PyUnicode_AsUTF8AndSize(text, &size)
    return put_text(out, data, size)


cdef inline void put_float(_Room out, PyObject* number) noexcept:
    cdef double value = PyFloat_AS_DOUBLE(number)
    cdef uint64_t bits
    memcpy(&bits, &value, 8)
    put64(out, 0xCB, bits)


cdef inline void put_negative(_Room out, int64_t value) noexcept:
    if value >= -32:
        put(out, <uint8_t>value)
    elif value >= -0x80:
        put(out, 0xD0)
        put(out, <uint8_t>value)
    elif value >= -0x8000:
        put16(out, 0xD1, <uint64_t>value)
    elif value >= -0x80000000:
        put32(out, 0xD2, <uint64_t>value)
    else:
        put64(out, 0xD3, <uint64_t>value)


cdef inline void put_integer(_Room out, int64_t value) noexcept:
    if value < 0:
        put_negative(out, value)
    elif value < 0x80:
        put(out, <uint8_t>value)
    elif value <= 0xFF:
        put(out, 0xCC)
        put(out, <uint8_t>value)
    elif value <= 0xFFFF:
        put16(out, 0xCD, value)
    elif value <= 0xFFFFFFFF:
        put32(out, 0xCE, value)
    else:
        put64(out, 0xCF, value)


cdef inline bint in_utc(object at) noexcept:
    zone = datetime_tzinfo(at)
    return <PyObject*>zone == ZULU


cdef void put_time(_Room out, object at) noexcept:
    """A time in UTC, as msgpack's own type for it: in 8, 4 or 12 bytes."""
    cdef int64_t month = datetime_month(at), year = datetime_year(at) - (1 if month <= 2 else 0)
    cdef int64_t of_era = year % 400, of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + datetime_day(at) - 1
    cdef int64_t day = year // 400 * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
    cdef int64_t seconds = day * 86400 + datetime_hour(at) * 3600 + datetime_minute(at) * 60 + datetime_second(at)
    cdef uint64_t nanos = <uint64_t>datetime_microsecond(at) * 1000, both = nanos << 34 | <uint64_t>seconds
    if seconds < 0 or seconds >> 34:
        put16(out, 0xC7, 0x0CFF)
        put32(out, <uint8_t>(nanos >> 24), nanos << 8)
        out.size -= 1
        put64(out, <uint8_t>(<uint64_t>seconds >> 56), <uint64_t>seconds << 8)
        out.size -= 1
    elif both >> 32:
        put(out, 0xD7)
        put64(out, 0xFF, both)
    else:
        put(out, 0xD6)
        put32(out, 0xFF, both)


cdef inline bint put_short(_Room out, PyObject* value) noexcept:
    """What most fields hold, or False."""
    cdef Py_ssize_t size
    if PyFloat_CheckExact(value):
        put_float(out, value)
    elif PyUnicode_CheckExact(value):
        size = PyUnicode_GET_LENGTH(value)
        if size >= 32 or not PyUnicode_IS_COMPACT_ASCII(value):
            return False
        out.data[out.size] = <uint8_t>(0xA0 | size)
        memcpy(out.data + out.size + 1, PyUnicode_DATA(value), size)
        out.size += size + 1
    elif value == Py_None:
        put(out, 0xC0)
    elif value == Py_True or value == Py_False:
        put(out, 0xC3 if value == Py_True else 0xC2)
    elif value == EMPTY:
        put(out, 0x90)
    else:
        return False
    return True


cdef inline bint before(Entry* one, Entry* other) noexcept:
    cdef int said = memcmp(one.key, other.key, one.size if one.size < other.size else other.size)
    return said < 0 or (said == 0 and one.size < other.size)
