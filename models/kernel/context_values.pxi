# Raw features: what `models.features.emit` writes as Python, column by column, as instructions. The order of floating
# point operations is that of the Python form; where a quantity is rare, its function is called.

cdef enum Code:
    COUNT, SUM, MEAN, VALUE, RATIO, RECENCY, LAST_IN, LEFT, AGE, SESSION_NUMBER, TIME, ASKED, SIZE, EQUAL, IS_ONE

_CODES = {
    "count": COUNT, "sum": SUM, "mean": MEAN, "value": VALUE, "ratio": RATIO, "recency": RECENCY, "last_in": LAST_IN,
    "balance": LEFT, "session_age": AGE, "session_number": SESSION_NUMBER, "time_of_day": TIME, "number": ASKED,
    "size": SIZE, "equal": EQUAL, "is_one": IS_ONE,
}
_PARTS = {"hour": 0, "hour_sin": 1, "hour_cos": 2, "weekday": 3, "weekend": 4}
_PLACES = {"slots": 0, "before": 1, "series": 2, "earlier": 3}
cdef double _EXACT = 9007199254740992.0  # integers up to here are doubles
cdef double _TURN = 2 * math.pi / 86_400_000_000
cdef object _sin = math.sin, _cos = math.cos


cdef class Column:
    """One raw feature."""

    cdef Code code
    cdef Ask ask, among
    cdef int slot, read, part
    cdef object default, name, help
    cdef long long speed
    cdef bint halved

    def __init__(self, str code, Ask ask=None, Ask among=None, int slot=0, int read=0, part="hour", default=0.0,
                 name=None, help=None, speed=1, halved=False):
        self.code, self.ask, self.among, self.slot, self.read = _CODES[code], ask, among, slot, read
        self.part, self.default, self.name, self.help = _PARTS[part], default, name, help
        self.speed, self.halved = speed, halved


cdef int _check(Column column, Py_ssize_t slots, Py_ssize_t reads) except -1:
    """Raise what would be read beyond the tables."""
    cdef Ask ask
    for ask in (column.ask, column.among):
        if ask is not None and not 0 <= ask.slot < slots:
            raise ValueError(f"no slot {ask.slot}; there are {slots}")
    if column.code == RATIO and column.among is None:
        raise ValueError("a ratio of nothing")
    if column.ask is None and column.code in (COUNT, SUM, MEAN, VALUE, RATIO, RECENCY, LAST_IN):
        raise ValueError("a column that asks for nothing")
    if column.code == LEFT and not 0 <= column.slot < slots:
        raise ValueError(f"no slot {column.slot}; there are {slots}")
    if column.code >= ASKED and not 0 <= column.read < reads:
        raise ValueError(f"no value {column.read} is read; there are {reads}")
    return 0


cdef class Read:
    """A value of the event that asks, or of the customer."""

    cdef object name, call
    cdef object owner
    cdef int kind

    def __init__(self, str kind, name, call, owner):
        self.kind = {"customer": 0, "attribute": 1, "call": 2}[kind]
        self.name, self.call, self.owner = name, call, owner

    cdef object of(self, event, dict customer):
        cdef object found
        if self.kind == 0:
            return customer.get(self.name)
        if self.kind == 1 and type(event) is self.owner:
            found = event.attributes
            if type(found) is dict:
                return (<dict>found).get(self.name)
        return self.call(event)


