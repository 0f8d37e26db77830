# Headers, texts and integers as msgpack writes them.


ctypedef const uint8_t* Bytes


cdef inline uint64_t big_endian(Bytes at, int size) noexcept nogil:
    cdef uint64_t found = 0
    cdef int i
    for i in range(size):
        found = found << 8 | at[i]
    return found


cdef inline int length(Bytes* at, Bytes end, uint8_t fixed, uint8_t mask, uint8_t small, int64_t* found) noexcept nogil:
    """The length in a header: in its own byte if it is one of `fixed`, else in the 1, 2 or 4 bytes after it.

    `small`: the header with one byte; for lists and maps, which have none, what comes before the one with two.
    """
    cdef uint8_t head
    cdef int size
    if at[0] >= end:
        return OTHER
    head = at[0][0]
    if mask and head & ~mask == fixed:
        found[0] = head & mask
        at[0] += 1
        return FINE
    if head < small + (mask == 0x0F) or head > small + 2:
        return OTHER
    size = 1 << (head - small)
    if end - at[0] <= size:
        return OTHER
    found[0] = big_endian(at[0] + 1, size)
    at[0] += 1 + size
    return FINE


cdef inline int text(Bytes* at, Bytes end, int64_t* size) noexcept nogil:
    if length(at, end, 0xA0, 0x1F, 0xD9, size):
        return OTHER
    return OTHER if end - at[0] < size[0] else FINE


cdef inline int integer(Bytes* at, Bytes end, int64_t* found) noexcept nogil:
    cdef uint8_t head
    cdef int size
    cdef uint64_t bits
    if at[0] >= end:
        return OTHER
    head = at[0][0]
    if head < 0x80 or head >= 0xE0:
        found[0] = head if head < 0x80 else <int64_t>head - 256
        at[0] += 1
        return FINE
    if head < 0xCC or head > 0xD3:
        return OTHER
    size = 1 << (head & 3)
    if end - at[0] <= size:
        return OTHER
    bits = big_endian(at[0] + 1, size)
    at[0] += 1 + size
    if head <= 0xCF:
        found[0] = <int64_t>bits
        return OTHER if bits >> 63 else FINE
    if size < 8 and bits >> (8 * size - 1):
        bits |= ~<uint64_t>0 << (8 * size)
    found[0] = <int64_t>bits
    return FINE
