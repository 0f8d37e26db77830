# cython: language_level=3, wraparound=False, nonecheck=True, cdivision=True, initializedcheck=False
"""The contact ledger's counting and filling, compiled: `models.ledger.limits`, `.rounds` and `.verdicts` say what it does.

Each key of each tally has a number of its own, so that counts are one row of integers. What was counted is noted, so
that nothing has to be searched for or cleared that was not.
"""

import datetime

cimport cpython.datetime as cdt
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset


cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object)
    void *PyUnicode_DATA(object)
    Py_ssize_t PyUnicode_GET_LENGTH(object)
    object PyUnicode_DecodeASCII(const char *, Py_ssize_t, const char *)
    PyObject *PySequence_Fast_GET_ITEM(object, Py_ssize_t)


VERSION = 7

include "context_identity.pxi"

cdef enum:
    BY_KEY = 0
    BY_CHANNEL = 1
    BY_DIRECTION = 2
    BY_TREATMENT = 3

cdef enum:
    MOST_TRIGGERS = 64
    MOST_SPANS = 16

_KINDS = {"channel": BY_CHANNEL, "direction": BY_DIRECTION, "treatment": BY_TREATMENT}

MOST_PLACES = 4096
"""Combinations of placements, channel and brand kept at hand."""


cdef int *_ints(values) except NULL:
    cdef Py_ssize_t number = len(values), i
    cdef int *found = <int *>malloc((number + 1) * sizeof(int))
    if found == NULL:
        raise MemoryError
    try:
        for i in range(number):
            found[i] = values[i]
    except BaseException:
        free(found)
        raise
    return found


cdef void _spread(bits, char *flags, int number):
    """A set of actions as a flag for each."""
    cdef bytes raw = bits.to_bytes((number >> 3) + 1, "little")
    cdef const unsigned char *at = raw
    cdef int i
    for i in range(number):
        flags[i] = (at[i >> 3] >> (i & 7)) & 1


cdef object _gathered(const unsigned char *raw, int size):
    return int.from_bytes(raw[:size], "little")


def lasting(pauses, dict rules, long long settled):
    """Whether all of every pause can still affect something: then nothing of them is to be forgotten.

    Args:
      pauses: `models.ledger.suppressions.Pause` of each.
      rules: By id: how many triggers pause, and within which time.
      settled: Before it nothing comes any more.
    """
    cdef tuple triggers, spans, span, rule
    cdef Py_ssize_t many, times
    for pause in pauses:
        rule = rules.get(pause.rule)
        if rule is None:
            return False
        triggers, spans = pause.triggers, pause.spans
        many = len(triggers)
        if len(spans) > MOST_SPANS or (not many and not len(spans)):
            return False
        if len(spans):
            span = spans[0]
            if <long long>span[1] <= settled:
                return False
        if many:
            times = rule[0]
            if times == 1 or many > MOST_TRIGGERS or <long long>triggers[0] <= settled - <long long>rule[1]:
                return False
            if many >= times and <long long>triggers[times - 1] < settled:
                return False
    return True


cdef long long _EARLIEST = -(<long long>1 << 54)  # `models.stored`
cdef long long _LATEST = <long long>1 << 57


cdef inline bint _into(position, Py_ssize_t size) except -1:
    return 0 <= <long long>position < size


def pointing(state):
    """`models.ledger.state.pointing`: whether columns are aligned, positions in their tables, and times in order."""
    cdef tuple times = state.times, items = state.items, opened = state.open, gaps = state.gaps, offers
    cdef Py_ssize_t spots = len(state.spots), origins = len(state.origins), i
    cdef long long since, before = _EARLIEST, at
    if not len(times) == len(items) == len(state.committed):
        return False
    try:
        since = state.since
        if since < _EARLIEST and since != _UNSET:
            return False
        for i in range(len(times)):
            at = times[i]
            if at < before or not _into(items[i], spots):
                return False
            before = at
        if before > _LATEST:
            return False
        if gaps:
            if len(gaps) > 1 and len(dict(gaps)) < len(gaps):
                return False
            for gap in gaps:
                if not _into((<tuple>gap)[0], spots):
                    return False
        before = _EARLIEST
        for decision in opened:
            at = decision.at
            if at < before or not _into(decision.origin, origins):
                return False
            before = at
            offers = decision.offers
            for offer in offers:
                if not _into(offer.item, spots):
                    return False
        if before > _LATEST:
            return False
    except OverflowError:
        return False
    return True


