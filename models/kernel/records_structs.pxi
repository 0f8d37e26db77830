# Structs made from arrays of arguments, or as copies of others of their class.

cdef enum:
    MOST = 32  # fields of a struct


cdef inline object put(tuple into, Py_ssize_t at, object item):
    Py_INCREF(item)
    PyTuple_SET_ITEM(into, at, item)


cdef inline object item(tuple of, Py_ssize_t at):
    return <object>PyTuple_GET_ITEM(of, at)


cdef tuple own_names(contract, names):
    """The contract's own objects for names of its fields: it finds those by identity."""
    known = {name: name for name in contract.__struct_fields__}
    return tuple([known[name] for name in names])


cdef object default(contract, name):
    """The contract's own object for what a field holds if nothing is said: packing knows those by identity."""
    names, defaults = contract.__struct_fields__, contract.__struct_defaults__
    return defaults[names.index(name) - len(names) + len(defaults)]


cdef inline void fill(object struct, Py_ssize_t offset, PyObject* value) noexcept:
    """Set a field of a struct that nobody else has seen yet, as `msgspec.structs.force_setattr` does."""
    cdef PyObject** place = <PyObject**>(<char*><PyObject*>struct + offset)
    cdef PyObject* before = place[0]
    Py_INCREF(<object>value)
    place[0] = value
    Py_XDECREF(before)


cdef class Mould:
    """Structs of one class as copies of one of them, in which some fields are set anew."""

    cdef object copy
    cdef Py_ssize_t offsets[MOST]

    def __cinit__(self, like, names):
        """Find where `names` are in structs like `like`.

        Raises:
          TypeError: They are not where they should be.
        """
        cdef Py_ssize_t index
        of = type(like)
        self.copy = of.__copy__
        for index, name in enumerate(names):
            self.offsets[index] = nb_offset(of, name)
            if not self.offsets[index]:
                raise TypeError(f"{name!r} is no slot")
            tried, value = self.copy(like), object()
            fill(tried, self.offsets[index], <PyObject*>value)
            if getattr(tried, name) is not value:
                raise TypeError(f"{name!r} is not where it should be")


cdef object called(contract, tuple held, tuple names):
    """A struct with these values in the order of these names."""
    cdef PyObject* arguments[MOST]
    cdef Py_ssize_t index
    for index in range(PyTuple_GET_SIZE(held)):
        arguments[index] = PyTuple_GET_ITEM(held, index)
    return PyObject_Vectorcall(contract, arguments, 0, names)
