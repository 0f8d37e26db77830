# Fields of structs by where they lie, for what is read of every event: no name is looked up. A struct that is laid out
# in another way, or not of the very type, is read by name.

include "../../schemas/kernel/struct_offsets.pxi"


cdef class Layout:
    """Where the fields of one type of struct lie."""

    cdef object of
    cdef tuple names
    cdef Py_ssize_t offsets[16]

    def __init__(self, of, tuple names):
        cdef Py_ssize_t i
        if len(names) > 16:
            raise ValueError("too many fields")
        self.of, self.names = of, names
        for i in range(len(names)):
            self.offsets[i] = nb_offset(of, names[i])


cdef inline object _field(object struct, Layout layout, int place):
    """`getattr(struct, layout.names[place])`."""
    cdef PyObject *found
    if type(struct) is layout.of and layout.offsets[place] > 0:
        found = (<PyObject **>(<char *><PyObject *>struct + layout.offsets[place]))[0]
        if found != NULL:
            return <object>found
    return getattr(struct, layout.names[place])