def mask(order):
    """A set of action indices as the bits of an integer."""
    cdef int largest = -1, action, size
    cdef unsigned char small[512]
    cdef unsigned char *raw = small
    cdef tuple actions = tuple(order)
    for action in actions:
        if action < 0:
            raise ValueError(f"no index of an action: {action}")
        if action > largest:
            largest = action
    if largest < 0:
        return 0
    size = (largest >> 3) + 1
    if size > 512:
        raw = <unsigned char *>malloc(size)
        if raw == NULL:
            raise MemoryError
    try:
        memset(raw, 0, size)
        for action in actions:
            raw[action >> 3] |= 1 << (action & 7)
        return _gathered(raw, size)
    finally:
        if raw != small:
            free(raw)


cdef class Line:
    """What the limits make of one spot: the number of its key in each tally, -1 where it does not count."""

    cdef int *keys
    cdef str brand

    def __dealloc__(self):
        free(self.keys)


cdef class Here:
    """The limits as one channel and brand meet them."""

    cdef char *holds
    """By limit: whether it is about offers here."""
    cdef int *first
    cdef int *second
    """By limit for each channel or direction: the numbers of the keys whose counts it adds up; -1: none."""

    def __dealloc__(self):
        free(self.holds)
        free(self.first)
        free(self.second)


cdef class Screen:
    """By action: the first rule that refuses it, -1 for none. What is no candidate may be refused, too."""

    cdef int *rules
    cdef int actions

    def __cinit__(self, int actions):
        self.actions = actions
        self.rules = <int *>malloc((actions + 1) * sizeof(int))
        if self.rules == NULL:
            raise MemoryError
        memset(self.rules, 0xFF, (actions + 1) * sizeof(int))

    def __dealloc__(self):
        free(self.rules)

    cdef int _known(self, int action) except -1:
        if not 0 <= action < self.actions:
            raise IndexError(f"no action {action}; there are {self.actions}")
        return action

    def get(self, int action, default=None):
        self._known(action)
        return self.rules[action] if self.rules[action] >= 0 else default

    def bits(self):
        """The refused actions."""
        cdef int size = (self.actions >> 3) + 1, i
        cdef unsigned char *raw = <unsigned char *>calloc(size, 1)
        if raw == NULL:
            raise MemoryError
        for i in range(self.actions):
            if self.rules[i] >= 0:
                raw[i >> 3] |= 1 << (i & 7)
        try:
            return _gathered(raw, size)
        finally:
            free(raw)

    def having(self, dict rules):
        """The same with other rules for some actions."""
        cdef Screen found = Screen(self.actions)
        memcpy(found.rules, self.rules, self.actions * sizeof(int))
        for action, rule in rules.items():
            found.rules[self._known(action)] = rule
        return found

    cdef int refuse(self, list rules) except -1:
        """Let each rule refuse those that none refuses yet."""
        cdef bytes raw
        cdef const unsigned char *at
        cdef int i, number
        for rule, bits in rules:
            number = rule
            raw = bits.to_bytes((self.actions >> 3) + 1, "little")
            at = raw
            for i in range(self.actions):
                if self.rules[i] < 0 and (at[i >> 3] >> (i & 7)) & 1:
                    self.rules[i] = number
        return 0


