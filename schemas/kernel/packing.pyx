# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Contracts to msgpack, byte for byte as msgspec's encoder with `order="deterministic"` writes them.

Of each class of structs the names of fields are written once, and their places found once; values that contracts hold
are written where they stand; fields that hold their defaults are copied in rows. All else (lists, naive times, large
integers, what nobody foresaw) is left to msgspec.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy, memmove

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.datetime cimport (
    datetime_day, datetime_hour, datetime_microsecond, datetime_minute, datetime_month, datetime_second,
    datetime_tzinfo, datetime_year, import_datetime,
)
from cpython.dict cimport PyDict_Next, PyDict_Size
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.buffer cimport PyBUF_READ
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE

import enum
from datetime import UTC, datetime

import msgspec

import_datetime()

VERSION = 2

cdef extern from "Python.h":
    bint PyFloat_CheckExact(PyObject*)
    bint PyLong_CheckExact(PyObject*)
    bint PyUnicode_CheckExact(PyObject*)
    bint PyTuple_CheckExact(PyObject*)
    bint PyDict_CheckExact(PyObject*)
    bint PyUnicode_IS_ASCII(PyObject*)
    bint PyUnicode_IS_COMPACT_ASCII(PyObject*)
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject*)
    void* PyUnicode_DATA(PyObject*)
    const char* PyUnicode_AsUTF8AndSize(PyObject*, Py_ssize_t*) except NULL
    double PyFloat_AS_DOUBLE(PyObject*)
    long long PyLong_AsLongLongAndOverflow(PyObject*, int*) except? -1
    ctypedef struct PyTypeObject:
        pass
    bint PyType_IsSubtype(PyTypeObject*, PyTypeObject*)
    PyObject* type_of "(PyObject*)Py_TYPE" (PyObject*)
    PyObject* Py_None
    PyObject* Py_True
    PyObject* Py_False

cdef enum:
    KEY = 32  # a field's name as it is written, at most
    PART = 64 + 256  # a name, and a value of fixed size, a short text or the head of another
    ENTRIES = 32  # of a map that is sorted here
    DEEPEST = 32
    KEEP = 1 << 20  # bytes of room that are not given back
    KEPT = 512  # structs of a class, at most, whose bytes are kept
    SHORT = 104  # bytes of such a struct, at most

cdef struct Field:
    Py_ssize_t offset
    Py_ssize_t size
    PyObject* texts  # the enumeration that its values are of, which the shape holds
    PyObject* usual  # its default, which the shape holds, if that never changes; else the shape itself, no value
    Py_ssize_t start, end  # name and default in the shape's `usuals`
    uint8_t key[KEY]

cdef struct Kept:
    PyObject* struct  # held, so that no other comes to be where it is
    Py_ssize_t size
    uint8_t data[SHORT]

cdef struct Entry:
    const char* key
    Py_ssize_t size
    PyObject* name
    PyObject* value

# Kept here, and compared by address.
cdef tuple _KNOWN = (type(msgspec.Struct), enum.StrEnum, datetime, UTC, msgspec.UNSET, enum.EnumType, ())
cdef PyObject* STRUCT = PyTuple_GET_ITEM(_KNOWN, 0)
cdef PyObject* TEXTS = PyTuple_GET_ITEM(_KNOWN, 1)
cdef PyObject* TIME = PyTuple_GET_ITEM(_KNOWN, 2)
cdef PyObject* ZULU = PyTuple_GET_ITEM(_KNOWN, 3)
cdef PyObject* UNSET = PyTuple_GET_ITEM(_KNOWN, 4)
cdef PyObject* ENUM = PyTuple_GET_ITEM(_KNOWN, 5)
cdef PyObject* EMPTY = PyTuple_GET_ITEM(_KNOWN, 6)


include "packing_bytes.pxi"
include "struct_offsets.pxi"
include "packing_shapes.pxi"


