# Sums, maxima and distinct values of packed series.

cdef object _fsum = math.fsum


cdef double _sum_of(list total) except? -1:
    """The correctly rounded sum of all but the first."""
    cdef Py_ssize_t size = len(total)
    if size == 2:
        return <double>total[1]
    if size == 3:
        return <double>total[1] + <double>total[2]
    return _fsum(total[1:])


cdef double _fsum_of(const char *data, Py_ssize_t size) except? -1:
    """The correctly rounded sum of packed doubles."""
    cdef double one, other
    cdef Py_ssize_t i
    cdef list values
    memcpy(&one, data, 8)
    if size == 1:
        return one
    if size == 2:
        memcpy(&other, data + 8, 8)
        return one + other
    values = [one]
    for i in range(1, size):
        memcpy(&other, data + 8 * i, 8)
        values.append(other)
    return _fsum(values)


cdef double _maximum_of(const char *data, Py_ssize_t size) noexcept:
    """The largest of packed doubles; of equal ones the first."""
    cdef double largest, value
    cdef Py_ssize_t i
    memcpy(&largest, data, 8)
    for i in range(1, size):
        memcpy(&value, data + 8 * i, 8)
        if value > largest:
            largest = value
    return largest


cdef long long _distinct_of(const char *data, Py_ssize_t size) noexcept:
    """How many different words there are; up to 1024 of them."""
    cdef unsigned long long table[2048]
    cdef unsigned long long word
    cdef Py_ssize_t i, mask = 63, place
    cdef long long different = 0
    cdef bint nought = False
    while mask < 2 * size - 1 and mask < 2047:
        mask = 2 * mask + 1
    memset(table, 0, 8 * (mask + 1))
    for i in range(size):
        memcpy(&word, data + 8 * i, 8)
        if word == 0:
            different += not nought
            nought = True
            continue
        place = <Py_ssize_t>(word & <unsigned long long>mask)
        while table[place] != 0 and table[place] != word:
            place = (place + 1) & mask
        if table[place] == 0:
            table[place] = word
            different += 1
    return different