cdef class Table:
    """All limits of a plan."""

    cdef int tallies, limits, actions, keys, spans, most_rows
    cdef bint any_committed, by_treatment
    cdef long long *windows
    cdef int *span_of
    cdef char *committed
    cdef char *per_brand
    cdef char *counted
    cdef int *tally_of
    cdef int *at_most
    cdef int *kind
    cdef int *unknown
    """By limit for each direction: the number of the key whose contacts count for both; -1 for other limits."""
    cdef int *covers
    cdef int *covers_many
    cdef int *entries
    cdef int *entry_limit
    cdef int *entry_from
    cdef int *entry_many
    cdef int *pool
    cdef int *tally_of_key
    cdef list _limits
    cdef list _ids
    cdef list _names
    cdef dict _directions
    cdef dict _lines
    cdef dict _heres
    cdef object _row
    cdef int *spare

    def __init__(self, tallies, limits, directions, int actions, int most_rows, row):
        """Number the keys.

        Args:
          tallies: `models.ledger.tallies.Tally` of each.
          limits: As compiled; their sets of actions are the bits of an integer.
          directions: By channel.
          actions: How many the plan has.
          most_rows: Spots kept at hand.
          row: `ContactLimits.row`.
        """
        self.tallies, self.limits = len(tallies), len(limits)
        self.actions, self.most_rows = actions, most_rows
        self._limits, self._directions, self._row = list(limits), dict(directions), row
        self._lines, self._heres = {}, {}
        windows = sorted({tally.window for tally in tallies})
        self.spans = len(windows)
        self.windows = <long long *>malloc((self.spans + 1) * sizeof(long long))
        if self.windows == NULL:
            raise MemoryError
        for i, window in enumerate(windows):
            self.windows[i] = window
        self.span_of = _ints([windows.index(tally.window) for tally in tallies])
        self.any_committed = any(tally.committed for tally in tallies)
        self.by_treatment = any(limit.each == "treatment" for limit in limits)
        self.committed = self._flags([tally.committed for tally in tallies])
        self.per_brand = self._flags([tally.per_brand for tally in tallies])
        self.counted = self._flags([tally.counted for tally in tallies])
        self.tally_of = _ints([limit.tally for limit in limits])
        self.at_most = _ints([min(limit.at_most, 2**30) for limit in limits])
        self.kind = _ints([_KINDS.get(limit.each, BY_KEY) for limit in limits])
        self._number_keys(tallies, limits)
        self.unknown = _ints(
            [self._ids[limit.tally].get("", -1) if limit.each == "direction" else -1 for limit in limits]
        )
        self._list_members(limits)

    cdef char *_flags(self, values) except NULL:
        cdef char *found = <char *>malloc(len(values) + 1)
        if found == NULL:
            raise MemoryError
        for i, value in enumerate(values):
            found[<int>i] = 1 if value else 0
        return found

    def _number_keys(self, tallies, limits):
        self._ids = [{} for _ in tallies]
        self._names = []
        of_tally = []
        for number, tally in enumerate(tallies):
            names = {}
            if tally.each == "channel":
                names = dict.fromkeys(self._directions)
            elif tally.each == "direction":
                names = dict.fromkeys([*self._directions.values(), ""])
            for limit in limits:
                if limit.tally == number:
                    names.update(dict.fromkeys(limit.members))
            for name in names:
                self._ids[number][name] = len(self._names)
                self._names.append(name)
                of_tally.append(number)
        self.keys = len(self._names)
        self.tally_of_key = _ints(of_tally)

    def _list_members(self, limits):
        """By key: the limits that it can fill, and the actions that are refused then."""
        pool = []
        by_key = [[] for _ in range(self.keys)]
        covers, covers_many = [], []
        for number, limit in enumerate(limits):
            found = _members(limit.actions)
            covers.append(len(pool))
            covers_many.append(len(found))
            pool += found
            for name, bits in limit.members.items():
                found = _members(bits)
                by_key[self._ids[limit.tally][name]].append((number, len(pool), len(found)))
                pool += found
        flat, ends = [], [0]
        for entries in by_key:
            flat += entries
            ends.append(len(flat))
        self.covers, self.covers_many = _ints(covers), _ints(covers_many)
        self.entries = _ints(ends)
        self.entry_limit = _ints([entry[0] for entry in flat])
        self.entry_from = _ints([entry[1] for entry in flat])
        self.entry_many = _ints([entry[2] for entry in flat])
        self.pool = _ints(pool)

    def __dealloc__(self):
        free(self.windows)
        free(self.span_of)
        free(self.committed)
        free(self.per_brand)
        free(self.counted)
        free(self.tally_of)
        free(self.at_most)
        free(self.kind)
        free(self.unknown)
        free(self.covers)
        free(self.covers_many)
        free(self.entries)
        free(self.entry_limit)
        free(self.entry_from)
        free(self.entry_many)
        free(self.pool)
        free(self.tally_of_key)
        free(self.spare)

    cdef Line line(self, str key):
        cdef Line found = self._lines.get(key)
        cdef int i
        if found is None:
            row = self._row(key)
            found = Line()
            found.brand = row.spot.brand
            found.keys = <int *>malloc((self.tallies + 1) * sizeof(int))
            if found.keys == NULL:
                raise MemoryError
            for i in range(self.tallies):
                name = row.keys[i]
                found.keys[i] = -1 if name is None else self._ids[i].get(name, -1)
            if len(self._lines) >= self.most_rows:
                self._lines.clear()
            self._lines[key] = found
        return found

    cdef Here here(self, str channel, str brand):
        cdef Here found = self._heres.get((channel, brand))
        cdef int i, tally
        if found is None:
            found = Here()
            found.holds = <char *>malloc(self.limits + 1)
            found.first = <int *>malloc((self.limits + 1) * sizeof(int))
            found.second = <int *>malloc((self.limits + 1) * sizeof(int))
            if found.holds == NULL or found.first == NULL or found.second == NULL:
                raise MemoryError
            for i in range(self.limits):
                found.holds[i] = 1 if self._limits[i].holds(channel, brand) else 0
                found.first[i] = found.second[i] = -1
                tally = self.tally_of[i]
                if self.kind[i] == BY_CHANNEL:
                    found.first[i] = self._ids[tally].get(channel, -1)
                elif self.kind[i] == BY_DIRECTION:
                    found.first[i] = self._ids[tally].get(self._directions.get(channel, ""), -1)
                    found.second[i] = self._ids[tally].get("", -1)
            if len(self._heres) >= MOST_PLACES:
                self._heres.clear()
            self._heres[channel, brand] = found
        return found

    def count(self, times, items, committed, spots, long long at, str brand):
        """The contacts counted, for one more at `at`; None if there are later ones: that is for the Python form.

        Contacts must be in ascending order, and none may be missing that a window holds. All four are lists or tuples.
        """
        cdef Py_ssize_t number = len(times), position
        cdef int spans = self.spans, kinds = len(spots), item, span, i, key, made
        cdef long long since
        cdef int *seen
        cdef int *sure
        cdef Line line
        cdef Counts counts = Counts(self, brand)
        for column in (times, items, committed, spots):
            if type(column) is not list and type(column) is not tuple:
                raise TypeError("contacts are columns in lists or tuples")
        if len(items) != number or len(committed) != number:
            raise ValueError("columns of contacts are not aligned")
        if not number or not spans:
            return counts
        if <long long><object>PySequence_Fast_GET_ITEM(times, number - 1) > at:
            return None
        seen = <int *>calloc(2 * kinds * spans + 1, sizeof(int))
        if seen == NULL:
            raise MemoryError
        sure = seen + kinds * spans
        try:
            span = 0
            for position in range(number - 1, -1, -1):
                since = <long long><object>PySequence_Fast_GET_ITEM(times, position)
                while span < spans and since <= at - self.windows[span]:
                    span += 1
                if span == spans:
                    break
                item = <object>PySequence_Fast_GET_ITEM(items, position)
                if not 0 <= item < kinds:
                    raise IndexError(f"a contact at spot {item}; there are {kinds}")
                seen[item * spans + span] += 1
                if self.any_committed and <object>PySequence_Fast_GET_ITEM(committed, position):
                    sure[item * spans + span] += 1
            for item in range(kinds):
                made = seen[item * spans]
                for i in range(1, spans):
                    made += seen[item * spans + i]
                    seen[item * spans + i] += seen[item * spans + i - 1]
                    sure[item * spans + i] += sure[item * spans + i - 1]
                if not made:
                    continue
                line = self.line(<str><object>PySequence_Fast_GET_ITEM(spots, item))
                for i in range(self.tallies):
                    key = line.keys[i]
                    if key < 0 or (self.per_brand[i] and line.brand and line.brand != brand):
                        continue
                    span = item * spans + self.span_of[i]
                    made = sure[span] if self.committed[i] else seen[span]
                    if made:
                        counts.count(key, made)
        finally:
            free(seen)
        return counts


