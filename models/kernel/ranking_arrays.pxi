# Arrays of doubles and where they lie, and what is checked of tables before loops that check nothing.

cdef object ZERO = 0.0


cdef class _Doubles:
    """An array of doubles, and where they lie: nobody may resize it."""

    cdef object array
    cdef double* at

    def __cinit__(self, array):
        cdef double[::1] view = array
        self.array = array
        self.at = &view[0] if view.shape[0] else NULL


cdef _Doubles _copied(values):
    return _Doubles(np.array(values, dtype=np.float64))


cdef _Doubles _empty(Py_ssize_t size):
    return _Doubles(np.empty(size))


cdef tuple _floats(double* values, Py_ssize_t size):
    """As a tuple of Python floats; there is one 0.0, and no -0.0 comes here."""
    cdef tuple found = PyTuple_New(size)
    cdef Py_ssize_t i
    for i in range(size):
        if values[i] == 0.0:
            Py_INCREF(<PyObject*>ZERO)
            PyTuple_SET_ITEM(found, i, <PyObject*>ZERO)
        else:
            PyTuple_SET_ITEM(found, i, PyFloat_FromDouble(values[i]))
    return found


cdef int _hold(int64_t[::1] indices, Py_ssize_t size, str what) except -1:
    """Raise what would be read beyond a table: in loops nothing is checked."""
    cdef Py_ssize_t i
    for i in range(indices.shape[0]):
        if not 0 <= indices[i] < size:
            raise ValueError(f"no {what} {indices[i]}; there are {size}")
    return 0


cdef int _aligned(_Doubles values, Py_ssize_t size) except -1:
    if len(values.array) != size:
        raise ValueError(f"{len(values.array)} values where there are {size}")
    return 0
