# Contacts as one decision counts them, and which limits they fill: `models.ledger.counts` and `.tallies`.


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
