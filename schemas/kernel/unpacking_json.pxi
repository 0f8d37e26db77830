# Values of maps as JSON text, as msgspec spells them.


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
