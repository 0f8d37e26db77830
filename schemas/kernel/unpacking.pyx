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

STRING, INTEGER, FLOAT, BOOLEAN, TIMESTAMP, BYTES, RECORD, MAP = range(8)

cdef enum Kind:
    K_STRING = 0
    K_INTEGER = 1
    K_FLOAT = 2
    K_BOOLEAN = 3
    K_TIMESTAMP = 4
    K_BYTES = 5
    K_RECORD = 6
    K_MAP = 7

cdef enum Result:
    FINE = 0
    OTHER = 1  # not what our coders write
    FULL = 2  # no memory

cdef struct Buffer:
    uint8_t* data
    int64_t size
    int64_t room

cdef struct Node:
    int kind
    bint nullable
    bint repeated
    const uint8_t* key  # the field's name, as msgpack writes it
    int64_t key_size
    int size
    Node* parts
    int64_t lists  # how many lists, if it is repeated or a map
    int64_t values
    int64_t nulls
    Buffer starts  # int32, one more than lists
    Buffer ends  # int32, one more than values: of texts and bytes
    Buffer data
    Buffer valid  # bits

ctypedef const uint8_t* Bytes


cdef int room_for(Buffer* buffer, int64_t more) noexcept nogil:
    cdef int64_t room
    cdef uint8_t* data
    if buffer.size + more <= buffer.room:
        return FINE
    room = 2 * buffer.room + more + 64
    data = <uint8_t*>realloc(buffer.data, room)
    if data == NULL:
        return FULL
    buffer.data, buffer.room = data, room
    return FINE


cdef inline int add(Buffer* buffer, const void* data, int64_t size) noexcept nogil:
    if room_for(buffer, size):
        return FULL
    if size:
        memcpy(buffer.data + buffer.size, data, size)
        buffer.size += size
    return FINE


cdef inline int add_end(Buffer* buffer, int64_t end) noexcept nogil:
    cdef int32_t narrow = <int32_t>end
    return OTHER if narrow != end else add(buffer, &narrow, 4)


cdef inline int add_number(Buffer* buffer, int64_t number) noexcept nogil:
    return add(buffer, &number, 8)


cdef inline int add_bit(Buffer* buffer, int64_t at, bint bit) noexcept nogil:
    if not at & 7:
        if room_for(buffer, 1):
            return FULL
        buffer.data[buffer.size] = 0
        buffer.size += 1
    if bit:
        buffer.data[at >> 3] |= <uint8_t>(1 << (at & 7))
    return FINE


cdef inline uint64_t big_endian(Bytes at, int size) noexcept nogil:
    cdef uint64_t found = 0
    cdef int i
    for i in range(size):
        found = found << 8 | at[i]
    return found


cdef inline int length(Bytes* at, Bytes end, uint8_t fixed, uint8_t mask, uint8_t small, int64_t* found) noexcept nogil:
    """The length in a header: in its own byte if it is one of `fixed`, else in the 1, 2 or 4 bytes after it.

    `small`: the header with one byte; for lists and maps, which have none, what comes before the one with two.
    """
    cdef uint8_t head
    cdef int size
    if at[0] >= end:
        return OTHER
    head = at[0][0]
    if mask and head & ~mask == fixed:
        found[0] = head & mask
        at[0] += 1
        return FINE
    if head < small + (mask == 0x0F) or head > small + 2:
        return OTHER
    size = 1 << (head - small)
    if end - at[0] <= size:
        return OTHER
    found[0] = big_endian(at[0] + 1, size)
    at[0] += 1 + size
    return FINE


cdef inline int text(Bytes* at, Bytes end, int64_t* size) noexcept nogil:
    if length(at, end, 0xA0, 0x1F, 0xD9, size):
        return OTHER
    return OTHER if end - at[0] < size[0] else FINE


cdef inline int integer(Bytes* at, Bytes end, int64_t* found) noexcept nogil:
    cdef uint8_t head
    cdef int size
    cdef uint64_t bits
    if at[0] >= end:
        return OTHER
    head = at[0][0]
    if head < 0x80 or head >= 0xE0:
        found[0] = head if head < 0x80 else <int64_t>head - 256
        at[0] += 1
        return FINE
    if head < 0xCC or head > 0xD3:
        return OTHER
    size = 1 << (head & 3)
    if end - at[0] <= size:
        return OTHER
    bits = big_endian(at[0] + 1, size)
    at[0] += 1 + size
    if head <= 0xCF:
        found[0] = <int64_t>bits
        return OTHER if bits >> 63 else FINE
    if size < 8 and bits >> (8 * size - 1):
        bits |= ~<uint64_t>0 << (8 * size)
    found[0] = <int64_t>bits
    return FINE


