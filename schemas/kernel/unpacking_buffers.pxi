# Buffers that grow as columns do.

cdef enum Result:
    FINE = 0
    OTHER = 1  # not what our coders write
    FULL = 2  # no memory

cdef struct Buffer:
    uint8_t* data
    int64_t size
    int64_t room


cdef int room_for(Buffer* buffer, int64_t more) noexcept nogil:
    cdef int64_t room
    cdef uint8_t* data
    if buffer.size + more <= buffer.room:
        return FINE
    room = 2 * buffer.room + more + 64
    data = <uint8_t*>realloc(buffer.data, room)
    if data == NULL:
        return FULL
    buffer.data, buffer.room = data, room
    return FINE


cdef inline int add(Buffer* buffer, const void* data, int64_t size) noexcept nogil:
    if room_for(buffer, size):
        return FULL
    if size:
        memcpy(buffer.data + buffer.size, data, size)
        buffer.size += size
    return FINE


cdef inline int add_end(Buffer* buffer, int64_t end) noexcept nogil:
    cdef int32_t narrow = <int32_t>end
    return OTHER if narrow != end else add(buffer, &narrow, 4)


cdef inline int add_number(Buffer* buffer, int64_t number) noexcept nogil:
    return add(buffer, &number, 8)


cdef inline int add_bit(Buffer* buffer, int64_t at, bint bit) noexcept nogil:
    if not at & 7:
        if room_for(buffer, 1):
            return FULL
        buffer.data[buffer.size] = 0
        buffer.size += 1
    if bit:
        buffer.data[at >> 3] |= <uint8_t>(1 << (at & 7))
    return FINE


cdef object taken(Buffer* buffer):
    return PyBytes_FromStringAndSize(<char*>buffer.data, buffer.size)
