# cython: language_level=3, boundscheck=False, wraparound=False, nonecheck=True, cdivision=True, initializedcheck=False
"""What of decoding is the same for nearly every payload: looks once at its bytes, and once at the signal made of them.

Both looks say yes or "not sure", never no: what they are not sure of, `models.decoding` reads and examines in Python,
which alone says what is refused, and why.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError, PyDict_Next
from cpython.object cimport Py_GE, Py_LE, PyObject, PyObject_RichCompareBool
from cpython.set cimport PySet_Contains
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.limits cimport LLONG_MAX, LLONG_MIN
from libc.math cimport INFINITY
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, strncmp

VERSION = 1

cdef extern from "Python.h":
    bint PyBool_Check(object)
    bint PyDict_CheckExact(object)
    bint PyFloat_CheckExact(object)
    bint PyLong_CheckExact(object)
    bint PyTuple_CheckExact(object)
    bint PyUnicode_CheckExact(object)
    double PyFloat_AS_DOUBLE(object)
    long long PyLong_AsLongLongAndOverflow(object, int*) except? -1
    object PyUnicode_DecodeUTF8(const char*, Py_ssize_t, const char*)

cdef enum:
    MAX_DEPTH = 32  # as models.decoding.json_text says; deeper is not sure
    MOST_KEYS = 256  # of an object and those that it is inside of
    MOST_DIGITS = 18  # of a whole number: always within 64 bits

cdef enum Awaited:
    FIRST_KEY, KEY, FIRST_ITEM, ITEM, NEXT

cdef enum Kind:
    UNDECLARED, INTEGER, NUMBER, BOOLEAN, STRING, STRINGS, UNSURE

cdef bint plain[256]
"""Bytes that are themselves inside of a text, and ASCII."""

for _byte in range(256):
    plain[_byte] = 0x20 <= _byte < 0x80 and _byte not in b'"\\'

# Bytes are followed by a NUL, which is no plain byte, no digit and no white space: nothing below reads beyond it.

cdef struct Text:
    const unsigned char* stop  # its closing quote
    bint escaped
    bint wide


cdef inline int hexadecimal(unsigned char c) noexcept nogil:
    if c'0' <= c <= c'9':
        return c - c'0'
    c |= 0x20
    return c - c'a' + 10 if c'a' <= c <= c'f' else -1


cdef inline bint text(const unsigned char* at, Text* found) noexcept nogil:
    """Whether a text, from after its opening quote, certainly can be kept."""
    cdef int figure, code, index
    cdef unsigned char c
    found.escaped = False
    while True:
        while plain[at[0]]:
            at += 1
        if at[0] == c'"':
            found.stop = at
            return True
        if at[0] >= 0x80:  # looked at as a whole, when all is read
            found.wide = True
            at += 1
            continue
        if at[0] != c'\\':  # a control character, or the end
            return False
        found.escaped = True
        c = at[1]
        at += 2
        if c == c'u':
            code = 0
            for index in range(4):
                figure = hexadecimal(at[index])
                if figure < 0:
                    return False
                code = code * 16 + figure
            if code == 0 or 0xD800 <= code <= 0xDFFF:  # NUL, or half a pair: it may have its other half
                return False
            at += 4
        elif c not in (c'"', c'\\', c'/', c'b', c'f', c'n', c'r', c't'):
            return False


cdef inline const unsigned char* past_blanks(const unsigned char* at) noexcept nogil:
    """The first byte that is no white space of JSON."""
    while at[0] == c' ' or at[0] == c'\n' or at[0] == c'\t' or at[0] == c'\r':
        at += 1
    return at


cdef inline bint digit(unsigned char c) noexcept nogil:
    return c'0' <= c <= c'9'


cdef inline const unsigned char* number(const unsigned char* at) noexcept nogil:
    """Where a number ends that 64 bits or a double certainly hold; NULL: not sure."""
    cdef const unsigned char* start
    if at[0] == c'-':
        at += 1
    start = at
    while digit(at[0]):
        at += 1
    if at == start or at - start > MOST_DIGITS or (start[0] == c'0' and at - start > 1):
        return NULL
    if at[0] == c'.':
        at += 1
        start = at
        while digit(at[0]):
            at += 1
        if at == start:
            return NULL
    if (at[0] | 0x20) == c'e':
        at += 1
        if at[0] == c'+' or at[0] == c'-':
            at += 1
        start = at
        while digit(at[0]):
            at += 1
        if at == start or at - start > 2:
            return NULL
    return at


cdef struct Object:
    Py_ssize_t first  # index of its first key; -1: an array
    uint64_t seen  # a bit for each hash of a key


cdef struct Keys:
    Py_ssize_t count
    const unsigned char* start[MOST_KEYS]
    Py_ssize_t length[MOST_KEYS]


cdef inline bint new_key(Keys* keys, Object* inside, const unsigned char* start, Py_ssize_t length) noexcept nogil:
    """Remember a key; whether it certainly is the first of its name."""
    cdef Py_ssize_t index
    cdef uint64_t bit
    if keys.count == MOST_KEYS:
        return False
    bit = <uint64_t>1 << ((length * 31 + start[0] * 7 + (start[length - 1] if length else 0)) & 63)
    if inside.seen & bit:
        for index in range(inside.first, keys.count):
            if keys.length[index] == length and memcmp(keys.start[index], start, length) == 0:
                return False
    inside.seen |= bit
    keys.start[keys.count], keys.length[keys.count] = start, length
    keys.count += 1
    return True


cdef bint is_object(const unsigned char* at, const unsigned char* end, bint* wide) noexcept nogil:
    """Whether the bytes certainly are one good object, if what is not ASCII is UTF-8."""
    cdef Object nest[MAX_DEPTH + 1]
    cdef Keys keys
    cdef Text found
    cdef int depth = 0
    cdef Awaited awaited = ITEM
    cdef bint closes
    keys.count, found.wide = 0, False
    at = past_blanks(at)
    if at[0] != c'{':
        return False
    while True:
        at = past_blanks(at)
        if at[0] == c'"' and awaited != NEXT:
            if not text(at + 1, &found):
                return False
            if awaited == FIRST_KEY or awaited == KEY:
                if found.escaped or not new_key(&keys, &nest[depth], at + 1, found.stop - at - 1):
                    return False
                at = found.stop + 1
                at = past_blanks(at)
                if at[0] != c':':
                    return False
                at += 1
                awaited = ITEM
            else:
                at = found.stop + 1
                awaited = NEXT
        elif awaited == NEXT and at[0] == c',':
            at += 1
            awaited = ITEM if nest[depth].first < 0 else KEY
        elif at[0] == c'}' or at[0] == c']':
            closes = awaited == NEXT or awaited == (FIRST_KEY if at[0] == c'}' else FIRST_ITEM)
            if not closes or (nest[depth].first < 0) != (at[0] == c']'):
                return False
            if nest[depth].first >= 0:
                keys.count = nest[depth].first
            at += 1
            depth -= 1
            awaited = NEXT
            if depth == 0:
                break
        elif awaited != ITEM and awaited != FIRST_ITEM:
            return False
        elif at[0] == c'{' or at[0] == c'[':
            if depth == MAX_DEPTH:
                return False
            depth += 1
            nest[depth].first, nest[depth].seen = keys.count if at[0] == c'{' else -1, 0
            awaited = FIRST_KEY if at[0] == c'{' else FIRST_ITEM
            at += 1
        else:
            if strncmp(<const char*>at, "true", 4) == 0 or strncmp(<const char*>at, "null", 4) == 0:
                at += 4
            elif strncmp(<const char*>at, "false", 5) == 0:
                at += 5
            else:
                at = number(at)
                if at == NULL:
                    return False
            awaited = NEXT
    at = past_blanks(at)
    wide[0] = found.wide
    return at == end


def certain(payload):
    """Whether a payload certainly is one object that `models.decoding.json_text.read_object` takes as it is.

    Not so sure of: keys with escapes, pairs of surrogates as escapes, more than 18 digits, and what is really wrong.
    """
    cdef bint wide = False
    cdef const unsigned char* start
    if type(payload) is not bytes:
        return False
    start = <const unsigned char*>PyBytes_AS_STRING(payload)
    if not is_object(start, start + PyBytes_GET_SIZE(payload), &wide):
        return False
    if wide:
        try:
            PyUnicode_DecodeUTF8(<const char*>start, PyBytes_GET_SIZE(payload), NULL)
        except UnicodeDecodeError:
            return False
    return True


include "struct_fields.pxi"
include "decoding_facts.pxi"
