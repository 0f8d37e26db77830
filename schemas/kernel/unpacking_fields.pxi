# A field's values, record by record: each is read and added to its column.

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