cdef class Counts:
    """Contacts counted for one decision: those before it, and the offers it has made so far."""

    cdef Table table
    cdef str brand
    cdef int *made
    """By number of the key."""
    cdef int *found
    """The keys that count anything."""
    cdef int many

    def __cinit__(self, Table table not None, str brand):
        self.table, self.brand = table, brand
        self.many = 0
        if table.spare != NULL:
            self.made, table.spare = table.spare, NULL
        else:
            self.made = <int *>calloc(2 * table.keys + 2, sizeof(int))
            if self.made == NULL:
                raise MemoryError
        self.found = self.made + table.keys + 1

    def __dealloc__(self):
        cdef int i
        if self.made == NULL:
            return
        if self.table is not None and self.table.spare == NULL:
            for i in range(self.many):
                self.made[self.found[i]] = 0
            self.table.spare = self.made
        else:
            free(self.made)

    cdef inline void count(self, int key, int more) noexcept:
        if self.made[key] == 0:
            self.found[self.many] = key
            self.many += 1
        self.made[key] += more

    cdef inline bint full_here(self, Here here, int limit) noexcept:
        """Whether a limit for each channel or direction is full."""
        cdef int made = 0
        if here.first[limit] >= 0:
            made = self.made[here.first[limit]]
        if here.second[limit] >= 0:
            made += self.made[here.second[limit]]
        return made >= self.table.at_most[limit]

    cdef inline bint filled(self, Line line, int limit) noexcept:
        """Whether an offer there, which is counted, may have filled a limit."""
        cdef Table table = self.table
        cdef int key = line.keys[table.tally_of[limit]], unknown = table.unknown[limit]
        if key < 0 or not table.counted[table.tally_of[limit]]:
            return False
        if unknown < 0:
            return self.made[key] >= table.at_most[limit]
        return key == unknown or self.made[key] + self.made[unknown] >= table.at_most[limit]

    cdef void lay(self, Here here, int *rules, int first, char *among) noexcept:
        """Note the first limit that refuses each action; those `among` only, unless it is NULL."""
        cdef Table table = self.table
        cdef int i, j, k, key, limit, action
        for i in range(table.limits):
            if not here.holds[i] or (among != NULL and not among[i]):
                continue
            if table.at_most[i] == 0 or (
                (table.kind[i] == BY_CHANNEL or table.kind[i] == BY_DIRECTION) and self.full_here(here, i)
            ):
                for k in range(table.covers[i], table.covers[i] + table.covers_many[i]):
                    action = table.pool[k]
                    if rules[action] < 0 or rules[action] > first + i:
                        rules[action] = first + i
        for i in range(self.many):
            key = self.found[i]
            for j in range(table.entries[key], table.entries[key + 1]):
                limit = table.entry_limit[j]
                if (
                    self.made[key] < table.at_most[limit]
                    or not here.holds[limit]
                    or table.kind[limit] != BY_KEY
                    or (among != NULL and not among[limit])
                ):
                    continue
                for k in range(table.entry_from[j], table.entry_from[j] + table.entry_many[j]):
                    action = table.pool[k]
                    if rules[action] < 0 or rules[action] > first + limit:
                        rules[action] = first + limit

    def screen(self, str channel, list before, int first, list after, candidates=-1):
        """The first rule that refuses each action in `channel`, whether it is one of the candidates or not.

        Args:
          channel: One that the plan knows.
          before: Rule numbers, and the actions they refuse, that come before limits; in this order.
          first: Number of the first limit.
          after: Those that come after limits.
        """
        cdef Screen found = Screen(self.table.actions)
        found.refuse(before)
        self.lay(self.table.here(channel, self.brand), found.rules, first, NULL)
        found.refuse(after)
        return found

    def refused(self, str channel, among=None):
        """Index of each limit that refuses anything in `channel`, as written, and the actions it refuses."""
        cdef Here here = self.table.here(channel, self.brand)
        found = []
        for limit in range(self.table.limits) if among is None else sorted(among):
            if not 0 <= limit < self.table.limits:
                raise IndexError(f"no limit {limit}; there are {self.table.limits}")
            bits = self._bits(here, limit) if here.holds[<int>limit] else 0
            if bits:
                found.append((limit, bits))
        return iter(found)

    cdef object _bits(self, Here here, int limit):
        cdef Table table = self.table
        cdef int i, j
        if table.at_most[limit] == 0:
            return table._limits[limit].actions
        if table.kind[limit] == BY_TREATMENT:
            return 0
        if table.kind[limit] != BY_KEY:
            return table._limits[limit].actions if self.full_here(here, limit) else 0
        bits = 0
        members = table._limits[limit].members
        for i in range(self.many):
            j = self.found[i]
            if table.tally_of_key[j] == table.tally_of[limit] and self.made[j] >= table.at_most[limit]:
                bits |= members.get(table._names[j], 0)
        return bits

    def refused_treatments(self, str channel):
        """By action index: the treatments refused in `channel`, each with the index of the limit that refuses it."""
        cdef Table table = self.table
        cdef Here here = table.here(channel, self.brand)
        cdef int i, j, key, limit, k
        found = {}
        for i in range(self.many):
            key = self.found[i]
            for j in range(table.entries[key], table.entries[key + 1]):
                limit = table.entry_limit[j]
                if (
                    table.kind[limit] != BY_TREATMENT
                    or not here.holds[limit]
                    or self.made[key] < table.at_most[limit]
                ):
                    continue
                name = table._names[key].partition(" ")[2]
                for k in range(table.entry_from[j], table.entry_from[j] + table.entry_many[j]):
                    known = found.setdefault(table.pool[k], {})
                    known[name] = min(limit, known.get(name, limit))
        return found

    def add(self, row):
        """Count an offer just made; the indices of the limits that it filled, or may have: `refused` knows."""
        return self._added(self.table.line(row.key))

    cdef object _added(self, Line line):
        cdef Table table = self.table
        cdef int i, key
        cdef bint any_counted = False
        for i in range(table.tallies):
            if table.counted[i]:
                key = line.keys[i]
                if key >= 0:
                    self.count(key, 1)
                    any_counted = True
        if not any_counted:
            return set()
        found = set()
        for i in range(table.limits):
            if self.filled(line, i):
                found.add(i)
        return found

    def copy(self):
        """The same again, to try out offers on."""
        cdef Counts found = Counts(self.table, self.brand)
        cdef int i
        for i in range(self.many):
            found.count(self.found[i], self.made[self.found[i]])
        return found