cdef class Packer:
    """The bytes of contracts.

    Threads share it. What is left to msgspec may let another thread come before a record is done: each takes the room
    that lies idle, or makes its own.

    Args:
      encode: msgspec's own, for what is left to it.
      kept: Classes of frozen structs of which the same ones are written again and again: the bytes of those that are
        short, and of nothing but texts, are kept.
    """

    cdef object other
    cdef frozenset kept
    cdef dict shapes
    cdef _Room idle
    cdef _Shape latest
    cdef PyObject* latest_of  # its class, which `shapes` holds

    def __cinit__(self, encode, kept=()):
        self.other, self.shapes, self.kept = encode, {}, frozenset(kept)

    def encode(self, record):
        """The bytes of one struct, or of anything else that msgspec encodes.

        Raises:
          TypeError, OverflowError: As msgspec does, of what it cannot encode.
        """
        cdef _Room out = self._room()
        if not put_short(out, <PyObject*>record):
            self._value(out, <PyObject*>record, 0)
        return self._made(out)

    def sealed(self, record, bytes unsealed, digest):
        """The digest of a struct's bytes, and the bytes with that digest in place of an empty text.

        Args:
          record: The struct.
          unsealed: The name of the field for it, and an empty text, as they are written. It is the last of the kind.
          digest: From a view of bytes, which is gone when it returns, to 1 to 255 ASCII letters.

        Raises:
          TypeError, OverflowError: As `encode` does.
          ValueError: There is no such field, or no such digest.
        """
        cdef _Room out = self._room()
        cdef Py_ssize_t at, size, length = PyBytes_GET_SIZE(unsealed)
        cdef str seal
        self._struct(out, record, 0)
        at = out.size - length
        while at >= 0 and memcmp(out.data + at, PyBytes_AS_STRING(unsealed), length):
            at -= 1
        seal = digest(PyMemoryView_FromMemory(<char*>out.data, out.size, PyBUF_READ))
        size = len(seal)
        if at < 0 or not seal.isascii() or not 0 < size < 256:
            raise ValueError("no place for a digest, or none that fits")
        self._splice(out, at + length - 1, seal, size)
        return seal, self._made(out)

    cdef _Room _room(self):
        """Room for one struct, which nobody else has meanwhile."""
        cdef _Room out
        out, self.idle = self.idle, None
        if out is None:
            out = _Room()
        out.size = 0
        reserve(out, PART)
        return out

    cdef bytes _made(self, _Room out):
        """What was written, and the room back."""
        made = PyBytes_FromStringAndSize(<char*>out.data, out.size)
        if out.room <= KEEP:
            self.idle = out
        return made

    cdef int _splice(self, _Room out, Py_ssize_t at, str text, Py_ssize_t size) except -1:
        """Put a text of ASCII letters where an empty one is."""
        cdef Py_ssize_t head = 1 if size < 32 else 2, end = out.size
        reserve(out, size + 8)
        memmove(out.data + at + head + size, out.data + at + 1, end - at - 1)
        out.size = at
        put_text(out, <const char*>PyUnicode_DATA(<PyObject*>text), size)
        out.size = end + head + size - 1
        return 0

    cdef int _value(self, _Room out, PyObject* value, int depth) except -1:
        """Any value that `put_short` did not write."""
        cdef PyObject* of = type_of(value)
        cdef PyObject* kind = type_of(of)
        cdef long long number
        cdef int beyond
        if PyUnicode_CheckExact(value):
            return put_str(out, value)
        if kind == ENUM and PyType_IsSubtype(<PyTypeObject*>of, <PyTypeObject*>TEXTS):
            return put_str(out, value)
        if PyLong_CheckExact(value):
            number = PyLong_AsLongLongAndOverflow(value, &beyond)
            if beyond:
                return self._left(out, value)
            put_integer(out, number)
        elif of == TIME and in_utc(<object>value):
            put_time(out, <object>value)
        elif depth >= DEEPEST:
            return self._left(out, value)
        elif PyTuple_CheckExact(value):
            return self._tuple(out, <tuple>value, depth + 1)
        elif kind == STRUCT:
            return self._struct(out, <object>value, depth + 1)
        elif PyDict_CheckExact(value):
            return self._map(out, <dict>value, depth + 1)
        else:
            return self._left(out, value)
        return 0

    cdef int _left(self, _Room out, PyObject* value) except -1:
        """What msgspec writes of a value."""
        cdef bytes data = self.other(<object>value)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        reserve(out, size)
        memcpy(out.data + out.size, PyBytes_AS_STRING(data), size)
        out.size += size
        return 0

    cdef int _tuple(self, _Room out, tuple values, int depth) except -1:
        cdef Py_ssize_t index, size = PyTuple_GET_SIZE(values)
        cdef PyObject* value
        put_head(out, size, 0x90, 16, 0xDC)
        for index in range(size):
            reserve(out, PART)
            value = PyTuple_GET_ITEM(values, index)
            if not put_short(out, value):
                self._value(out, value, depth)
        return 0

    cdef inline _Shape _shape(self, object struct):
        """Of the struct's class; structs of one class come in rows."""
        if type_of(<PyObject*>struct) == self.latest_of:
            return self.latest
        of = type(struct)
        shape = self.shapes.get(of)
        if shape is None:
            shape = self.shapes[of] = _Shape(struct, self.other, of in self.kept)
        self.latest, self.latest_of = shape, <PyObject*>of
        return shape

    cdef int _struct(self, _Room out, object struct, int depth) except -1:
        cdef _Shape shape = self._shape(struct)
        cdef Py_ssize_t index = 0, size, start = out.size
        cdef PyObject* value
        cdef Field* field
        if not shape.known:
            return self._left(out, <PyObject*>struct)
        if shape.kept != NULL and put_kept(out, kept_at(shape, <PyObject*>struct), <PyObject*>struct):
            return 0
        put_head(out, shape.count, 0x80, 16, 0xDE)
        while index < shape.count:
            field = &shape.fields[index]
            value = slot(<PyObject*>struct, field.offset)[0]
            if value == field.usual:
                index = usual_until(shape, <PyObject*>struct, index)
                size = shape.fields[index - 1].end - field.start
                reserve(out, size + PART)
                memcpy(out.data + out.size, shape.usuals.data + field.start, size)
                out.size += size
                continue
            if value == NULL or value == UNSET:
                out.size = start
                return self._left(out, <PyObject*>struct)
            index += 1
            reserve(out, PART)
            memcpy(out.data + out.size, field.key, KEY)  # whole: what is too much is written over
            out.size += field.size
            if type_of(value) == field.texts:
                put_str(out, value)
            elif not put_short(out, value):
                self._value(out, value, depth)
        if shape.kept != NULL and out.size - start <= SHORT and of_texts(shape, <PyObject*>struct):
            keep(kept_at(shape, <PyObject*>struct), <PyObject*>struct, out.data + start, out.size - start)
        return 0

    cdef int _map(self, _Room out, dict values, int depth) except -1:
        """A map with its keys in the order of their bytes."""
        cdef Entry entries[ENTRIES]
        cdef Entry entry
        cdef Py_ssize_t position = 0, count = 0, index, size = PyDict_Size(values)
        if size > ENTRIES:
            return self._left(out, <PyObject*>values)
        while PyDict_Next(values, &position, &entry.name, &entry.value):
            if not PyUnicode_CheckExact(entry.name) or not PyUnicode_IS_COMPACT_ASCII(entry.name):
                return self._left(out, <PyObject*>values)
            entry.key, entry.size = <const char*>PyUnicode_DATA(entry.name), PyUnicode_GET_LENGTH(entry.name)
            index = count
            while index and before(&entry, &entries[index - 1]):
                entries[index] = entries[index - 1]
                index -= 1
            entries[index] = entry
            count += 1
        put_head(out, size, 0x80, 16, 0xDE)
        return self._entries(out, entries, count, depth)

    cdef int _entries(self, _Room out, Entry* entries, Py_ssize_t count, int depth) except -1:
        cdef Py_ssize_t index
        for index in range(count):  # the map may be changed while a value is written
            Py_INCREF(<object>entries[index].name)
            Py_INCREF(<object>entries[index].value)
        try:
            for index in range(count):
                put_text(out, entries[index].key, entries[index].size)
                reserve(out, PART)
                if not put_short(out, entries[index].value):
                    self._value(out, entries[index].value, depth)
        finally:
            for index in range(count):
                Py_DECREF(<object>entries[index].name)
                Py_DECREF(<object>entries[index].value)
        return 0
