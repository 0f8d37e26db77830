"""The second look: whether a signal certainly says nothing that its plan does not know."""


cdef class _Fact:
    """What one declared fact may be. Bounds are inclusive; `least` and `most` are those of whole numbers."""

    cdef Kind kind
    cdef long long least, most
    cdef double low, high
    cdef frozenset known

    def __init__(self, kind, least, most, low, high, known):
        self.kind = (UNSURE, INTEGER, NUMBER, BOOLEAN, STRING, STRINGS)[KINDS.index(kind) + 1]
        self.least, self.most, self.low, self.high = least, most, low, high
        self.known = known or None


KINDS = ("integer", "number", "boolean", "string", "strings")


cdef inline bint whole(object value, long long least, long long most) except -1:
    cdef int overflow = 0
    cdef long long found = PyLong_AsLongLongAndOverflow(value, &overflow)
    return overflow == 0 and least <= found <= most


cdef inline bint undeclared(object value) except -1:
    if PyLong_CheckExact(value):
        return whole(value, LLONG_MIN, LLONG_MAX)
    return not PyFloat_CheckExact(value) or -INFINITY < PyFloat_AS_DOUBLE(value) < INFINITY


cdef bint fits(_Fact fact, object value) except -1:
    """Whether a value that is not null certainly is as declared."""
    cdef double number
    cdef Py_ssize_t index
    if fact.kind == STRING:
        return PyUnicode_CheckExact(value) and (fact.known is None or PySet_Contains(fact.known, value))
    if fact.kind == BOOLEAN:
        return PyBool_Check(value)
    if fact.kind == STRINGS:
        if not PyTuple_CheckExact(value):
            return False
        return fact.known is None or all_in(value, fact.known)
    if PyLong_CheckExact(value):
        return whole(value, fact.least, fact.most)
    if fact.kind == INTEGER or not PyFloat_CheckExact(value):
        return False
    number = PyFloat_AS_DOUBLE(value)
    return fact.low <= number <= fact.high and -INFINITY < number < INFINITY


cdef bint all_in(tuple values, frozenset known) except -1:
    cdef Py_ssize_t index
    for index in range(PyTuple_GET_SIZE(values)):
        if not PySet_Contains(known, <object>PyTuple_GET_ITEM(values, index)):
            return False
    return True


cdef bint all_fit(object facts, dict declared) except -1:
    cdef PyObject *key
    cdef PyObject *value
    cdef PyObject *fact
    cdef Py_ssize_t at = 0
    if not PyDict_CheckExact(facts):
        return False
    while PyDict_Next(facts, &at, &key, &value):
        if <object>value is None:
            continue
        fact = PyDict_GetItemWithError(declared, <object>key)
        if not (undeclared(<object>value) if fact == NULL else fits(<_Fact>fact, <object>value)):
            return False
    return True


cdef enum SignalField:
    OCCURRED_AT, ATTRIBUTES, PROFILE, TYPE, CHANNEL, BRAND, PAGE, PLACEMENTS

cdef tuple FIELDS = ("occurred_at", "attributes", "profile", "type", "channel", "brand", "page", "placements")


cdef class Vocabulary:
    """The quick look at signals of one plan; `models.decoding.vocabulary` says what a plan knows.

    Args:
      contract: The signal's.
      first: Earliest event time that is taken.
      last: Latest event time that is taken.
      attributes: By name, the arguments of what it may be: kind, least, most, low, high, known texts.
      profile: The same of facts about customers.
      names: Known types, channels, brands, pages and placements, each as a frozenset; no pages: any. None: any name.
      required: Names of attributes that behaviour cannot be without.
      page_required: Whether it needs a page.
      quiet: The type that is no behaviour.
    """

    cdef object contract
    cdef object first, last, quiet
    cdef dict attributes, profile
    cdef frozenset types, channels, brands, pages, placements
    cdef tuple required
    cdef bint page_required, any_name
    cdef Layout fields

    def __init__(self, contract, first, last, attributes, profile, names, required, page_required, quiet):
        self.contract, self.first, self.last, self.quiet = contract, first, last, quiet
        self.attributes = {name: _Fact(*fact) for name, fact in attributes.items()}
        self.profile = {name: _Fact(*fact) for name, fact in profile.items()}
        self.any_name = names is None
        self.types, self.channels, self.brands, self.pages, self.placements = names or (frozenset(),) * 5
        self.required, self.page_required = tuple(required), page_required
        self.fields = Layout(contract, FIELDS)

    def __call__(self, signal):
        """Whether a signal certainly is good."""
        if <object>type(signal) is not self.contract:
            return False
        at = _field(signal, self.fields, OCCURRED_AT)
        if not (PyObject_RichCompareBool(self.first, at, Py_LE) and PyObject_RichCompareBool(self.last, at, Py_GE)):
            return False
        attributes, profile = _field(signal, self.fields, ATTRIBUTES), _field(signal, self.fields, PROFILE)
        if not all_fit(attributes, self.attributes) or (profile is not None and not all_fit(profile, self.profile)):
            return False
        return self.any_name or self.knows(signal, attributes)

    cdef bint knows(self, object signal, dict attributes) except -1:
        cdef PyObject* value
        cdef Py_ssize_t index
        cdef Layout said = self.fields
        kind, page, placements = _field(signal, said, TYPE), _field(signal, said, PAGE), _field(signal, said, PLACEMENTS)
        if not (
            PySet_Contains(self.types, kind)
            and PySet_Contains(self.channels, _field(signal, said, CHANNEL))
            and PySet_Contains(self.brands, _field(signal, said, BRAND))
            and (page is None or not self.pages or PySet_Contains(self.pages, page))
            and PyTuple_CheckExact(placements)
            and all_in(placements, self.placements)
        ):
            return False
        if kind == self.quiet:
            return True
        if self.page_required and page is None:
            return False
        for index in range(PyTuple_GET_SIZE(self.required)):
            value = PyDict_GetItemWithError(attributes, <object>PyTuple_GET_ITEM(self.required, index))
            if value == NULL or <object>value is None:
                return False
        return True