def _members(bits):
    found = []
    while bits:
        low = bits & -bits
        found.append(low.bit_length() - 1)
        bits ^= low
    return found


cdef class Place:
    """A placement as offers are made there in one channel, for one brand."""

    cdef readonly str name
    cdef readonly str channel
    cdef Here here
    cdef int slots
    cdef int fallback
    cdef char *fits
    cdef char *competes
    """By action: whether it has a treatment there, and whether it competes for slots."""
    cdef list rows
    cdef list lines

    def __dealloc__(self):
        free(self.fits)
        free(self.competes)


cdef class Rounds:
    """How slots are filled by priority alone, and what becomes of the candidates, under one plan."""

    cdef Table table
    cdef object _plan
    cdef object _placed
    cdef list _rules
    cdef dict _places
    cdef dict _asked
    cdef tuple _said
    cdef int first_limit, first_bundle
    cdef dict _tied
    cdef object _new

    def __init__(self, Table table, plan, placed, tuple said):
        """Of an allocator.

        Args:
          table: The limits of the plan.
          plan: `models.ledger.allocation.Allocator`.
          placed: The class of what is placed.
          said: The verdicts on those who are offered, outranked, and without a treatment.
        """
        self.table, self._plan, self._placed, self._said = table, plan, placed, said
        self._rules, self._tied = list(plan.rules), dict(plan.bundles.tied)
        self.first_limit, self.first_bundle = plan.first_limit, plan.first_bundle
        self._places, self._asked = {}, {}
        self._new = tuple.__new__

    def places_at(self, asked, str brand):
        """The placements asked for, each with its channel."""
        return [self._place_at(name, channel, brand) for name, channel in asked.items()]

    def places(self, tuple placements, str channel, str brand):
        """The placements asked for that the plan knows, and how many slots they have together."""
        found = self._asked.get((placements, channel, brand))
        if found is None:
            asked = self._plan.asked(placements, channel)
            places = [self._place_at(name, where, brand) for name, where in asked.items()]
            slots = sum([max(self._plan.placements[name].slots, 1) for name in asked])
            if len(self._asked) >= MOST_PLACES:
                self._asked.clear()
            found = self._asked[placements, channel, brand] = (places, slots)
        return found

    cdef Place _place_at(self, str name, str channel, str brand):
        cdef Place found = self._places.get((name, channel, brand))
        cdef int actions = self.table.actions
        if found is None:
            found = Place()
            found.name, found.channel = name, channel
            found.here = self.table.here(channel, brand)
            found.slots = self._plan.placements[name].slots
            found.fallback = self._plan.fallbacks.get(name, -1)
            found.fits = <char *>malloc(actions + 1)
            found.competes = <char *>malloc(actions + 1)
            if found.fits == NULL or found.competes == NULL:
                raise MemoryError
            _spread(self._plan.fits[name], found.fits, actions)
            _spread(self._plan.fits[name] & ~self._plan.reserve, found.competes, actions)
            found.rows, found.lines = [None] * actions, [None] * actions
            if len(self._places) >= 256:
                self._places.clear()
            self._places[name, channel, brand] = found
        return found

    cdef object _row_of(self, Place place, int action, str brand):
        """What is offered there unless its treatment is refused."""
        row = place.rows[action]
        if row is None:
            treatment = self._plan.treatments[place.name][action][0]
            row = self._plan.row(action, treatment, place.channel, place.name, brand)
            place.lines[action] = self.table.line(row.key)
            place.rows[action] = row
        return row

    cdef object _place(self, Place place, int action, int slot, bint fallback, str brand):
        row = self._row_of(place, action, brand)
        return self._new(self._placed, (action, slot, row, None, (), None, False, fallback))

    cdef int _known(self, int action) except -1:
        if not 0 <= action < self.table.actions:
            raise IndexError(f"no action {action}; there are {self.table.actions}")
        return action

    cdef int _fits(self, Screen screen) except -1:
        if screen.actions != self.table.actions:
            raise ValueError(f"a screen of {screen.actions} actions; there are {self.table.actions}")
        return 0

    def fill(self, Counts counts not None, tuple order not None, list places not None, dict screens not None):
        """Fill each placement's slots in turn with the best candidates allowed, no action twice.

        No treatment may be refused, and there must be room for as many contacts as there are slots.

        Args:
          counts: The contacts so far; they are changed.
          order: The candidates, best first, by action index.
          places: To fill, in this order.
          screens: By channel: who is refused before anything is offered.

        Returns:
          What was placed, and the verdict on each candidate.
        """
        cdef Table table = self.table
        cdef int actions = table.actions, number = len(order), i, action, given, rule
        cdef bint filled = False
        cdef Place place
        cdef Screen screen
        cdef char *offered = <char *>calloc(2 * actions + table.limits + 1, 1)
        cdef int *stopped = <int *>malloc((2 * actions + number + 1) * sizeof(int))
        cdef char *candidate
        cdef char *touched
        cdef int *stops
        cdef int *ranked
        placed = []
        try:
            if offered == NULL or stopped == NULL:
                raise MemoryError
            if counts.table is not table:
                raise ValueError("contacts counted by other limits")
            candidate, touched = offered + actions, offered + 2 * actions
            stops, ranked = stopped + actions, stopped + 2 * actions
            memset(stopped, 0xFF, 2 * actions * sizeof(int))
            for i in range(number):
                ranked[i] = self._known(order[i])
                candidate[ranked[i]] = 1
            for place in places:
                screen = screens[place.channel]
                self._fits(screen)
                if filled:
                    memset(stops, 0xFF, actions * sizeof(int))
                    counts.lay(place.here, stops, self.first_limit, touched)
                given = 0
                for i in range(number):
                    action = ranked[i]
                    if not place.competes[action] or screen.rules[action] >= 0 or offered[action]:
                        continue
                    if stops[action] >= 0:
                        if stopped[action] < 0:
                            stopped[action] = stops[action]
                        continue
                    given += 1
                    placed.append(self._place(place, action, given, False, counts.brand))
                    offered[action] = 1
                    if self._touch(counts, place.lines[action], touched):
                        filled = True
                    if given == place.slots:
                        break
                    if filled:
                        memset(stops, 0xFF, actions * sizeof(int))
                        counts.lay(place.here, stops, self.first_limit, touched)
                action = place.fallback
                if given or action < 0 or not candidate[action] or not place.fits[action]:
                    continue
                if screen.rules[action] >= 0 or offered[action]:
                    continue
                if stops[action] >= 0:
                    if stopped[action] < 0:
                        stopped[action] = stops[action]
                    continue
                placed.append(self._place(place, action, 1, True, counts.brand))
                offered[action] = 1
                if self._touch(counts, place.lines[action], touched):
                    filled = True
            of_places = [screens[(<Place>place).channel] for place in places]
            return placed, self._verdicts(order, places, of_places, offered, stopped)
        finally:
            free(offered)
            free(stopped)

    cdef bint _touch(self, Counts counts, Line line, char *touched) noexcept:
        """Count an offer just made, and note the limits that it filled; whether it filled any."""
        cdef Table table = self.table
        cdef int i, key
        cdef bint found = False
        for i in range(table.tallies):
            key = line.keys[i]
            if table.counted[i] and key >= 0:
                counts.count(key, 1)
                found = True
        if not found:
            return False
        found = False
        for i in range(table.limits):
            if counts.filled(line, i):
                touched[i] = 1
                found = True
        return found

    def verdicts(self, tuple order not None, list places not None, list screens not None, offered, dict stopped):
        """What became of each candidate, in their order.

        Args:
          order: The candidates, by action index.
          places: The placements asked for.
          screens: Who was refused in each before anything was offered.
          offered: Who was, as bits.
          stopped: By candidate whose turn came: the rule that stopped it then.
        """
        cdef int actions = self.table.actions
        cdef char *flags = <char *>malloc(actions + 1)
        cdef int *stops = <int *>malloc((actions + 1) * sizeof(int))
        try:
            if flags == NULL or stops == NULL:
                raise MemoryError
            _spread(offered, flags, actions)
            memset(stops, 0xFF, actions * sizeof(int))
            for action, rule in stopped.items():
                stops[self._known(action)] = rule
            return self._verdicts(order, places, screens, flags, stops)
        finally:
            free(flags)
            free(stops)

    cdef list _verdicts(self, tuple order, list places, list screens, char *offered, int *stopped):
        cdef int number = len(order), asked = len(places), i, j, action, rule, fitting, first
        cdef bint allowed, everywhere
        cdef Place place
        cdef Screen screen
        cdef list found = [None] * number
        is_offered, outranked, untreated = self._said
        for screen in screens:
            self._fits(screen)
        for i in range(number):
            action = self._known(order[i])
            if offered[action]:
                found[i] = is_offered
                continue
            allowed, everywhere, fitting, first = False, asked > 0, -1, -1
            for j in range(asked):
                place, screen = places[j], screens[j]
                rule = screen.rules[action]
                if place.fits[action]:
                    if rule < 0:
                        allowed = True
                        break
                    if fitting < 0:
                        fitting = rule
                if rule < 0:
                    everywhere = False
                elif first < 0:
                    first = rule
            if allowed:
                rule = stopped[action]
                if rule < 0 and self._tied and action in self._tied:
                    rule = self.first_bundle + self._tied[action]
                found[i] = outranked if rule < 0 else self._rules[rule]
            elif fitting >= 0:
                found[i] = self._rules[fitting]
            else:
                found[i] = self._rules[first] if everywhere else untreated
        return found


include "ledger_drawing.pxi"
include "ledger_bidding.pxi"
include "ledger_deciding.pxi"
include "ledger_folding.pxi"
