# Room to rank in, and putting in order.

cdef enum:
    RUN = 8


cdef class _Row:
    """Context weights that came before: bounded, and as they are told."""

    cdef object source
    cdef _Doubles weights
    cdef tuple told


cdef class _Desk:
    """Room to rank in. `rule` is what removed an action, -1: nothing."""

    cdef _Doubles odds, negated, powers, model, propensities, priorities, keys, spare
    cdef int64_t[::1] rule, order, other

    def __cinit__(self, Py_ssize_t actions):
        self.odds, self.negated, self.powers = _empty(actions), _empty(actions), _empty(actions)
        self.model, self.propensities, self.priorities = _empty(actions), _empty(actions), _empty(actions)
        self.keys, self.spare = _empty(actions), _empty(actions)
        self.rule, self.order, self.other = (np.empty(actions, dtype=np.int64) for _ in range(3))


cdef void _sort(double* keys, int64_t* items, double* spare, int64_t* other, Py_ssize_t size) noexcept:
    """Keys and their items, the largest key first, equal ones as they came: short runs, then merged."""
    cdef Py_ssize_t start, end, middle, i, j, k, width = RUN
    cdef double key
    cdef int64_t item
    cdef bint swapped = False
    for start in range(0, size, RUN):
        for i in range(start + 1, min(start + RUN, size)):
            key, item, j = keys[i], items[i], i
            while j > start and keys[j - 1] < key:
                keys[j], items[j] = keys[j - 1], items[j - 1]
                j -= 1
            keys[j], items[j] = key, item
    while width < size:
        for start in range(0, size, 2 * width):
            middle, end = min(start + width, size), min(start + 2 * width, size)
            i, j = start, middle
            for k in range(start, end):
                if i < middle and (j >= end or keys[i] >= keys[j]):
                    spare[k], other[k] = keys[i], items[i]
                    i += 1
                else:
                    spare[k], other[k] = keys[j], items[j]
                    j += 1
        keys, spare, items, other = spare, keys, other, items
        swapped = not swapped
        width *= 2
    if swapped:
        memcpy(spare, keys, size * sizeof(double))
        memcpy(other, items, size * sizeof(int64_t))
