# What structs of a class have in common in bytes. Part of `packing`.

cdef class _Shape:
    """What all structs of one class have in common in bytes."""

    cdef Field* fields
    cdef Kept* kept
    cdef Py_ssize_t count
    cdef bint known
    cdef list enumerations
    cdef tuple defaults
    cdef _Room usuals

    def __cinit__(self, like, encode, keep):
        """Find it in a struct of the class; `known` says whether it could be."""
        cdef Py_ssize_t index, size, offset
        cdef bytes key
        of = type(like)
        self.enumerations = []
        names, config = of.__struct_fields__, of.__struct_config__
        if config.array_like or config.tag is not None or config.omit_defaults:
            return
        self.fields = <Field*>calloc(len(names) + 1, sizeof(Field))
        if self.fields == NULL:
            raise MemoryError
        for index, (name, written) in enumerate(zip(names, of.__struct_encode_fields__, strict=True)):
            offset, key = nb_offset(of, name), encode(written)
            size = PyBytes_GET_SIZE(key)
            if size > KEY or not offset:
                return
            self.fields[index].offset, self.fields[index].size = offset, size
            memcpy(self.fields[index].key, PyBytes_AS_STRING(key), size)
            held = getattr(like, name, None)
            if slot(<PyObject*>like, self.fields[index].offset)[0] != <PyObject*>held:
                return
            if isinstance(held, enum.StrEnum):
                texts = type(held)
                self.enumerations.append(texts)
                self.fields[index].texts = <PyObject*>texts
        self.count, self.known = len(names), True
        self._prepare(of.__struct_defaults__)
        if keep and config.frozen:
            self.kept = <Kept*>calloc(KEPT, sizeof(Kept))

    cdef int _prepare(self, tuple defaults) except -1:
        """Write the defaults, which are those of the last fields, with the names of these."""
        cdef Py_ssize_t index, first = self.count - PyTuple_GET_SIZE(defaults)
        cdef Field* field
        self.defaults, self.usuals = defaults, _Room()
        for index in range(self.count):
            field = &self.fields[index]
            reserve(self.usuals, 2 * PART)
            field.start = self.usuals.size
            memcpy(self.usuals.data + self.usuals.size, field.key, field.size)
            self.usuals.size += field.size
            if index >= first and put_short(self.usuals, PyTuple_GET_ITEM(defaults, index - first)):
                field.usual = PyTuple_GET_ITEM(defaults, index - first)
            else:
                field.usual, self.usuals.size = <PyObject*>self, field.start
            field.end = self.usuals.size
        return 0

    def __dealloc__(self):
        cdef Py_ssize_t index
        if self.kept != NULL:
            for index in range(KEPT):
                Py_XDECREF(self.kept[index].struct)
        free(self.kept)
        free(self.fields)


cdef inline PyObject** slot(PyObject* struct, Py_ssize_t offset) noexcept:
    return <PyObject**>(<char*>struct + offset)


cdef inline Py_ssize_t usual_until(_Shape shape, PyObject* struct, Py_ssize_t index) noexcept:
    """The first field after `index`, which holds its default, that does not hold its own."""
    index += 1
    while index < shape.count and slot(struct, shape.fields[index].offset)[0] == shape.fields[index].usual:
        index += 1
    return index


cdef inline Kept* kept_at(_Shape shape, PyObject* struct) noexcept:
    """Where the bytes of a struct are kept, if they are. Addresses are multiples of sixteen."""
    return &shape.kept[(<size_t>struct >> 4) % KEPT]


cdef inline bint put_kept(_Room out, Kept* kept, PyObject* struct) except -1:
    """Write the bytes of a struct as they are kept, or False."""
    if kept.struct != struct:
        return False
    reserve(out, kept.size + PART)
    memcpy(out.data + out.size, kept.data, kept.size)
    out.size += kept.size
    return True


cdef void keep(Kept* kept, PyObject* struct, const uint8_t* data, Py_ssize_t size) noexcept:
    """Keep the bytes of a struct, instead of those that were in its place."""
    cdef PyObject* before = kept.struct
    Py_INCREF(<object>struct)
    kept.struct, kept.size = struct, size
    memcpy(kept.data, data, size)
    Py_XDECREF(before)


cdef bint of_texts(_Shape shape, PyObject* struct) noexcept:
    """Whether nothing in a frozen struct can change: its fields are texts, tuples of texts, or null."""
    cdef Py_ssize_t index, item
    cdef PyObject* value
    for index in range(shape.count):
        value = slot(struct, shape.fields[index].offset)[0]
        if value == NULL:
            return False
        if PyUnicode_CheckExact(value) or value == Py_None or type_of(value) == shape.fields[index].texts:
            continue
        if not PyTuple_CheckExact(value):
            return False
        for item in range(PyTuple_GET_SIZE(<tuple>value)):
            if not PyUnicode_CheckExact(PyTuple_GET_ITEM(<tuple>value, item)):
                return False
    return True
