# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Rules from bitmasks: reads the fields of a request, looks up what their values say, answers for all chains at once.

`models.plan.bitmasks` says what the tables mean. A request that is not made as the contracts say is left to the Python
form, whole: it says itself what it makes of it.
"""

from cpython.dict cimport PyDict_GetItemWithError
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.long cimport PyLong_AsDouble
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM
from libc.math cimport INFINITY
from libc.stdint cimport int32_t, uint64_t
from libc.string cimport memset

import numpy as np

cdef extern from "Python.h":
    double PyFloat_AS_DOUBLE(object)

VERSION = 1
MOST_WORDS = 256
MOST_ITEMS = 256

cdef enum:
    _MOST_WORDS = 256
    _MOST_ITEMS = 256

cdef enum How:
    BY_KEY, BY_INDEX, BY_NAME, BY_CALL

cdef enum Kind:
    NUMBER, TRUTH, WORD, ITEMS

cdef enum Root:
    REQUEST, CUSTOMER, ATTRIBUTES, SESSION, FEATURES, LOCAL


cdef class _Field:
    """How a field is read, and the tables of what it holds."""

    cdef int root, how, kind, index
    cdef bint typed, always
    cdef object key
    """The key, the name, or what is called with all roots."""
    cdef double[::1] cuts
    cdef Py_ssize_t cut_count
    cdef dict words
    """Word to case; of a list: item to number of table."""
    cdef Py_ssize_t tables
    cdef uint64_t[:, ::1] rows
    """By case; of a list: three by three, by table."""

    def __init__(self, root, how, key, kind, typed, always, cuts, words, rows):
        self.root, self.how, self.kind, self.typed, self.always = root, how, kind, typed, always
        self.key, self.index = key, key if how == BY_INDEX else 0
        self.cuts, self.cut_count = np.array([*cuts, INFINITY]), len(cuts)
        self.words, self.rows = words, rows
        self.tables = len(words)

    cdef int _check(self, Py_ssize_t width) except -1:
        """Raise a case that no row is of: where they are looked up nothing is checked."""
        cdef Py_ssize_t cases = 4
        if self.kind == NUMBER:
            cases = 2 + self.cut_count
        elif self.kind == WORD:
            cases = 1 + max(1, max(self.words.values(), default=1))
        elif self.kind == ITEMS:
            cases = 3 * self.tables
            if self.tables > _MOST_ITEMS or sorted(self.words.values()) != list(range(self.tables)):
                raise ValueError("items without a table each")
        if min(self.words.values(), default=0) < 0 or self.index < 0:
            raise ValueError("a negative index")
        if self.rows.shape[0] < cases or self.rows.shape[1] != width:
            raise ValueError(f"{self.rows.shape[0]} x {self.rows.shape[1]} words for {cases} cases of {width}")
        return 0


cdef inline double _number(object value) except? -1.5:
    """A number as a double: beyond all constants where it is beyond any double."""
    try:
        return PyLong_AsDouble(value)
    except OverflowError:
        return INFINITY if value > 0 else -INFINITY


cdef class Tables:
    """Conditions as tables, looked up for a request.

    Args:
      size: Number of conditions.
      levels: Clauses about several fields that a condition has bits for.
      words: 64-bit words of one level.
      start: What is met before any field is read, all levels: (words + levels * words,).
      fields: Arguments of each field: root, how, key, kind, typed, always, cuts, words, rows.
      rest: Says of a request which conditions may still hold, as bits; None: all.
      zone: The plan's time zone, if the local time is read; else None.
      plain: The Python form.
    """

    cdef Py_ssize_t _size, _levels, _words, _width
    cdef uint64_t[::1] _start
    cdef tuple _fields
    cdef object _rest, _zone, _plain

    def __init__(self, size, levels, words, start, fields, rest, zone, plain):
        self._size, self._levels, self._words = size, levels, words
        self._width = words * (1 + levels)
        if self._width > MOST_WORDS:
            raise ValueError("too many conditions")
        self._start = start
        self._fields = tuple([_Field(*field) for field in fields])
        self._rest, self._zone, self._plain = rest, zone, plain
        if words < 1 or self._start.shape[0] != self._width:
            raise ValueError(f"{words} words, of which {self._start.shape[0]} are given")
        for field in self._fields:
            (<_Field>field)._check(self._width)

    cdef int _known(self, bits) except -1:
        """Raise a bit that no word has: where they are looked up nothing is checked."""
        for bit in bits:
            if not 0 <= bit < 64 * self._words:
                raise ValueError(f"no bit {bit}; there are {64 * self._words}")
        return 0

    cdef bint _met(self, object request, uint64_t* met) except -1:
        """Put what is met into `met`; False: that is for the Python form to say."""
        cdef Py_ssize_t word, level, at
        cdef int case
        cdef _Field field
        cdef const uint64_t* row
        context = request.context
        customer, session, features = context.customer, context.session, context.features
        attributes = request.attributes
        local = None if self._zone is None else request.requested_at.astimezone(self._zone)
        if type(customer) is not dict or type(attributes) is not dict or type(features) is not tuple:
            return False
        for word in range(self._width):
            met[word] = self._start[word]
        if self._rest is not None:
            rest = self._rest(request)
            for word in range(self._words):
                met[word] &= <uint64_t>(rest >> 64 * word & 0xFFFFFFFFFFFFFFFF)
        for at in range(PyTuple_GET_SIZE(self._fields)):
            field = <_Field>PyTuple_GET_ITEM(self._fields, at)
            if field.how == BY_KEY:
                value = _get(<dict>(customer if field.root == CUSTOMER else attributes), field.key)
            elif field.how == BY_INDEX:
                if field.index >= PyTuple_GET_SIZE(<tuple>features):
                    return False
                value = <object>PyTuple_GET_ITEM(<tuple>features, field.index)
            elif field.how == BY_NAME:
                root = session if field.root == SESSION else local if field.root == LOCAL else request
                value = getattr(root, field.key)
            else:
                value = field.key(request, customer, attributes, session, features, local)
            if field.kind == ITEMS:
                if not self._hold(field, value, met):
                    return False
                continue
            case = _case(field, value)
            if case < 0:
                return False
            self._apply(&field.rows[case, 0], met)
        for level in range(1, self._levels + 1):
            for word in range(self._words):
                met[word] &= met[level * self._words + word]
        return True

    cdef inline void _apply(self, const uint64_t* row, uint64_t* met) noexcept:
        cdef Py_ssize_t word
        for word in range(self._words):
            met[word] &= row[word]
        for word in range(self._words, self._width):
            met[word] |= row[word]

    cdef bint _hold(self, _Field field, object value, uint64_t* met) except -1:
        """Look up what the items of a list say."""
        cdef unsigned char cases[_MOST_ITEMS]
        cdef Py_ssize_t at, size
        cdef bint is_list = type(value) is list
        cdef PyObject* found
        if not is_list and type(value) is not tuple:
            if field.typed:
                return False
            memset(cases, 0, field.tables)
        else:
            memset(cases, 1, field.tables)
            size = PyList_GET_SIZE(<list>value) if is_list else PyTuple_GET_SIZE(<tuple>value)
            for at in range(size):
                item = <object>(PyList_GET_ITEM(<list>value, at) if is_list else PyTuple_GET_ITEM(<tuple>value, at))
                if type(item) is not str:
                    return False
                found = PyDict_GetItemWithError(field.words, item)
                if found is not NULL:
                    cases[<Py_ssize_t><object>found] = 2
        for at in range(field.tables):
            self._apply(&field.rows[3 * at + cases[at], 0], met)
        return True


cdef inline object _get(dict where, object key):
    cdef PyObject* found = PyDict_GetItemWithError(where, key)
    return <object>found if found is not NULL else None


cdef int _case(_Field field, object value) except -2:
    """The case of a value; -1: that is for the Python form to say."""
    cdef double number
    cdef Py_ssize_t low = 0, high, middle
    cdef PyObject* found
    if field.kind == NUMBER:
        if type(value) is float:
            number = PyFloat_AS_DOUBLE(value)
        elif type(value) is int:
            number = _number(value)
        elif field.typed and (field.always or value is not None):
            return -1
        else:
            return 0
        if number != number:
            return 0
        high = field.cut_count
        while low < high:
            middle = (low + high) >> 1
            if number < field.cuts[middle]:
                high = middle
            else:
                low = middle + 1
        return 1 + <int>low
    if field.kind == TRUTH:
        return 1 if value is False else 2 if value is True else 3 if field.typed and value is not None else 0
    if type(value) is not str and (value is None or not field.typed):
        return 0
    if type(value) is not str and not isinstance(value, str):
        return -1
    found = PyDict_GetItemWithError(field.words, value)
    return <int><object>found if found is not NULL else 1


cdef class Chains(Tables):
    """For each chain: number of the first rule that is not met, else -1.

    Args:
      runs: Bits of each run that several chains share.
      chains: Of each chain, in order: the bit of a rule, or -1 less the index of a run.
      numbers: Rule number by bit.
      rest: Those of `Tables`.
    """

    cdef int32_t[::1] _run_ends, _run_bits, _chain_ends, _links
    cdef tuple _numbers
    cdef object _none

    def __init__(self, runs, chains, numbers, *tables):
        Tables.__init__(self, *tables)
        self._run_ends = np.cumsum([len(run) for run in runs] or [0], dtype=np.int32)[: len(runs)]
        self._run_bits = np.array([bit for run in runs for bit in run], np.int32)
        self._chain_ends = np.cumsum([len(chain) for chain in chains] or [0], dtype=np.int32)[: len(chains)]
        self._links = np.array([link for chain in chains for link in chain], np.int32)
        self._numbers, self._none = tuple(numbers), -1
        if len(runs) > MOST_ITEMS:
            raise ValueError("too many runs")
        links = [link for chain in chains for link in chain]
        bits = [bit for run in runs for bit in run] + [link for link in links if link >= 0]
        self._known(bits)
        if min(links, default=0) < -len(runs):
            raise ValueError(f"no run {-1 - min(links)}; there are {len(runs)}")
        if max(bits, default=-1) >= len(self._numbers):
            raise ValueError(f"no number of bit {max(bits)}; there are {len(self._numbers)}")

    def __call__(self, request):
        """The first unmet rule of each chain."""
        cdef uint64_t met[_MOST_WORDS]
        cdef int32_t firsts[_MOST_ITEMS]
        cdef Py_ssize_t at, link = 0, chain
        cdef int32_t found, bit
        if not self._met(request, met):
            return self._plain(request)
        link = 0
        for at in range(self._run_ends.shape[0]):
            found = -1
            while link < self._run_ends[at]:
                bit = self._run_bits[link]
                link += 1
                if not met[bit >> 6] >> (bit & 63) & 1:
                    found = bit
                    break
            link = self._run_ends[at]
            firsts[at] = found
        answer = PyTuple_New(self._chain_ends.shape[0])
        link = 0
        for chain in range(self._chain_ends.shape[0]):
            found = -1
            while link < self._chain_ends[chain]:
                bit = self._links[link]
                link += 1
                if bit < 0:
                    found = firsts[-1 - bit]
                elif not met[bit >> 6] >> (bit & 63) & 1:
                    found = bit
                if found >= 0:
                    break
            link = self._chain_ends[chain]
            number = self._none if found < 0 else <object>PyTuple_GET_ITEM(self._numbers, found)
            Py_INCREF(number)
            PyTuple_SET_ITEM(answer, chain, number)
        return answer


cdef class Mask(Tables):
    """Which conditions are met, as the bits of an integer.

    Args:
      flipped: The bits that say the opposite.
      rest: Those of `Tables`.
    """

    cdef object _flipped

    def __init__(self, flipped, *tables):
        Tables.__init__(self, *tables)
        self._flipped = flipped

    def __call__(self, request):
        """The bits."""
        cdef uint64_t met[_MOST_WORDS]
        cdef Py_ssize_t word
        if not self._met(request, met):
            return self._plain(request)
        found = met[0]
        for word in range(1, self._words):
            found = found | <object>met[word] << 64 * word
        return found ^ self._flipped
