# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Msgpack to Arrow's buffers, without the structs between: what `schemas.columns` does with decoded records.

It reads what our own coders write: every field, in the order of the contract, times in UTC to the microsecond, maps
sorted. Whatever else it meets it leaves to the Python form, which decodes the records and says what is wrong.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

import msgspec

VERSION = 1

include "unpacking_buffers.pxi"
include "unpacking_msgpack.pxi"
include "unpacking_fields.pxi"
include "unpacking_json.pxi"


cdef class Unpacker:
    """The columns of one contract.

    Its fields come as tuples `(kind, nullable, repeated, name, fields)`; those of a map are its key and its value.

    All threads of a process share one, and its buffers: a call that finds it in use takes another. It holds the GIL,
    which would otherwise be given and taken back for every record, so that this is seldom.
    """

    cdef Node root
    cdef list _names
    cdef object _fields
    cdef bint _busy

    def __cinit__(self, fields):
        self._names, self._fields = [], fields
        self.root.kind = K_RECORD
        self._fill(&self.root, fields)

    def __dealloc__(self):
        clear(&self.root)

    cdef _fill(self, Node* node, fields):
        cdef Node* part
        cdef bytes key
        cdef int index
        node.parts = <Node*>calloc(max(len(fields), 1), sizeof(Node))
        if node.parts == NULL:
            raise MemoryError
        node.size = len(fields)
        for index in range(node.size):
            kind, nullable, repeated, name, inner = fields[index]
            part = node.parts + index
            key = msgspec.msgpack.encode(name)
            self._names.append(key)
            part.key, part.key_size = <Bytes>PyBytes_AS_STRING(key), len(key)
            part.kind, part.nullable, part.repeated = kind, nullable, repeated
            if part.kind not in range(8) or len(inner) < (2 if part.kind == K_MAP else 0):
                raise ValueError(f"no kind of field: {kind!r} of {len(inner)} fields")
            self._fill(part, inner)

    def unpack(self, records):
        """The buffers of the records' fields, or None if one is not what our coders write.

        Per field `(lists, starts, values, nulls, valid, ends, data, fields)`: counts, and bytes of Arrow's layout.

        Raises:
          MemoryError: There is no room for them.
          TypeError: A record is no bytes.
        """
        if self._busy:
            return Unpacker(self._fields).unpack(records)
        self._busy = True
        try:
            return self._unpacked(records)
        finally:
            self._busy = False

    cdef list _unpacked(self, records):
        cdef Bytes at
        cdef Bytes end
        cdef bytes record
        cdef int result
        if begin(&self.root):
            raise MemoryError
        for record in records:
            if record is None:
                raise TypeError("a record is None")
            at = <Bytes>PyBytes_AS_STRING(record)
            end = at + PyBytes_GET_SIZE(record)
            result = add_record(&self.root, &at, end)
            if result == FULL:
                raise MemoryError
            if result or at != end:
                return None
        return found(&self.root)


cdef list found(Node* node):
    cdef Node* part
    cdef list fields = []
    cdef int index
    for index in range(node.size):
        part = node.parts + index
        fields.append(
            (
                part.lists,
                taken(&part.starts),
                part.values,
                part.nulls,
                taken(&part.valid) if part.nulls else None,
                taken(&part.ends),
                taken(&part.data),
                found(part),
            )
        )
    return fields
