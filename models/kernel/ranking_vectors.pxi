# The model's vector of a request's features: `models.features.table.LatestVector`.

cdef object log1p = np.log1p


cdef class _Vector:
    """The vector of the values that it was made of last, and room to make another."""

    cdef tuple values
    cdef bint finite
    cdef _Doubles x, above, logs

    def __cinit__(self, Py_ssize_t inputs, Py_ssize_t logs):
        self.x, self.above, self.logs = _empty(inputs), _empty(logs), _empty(logs)


cdef class Vectors:
    """`LatestVector`, compiled: a feature table that remembers its latest vector."""

    cdef readonly object table
    cdef readonly tuple vector_columns
    cdef Py_ssize_t columns, inputs, logs
    cdef int64_t[::1] picked, log
    cdef _Doubles low, high, scale
    cdef bint clips
    cdef _Vector idle
    cdef tuple given

    def __init__(self, table):
        self.table, self.vector_columns = table, table.vector_columns
        self.columns, self.clips = len(table.columns), table.clips
        self.picked = np.array(table.picked, dtype=np.int64)
        self.log = np.array(table.log, dtype=np.int64)
        self.inputs, self.logs = self.picked.shape[0], self.log.shape[0]
        self.low, self.high = _copied(table.low), _copied(table.high)
        self.scale = _copied(table.scale)
        _hold(self.picked, self.columns, "column")
        _hold(self.log, self.inputs, "input")
        for aligned in (self.low, self.high, self.scale):
            _aligned(aligned, self.inputs)

    def __reduce__(self):
        return Vectors, (self.table,)

    def vector(self, values):
        """As `LatestVector.vector`."""
        cdef tuple given = self.given
        cdef _Vector vector
        if given is not None and given[0] is values:
            return given[1]
        vector = self.take(values)
        x = self.table.vector(values) if vector is None else vector.x.array.copy()
        self.idle = vector
        x.setflags(write=False)
        self.given = (values, x)
        return x

    cdef _Vector take(self, values):
        """The vector of `values`, for the caller alone until it is put back; None: these values are not as declared."""
        cdef _Vector vector = self.idle
        if type(values) is not tuple or len(<tuple>values) != self.columns:
            return None
        self.idle = None
        if vector is None:
            vector = _Vector(self.inputs, self.logs)
        if vector.values is not values:
            self.fill(vector, values)
        return vector

    cdef int fill(self, _Vector vector, tuple values) except -1:
        cdef Py_ssize_t i
        cdef double* x = vector.x.at
        cdef double value, nothing = 0.0
        cdef PyObject* item
        vector.values = None
        for i in range(self.inputs):
            item = PyTuple_GET_ITEM(values, self.picked[i])
            value = PyFloat_AS_DOUBLE(item) if PyFloat_CheckExact(item) else PyFloat_AsDouble(<object>item)
            if self.clips:  # written so that a NaN stays one
                if value < self.low.at[i]:
                    value = self.low.at[i]
                if value > self.high.at[i]:
                    value = self.high.at[i]
            x[i] = value * self.scale.at[i]
        if self.logs:
            for i in range(self.logs):
                value = x[self.log[i]]
                vector.above.at[i] = 0.0 if value < 0.0 else value
            log1p(vector.above.array, vector.logs.array)
            for i in range(self.logs):
                x[self.log[i]] = vector.logs.at[i]
        for i in range(self.inputs):
            nothing += x[i] - x[i]  # 0, but for an infinity or a NaN
        vector.finite = nothing == 0.0
        vector.values = values
        return 0
