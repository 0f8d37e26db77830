# Limits and the numbers of their keys, and contacts counted for them: `models.ledger.limits` and `.tallies`. Each key of
# each tally has a number of its own, so that counts are one row of integers. What was counted is noted, so that nothing
# has to be searched for or cleared that was not.

cdef enum:
    BY_KEY = 0
    BY_CHANNEL = 1
    BY_DIRECTION = 2
    BY_TREATMENT = 3

_KINDS = {"channel": BY_CHANNEL, "direction": BY_DIRECTION, "treatment": BY_TREATMENT}

MOST_PLACES = 4096
"""Combinations of placements, channel and brand kept at hand."""


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
