# What moved a propensity: `models.explain.Reasons` of a linear model.

cdef enum:
    MOST_REASONS = 64

cdef tuple ADDED = ("feature", "contribution")


cdef class Reasons:
    """`models.explain.Reasons` of a linear model, compiled."""

    cdef Vectors vectors
    cdef object scorer
    cdef _Doubles weights
    cdef Py_ssize_t top, actions, inputs

    def __init__(self, Vectors vectors, scorer, Py_ssize_t top):
        if type(scorer) is not LinearScorer or not 0 < top <= MOST_REASONS:
            raise ValueError("reasons of another model, or of more features, than the kernel knows")
        self.vectors, self.scorer, self.top = vectors, scorer, top
        self.actions, self.inputs = scorer.weights.shape
        self.weights = _Doubles(np.array(scorer.weights, dtype=np.float64).ravel())
        if self.inputs != vectors.inputs:
            raise ValueError(f"a model of {self.inputs} features, a table of {vectors.inputs}")

    def __reduce__(self):
        return Reasons, (self.vectors, self.scorer, self.top)

    def __call__(self, request, Py_ssize_t action):
        """Reasons for one action, or None."""
        cdef double best[MOST_REASONS]
        cdef Py_ssize_t at[MOST_REASONS]
        cdef Py_ssize_t i, k, kept = 0
        cdef double added
        cdef double* weights
        cdef _Vector vector
        if not 0 <= action < self.actions:
            return None
        vector = self.vectors.take(request.context.features)
        if vector is None:
            return None
        weights = self.weights.at + action * self.inputs
        for i in range(self.inputs):
            added = weights[i] * vector.x.at[i]
            if added != added:
                self.vectors.idle = vector
                return None
            if kept == self.top:
                if added <= best[kept - 1]:
                    continue
                kept -= 1
            k = kept
            while k > 0 and best[k - 1] < added:  # the one declared first stays before its equals
                best[k], at[k] = best[k - 1], at[k - 1]
                k -= 1
            best[k], at[k] = added, i
            kept += 1
        self.vectors.idle = vector
        return self.told(best, at, kept)

    cdef tuple told(self, double* best, Py_ssize_t* at, Py_ssize_t kept):
        cdef Py_ssize_t i
        cdef list found = []
        cdef object added
        cdef PyObject* arguments[2]
        for i in range(kept):
            if best[i] != 0.0:
                added = best[i]
                arguments[0] = PyTuple_GET_ITEM(self.vectors.vector_columns, at[i])
                arguments[1] = <PyObject*>added
                found.append(PyObject_Vectorcall(Contribution, arguments, 0, ADDED))
        return tuple(found)