cdef class Values:
    """All columns as one function: `FeatureProgram.values`."""

    cdef tuple _columns, _keys, _reads
    cdef list _places
    cdef object _local_time, _number

    def __init__(self, list columns, list slots, list reads, local_time, number):
        if len(slots) > 256:
            raise ValueError("too many slots")
        for column in columns:
            _check(column, len(slots), len(reads))
        self._columns, self._reads = tuple(columns), tuple(reads)
        self._keys = tuple([key for _, key in slots])
        self._places = [_PLACES[place] for place, _ in slots]
        self._local_time, self._number = local_time, number

    def __call__(self, at, event, dict customer, tuple session, slots, before, series, earlier):
        return self.of(at, event, customer, session, slots, before, series, earlier)

    cdef tuple of(self, at, event, dict customer, tuple session, slots, before, series, earlier):
        cdef PyObject *found[256]
        cdef PyObject *maps[4]
        cdef PyObject *hit
        cdef Py_ssize_t i, size = len(self._keys)
        cdef long long when = at, local = 0
        cdef bint placed = False
        cdef list reads = []
        cdef tuple answer
        cdef object value
        cdef Column column
        maps[0], maps[1], maps[2], maps[3] = <PyObject *>slots, <PyObject *>before, <PyObject *>series, <PyObject *>earlier
        for i in range(size):
            hit = PyDict_GetItemWithError(<object>maps[<int>self._places[i]], self._keys[i])
            found[i] = hit if hit != NULL else <PyObject *>None
        for read in self._reads:
            reads.append((<Read>read).of(event, customer))
        size = len(self._columns)
        answer = PyTuple_New(size)
        for i in range(size):
            column = <Column>self._columns[i]
            if column.code == TIME:
                if not placed:
                    local, placed = when if self._local_time is None else <long long>self._local_time(at), True
                value = _part(column.part, local)
            elif column.code >= ASKED:
                value = self.asked(column, reads[column.read])
            else:
                value = self.remembered(column, found, when, session, customer)
            Py_INCREF(value)
            PyTuple_SET_ITEM(answer, i, value)
        return answer

    cdef object remembered(self, Column column, PyObject **found, long long at, tuple session, dict customer):
        cdef Ask ask = column.ask
        cdef object known = <object>found[ask.slot] if ask is not None else None, answer
        cdef long long one, other
        cdef Code code = column.code
        if code == COUNT:
            return <double>ask.count(known, at)
        if code == RECENCY:
            if not ask.latest(known, at, &other):
                return column.default
            return _curve(column, at - other)
        if code == SUM or code == VALUE or code == MEAN:
            answer = ask.object_of(known, at)
            return column.default if answer is None else answer
        if code == RATIO:
            one = ask.count(known, at)
            other = column.among.count(<object>found[column.among.slot], at)
            return <double>one / <double>other if other else column.default
        if code == LAST_IN:
            return _is_member(column, ask.object_of(known, at), customer.get(column.name))
        if code == LEFT:
            return _left(<object>found[column.slot])
        if session is None:
            return column.default
        if code == AGE:
            one = at - <long long>session[0]
            if one > <long long>_EXACT or one < -<long long>_EXACT:
                return one / 1e6
            return <double>one / 1e6
        return <double><long long>session[1]

    cdef object asked(self, Column column, value):
        if column.code == ASKED:
            if type(value) is float and -_LARGEST <= <double>value <= _LARGEST:
                return value
            value = self._number(value)
            return column.default if value is None else value
        if column.code == SIZE:
            return <double>len(value) if isinstance(value, (tuple, list)) else column.default
        if value is None or type(value) is str:
            return 1.0 if value is not None and <str>value == <str>column.name else 0.0
        return column.help(value, column.name)


cdef object _curve(Column column, long long age):
    """From 1 towards 0."""
    cdef double share
    if age < 0:
        age = 0
    if age >= <long long>_EXACT or column.speed >= <long long>_EXACT:
        return column.help(age, column.speed)
    share = <double>age / <double>column.speed
    if not column.halved:
        return exp(-share)
    return column.help(age, column.speed) if share > 1000.0 else pow(0.5, share)


cdef object _is_member(Column column, value, members):
    if value is None or not isinstance(members, (tuple, list)):
        return column.default
    if type(value) is str:
        return 1.0 if value in members else 0.0
    return column.help(value, members, column.default)


cdef object _left(balance):
    """What is left of a balance after all changes."""
    cdef double left, amount
    cdef list entry
    cdef int change
    if not balance:
        return 0.0
    left = balance[0]
    for entry in balance[1]:
        change, amount = entry[2], entry[3]
        if change == 0:
            left += amount
        elif change == 1:
            left -= amount
            left = left if left > 0.0 else 0.0
        else:
            left = 0.0
    return left


cdef object _part(int part, long long local):
    cdef long long day = _floor(local, _DAY), hour, weekday
    cdef double angle
    if part == 0:
        return <double>((local - day * _DAY) // 3_600_000_000)
    if part <= 2:
        angle = <double>(local - day * _DAY) * _TURN
        return _sin(angle) if part == 1 else _cos(angle)
    weekday = day + 3 - 7 * _floor(day + 3, 7)
    if part == 3:
        return <double>weekday
    return 1.0 if weekday >= 5 else 0.0