cdef inline int add_float(Node* node, Bytes* at, Bytes end) noexcept nogil:
    cdef int64_t whole
    cdef double number
    if at[0] < end and at[0][0] == 0xCB:
        if end - at[0] < 9:
            return OTHER
        whole = <int64_t>big_endian(at[0] + 1, 8)
        at[0] += 9
        return add_number(&node.data, whole)
    if integer(at, end, &whole):
        return OTHER
    number = <double>whole
    return add(&node.data, &number, 8)


cdef inline int add_time(Node* node, Bytes* at, Bytes end) noexcept nogil:
    cdef uint64_t both
    cdef int64_t seconds
    cdef uint64_t nanos = 0
    if end - at[0] >= 6 and at[0][0] == 0xD6 and at[0][1] == 0xFF:
        seconds = big_endian(at[0] + 2, 4)
        at[0] += 6
    elif end - at[0] >= 10 and at[0][0] == 0xD7 and at[0][1] == 0xFF:
        both = big_endian(at[0] + 2, 8)
        seconds, nanos = both & 0x3FFFFFFFFULL, both >> 34
        at[0] += 10
    elif end - at[0] >= 15 and at[0][0] == 0xC7 and at[0][1] == 12 and at[0][2] == 0xFF:
        nanos = big_endian(at[0] + 3, 4)
        seconds = <int64_t>big_endian(at[0] + 7, 8)
        at[0] += 15
    else:
        return OTHER
    # Years 1 to 9999, as datetimes are.
    if nanos % 1000 or nanos >= 1000000000 or seconds < -62135596800LL or seconds > 253402300799LL:
        return OTHER
    return add_number(&node.data, seconds * 1000000LL + <int64_t>(nanos // 1000))


cdef inline int add_text(Node* node, const void* at, int64_t size) noexcept nogil:
    return add(&node.data, at, size) or add_end(&node.ends, node.data.size)


cdef int add_null(Node* node) noexcept nogil:
    if not node.nullable:
        return OTHER
    if add_bit(&node.valid, node.values, 0):
        return FULL
    node.nulls += 1
    node.values += 1
    if node.kind == K_STRING or node.kind == K_BYTES:
        return add_end(&node.ends, node.data.size)
    if node.kind == K_BOOLEAN:
        return add_bit(&node.data, node.values - 1, 0)
    return add_number(&node.data, 0)


cdef int add_scalar(Node* node, Bytes* at, Bytes end) noexcept nogil:
    cdef int64_t number
    cdef int result
    if at[0] >= end:
        return OTHER
    if at[0][0] == 0xC0:
        at[0] += 1
        return add_null(node)
    if node.kind == K_STRING:
        if text(at, end, &number):
            return OTHER
        result = add_text(node, at[0], number)
        at[0] += number
    elif node.kind == K_FLOAT:
        result = add_float(node, at, end)
    elif node.kind == K_INTEGER:
        if integer(at, end, &number):
            return OTHER
        result = add_number(&node.data, number)
    elif node.kind == K_BOOLEAN:
        if at[0][0] != 0xC2 and at[0][0] != 0xC3:
            return OTHER
        result = add_bit(&node.data, node.values, at[0][0] == 0xC3)
        at[0] += 1
    elif node.kind == K_TIMESTAMP:
        result = add_time(node, at, end)
    else:
        if length(at, end, 0, 0, 0xC4, &number) or end - at[0] < number:
            return OTHER
        result = add_text(node, at[0], number)
        at[0] += number
    if result:
        return result
    if node.nullable and add_bit(&node.valid, node.values, 1):
        return FULL
    node.values += 1
    return FINE


cdef int add_record(Node* node, Bytes* at, Bytes end) noexcept nogil:
    cdef int64_t size
    cdef int i, result
    cdef Node* part
    if length(at, end, 0x80, 0x0F, 0xDD, &size) or size != node.size:
        return OTHER
    for i in range(node.size):
        part = node.parts + i
        if end - at[0] < part.key_size or memcmp(at[0], part.key, part.key_size):
            return OTHER
        at[0] += part.key_size
        result = add_value(part, at, end)
        if result:
            return result
    node.values += 1
    return FINE


cdef int add_list(Node* node, Bytes* at, Bytes end) noexcept nogil:
    cdef int64_t size, i
    cdef int result
    if length(at, end, 0x90, 0x0F, 0xDB, &size):
        return OTHER
    for i in range(size):
        result = add_record(node, at, end) if node.kind == K_RECORD else add_scalar(node, at, end)
        if result:
            return result
    node.lists += 1
    return add_end(&node.starts, node.values)


cdef int add_map(Node* node, Bytes* at, Bytes end) noexcept nogil:
    cdef int64_t size, i, name_size, before_size = 0
    cdef Bytes before = NULL
    cdef int order, result
    if at[0] < end and at[0][0] == 0xC0:
        if not node.nullable:
            return OTHER
        at[0] += 1
        size = 0
    elif length(at, end, 0x80, 0x0F, 0xDD, &size):
        return OTHER
    for i in range(size):
        if text(at, end, &name_size):
            return OTHER
        if before != NULL:
            order = memcmp(before, at[0], min(before_size, name_size))
            if order > 0 or order == 0 and before_size >= name_size:
                return OTHER
        before, before_size = at[0], name_size
        result = add_text(node.parts, at[0], name_size)
        if result:
            return result
        node.parts.values += 1
        at[0] += name_size
        result = add_json(node.parts + 1, at, end)
        if result:
            return result
    node.values += size
    node.lists += 1
    return add_end(&node.starts, node.values)


cdef inline bint is_plain(Bytes at, int64_t size) noexcept nogil:
    """Whether JSON has this text as it is."""
    cdef int64_t i
    for i in range(size):
        if at[i] < 0x20 or at[i] == 0x22 or at[i] == 0x5C:
            return False
    return True


cdef const char* TRUE = b"true"
cdef const char* FALSE = b"false"
cdef const char* QUOTE = b'"'


cdef int add_json(Node* node, Bytes* at, Bytes end) noexcept nogil:
    """Add a value of a map, as JSON text."""
    cdef Bytes start = at[0]
    cdef int64_t size
    cdef int result
    if start >= end:
        return OTHER
    if start[0] == 0xC0:
        at[0] += 1
        return add_null(node)
    if start[0] == 0xC2 or start[0] == 0xC3:
        at[0] += 1
        result = add_text(node, TRUE, 4) if start[0] == 0xC3 else add_text(node, FALSE, 5)
    elif text(at, end, &size) == FINE and is_plain(at[0], size):
        result = add(&node.data, QUOTE, 1) or add(&node.data, at[0], size) or add_text(node, QUOTE, 1)
        at[0] += size
    else:
        at[0] = start
        if skip(at, end, True):
            return OTHER
        with gil:
            result = add_spelt(node, start, at[0] - start)
    if result:
        return result
    node.values += 1
    return add_bit(&node.valid, node.values - 1, 1)


cdef int skip(Bytes* at, Bytes end, bint lists) noexcept nogil:
    """Pass over a number, a text, or a list of texts."""
    cdef int64_t size, number
    if integer(at, end, &number) == FINE:
        return FINE
    if at[0][0] == 0xCB and end - at[0] >= 9:
        at[0] += 9
        return FINE
    if text(at, end, &size) == FINE:
        at[0] += size
        return FINE
    if not lists or length(at, end, 0x90, 0x0F, 0xDB, &size):
        return OTHER
    for number in range(size):
        if text(at, end, &size):
            return OTHER
        at[0] += size
    return FINE


cdef object _json_text = msgspec.json.Encoder().encode
cdef object _decoded = msgspec.msgpack.Decoder().decode


cdef int add_spelt(Node* node, Bytes at, int64_t size) noexcept:
    """Add a value as msgspec spells it in JSON."""
    cdef bytes spelt
    try:
        spelt = _json_text(_decoded(PyBytes_FromStringAndSize(<const char*>at, size)))
    except BaseException:  # an interrupt, too: what is left unsaid here would count as said
        return OTHER
    return add_text(node, PyBytes_AS_STRING(spelt), PyBytes_GET_SIZE(spelt))


cdef int add_value(Node* node, Bytes* at, Bytes end) noexcept nogil:
    if node.kind == K_MAP:
        return add_map(node, at, end)
    if node.repeated:
        return add_list(node, at, end)
    if node.kind == K_RECORD:
        return add_record(node, at, end)
    return add_scalar(node, at, end)


cdef int begin(Node* node) noexcept nogil:
    """Empty, with room kept."""
    cdef int i
    node.lists = node.values = node.nulls = 0
    node.starts.size = node.ends.size = node.data.size = node.valid.size = 0
    if add_end(&node.starts, 0) or add_end(&node.ends, 0):
        return FULL
    for i in range(node.size):
        if begin(node.parts + i):
            return FULL
    return FINE


cdef void clear(Node* node) noexcept nogil:
    cdef int i
    for i in range(node.size):
        clear(node.parts + i)
    free(node.parts)
    free(node.starts.data)
    free(node.ends.data)
    free(node.data.data)
    free(node.valid.data)


cdef object taken(Buffer* buffer):
    return PyBytes_FromStringAndSize(<char*>buffer.data, buffer.size)


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
