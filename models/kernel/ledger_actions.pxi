# Sets of actions: as the bits of an integer, which Python passes, as flags, and as lists of indices.


cdef int *_ints(values) except NULL:
    cdef Py_ssize_t number = len(values), i
    cdef int *found = <int *>malloc((number + 1) * sizeof(int))
    if found == NULL:
        raise MemoryError
    try:
        for i in range(number):
            found[i] = values[i]
    except BaseException:
        free(found)
        raise
    return found


cdef void _spread(bits, char *flags, int number):
    """A set of actions as a flag for each."""
    cdef bytes raw = bits.to_bytes((number >> 3) + 1, "little")
    cdef const unsigned char *at = raw
    cdef int i
    for i in range(number):
        flags[i] = (at[i >> 3] >> (i & 7)) & 1


cdef object _gathered(const unsigned char *raw, int size):
    return int.from_bytes(raw[:size], "little")


def mask(order):
    """A set of action indices as the bits of an integer."""
    cdef int largest = -1, action, size
    cdef unsigned char small[512]
    cdef unsigned char *raw = small
    cdef tuple actions = tuple(order)
    for action in actions:
        if action < 0:
            raise ValueError(f"no index of an action: {action}")
        if action > largest:
            largest = action
    if largest < 0:
        return 0
    size = (largest >> 3) + 1
    if size > 512:
        raw = <unsigned char *>malloc(size)
        if raw == NULL:
            raise MemoryError
    try:
        memset(raw, 0, size)
        for action in actions:
            raw[action >> 3] |= 1 << (action & 7)
        return _gathered(raw, size)
    finally:
        if raw != small:
            free(raw)


def _members(bits):
    found = []
    while bits:
        low = bits & -bits
        found.append(low.bit_length() - 1)
        bits ^= low
    return found
