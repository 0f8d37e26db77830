# Which rules removed which actions, and the room in which that, and the rest of a record, is found out.


cdef class _Room:
    """Room to write one record in."""

    cdef Py_ssize_t* rule_of
    cdef Py_ssize_t* ends
    cdef Py_ssize_t* grouped
    cdef Py_ssize_t* rank_of
    cdef Py_ssize_t* bid_of

    def __cinit__(self, Py_ssize_t actions, Py_ssize_t rules):
        self.rule_of = <Py_ssize_t*>calloc(actions + 1, sizeof(Py_ssize_t))
        self.grouped = <Py_ssize_t*>calloc(actions + 1, sizeof(Py_ssize_t))
        self.ends = <Py_ssize_t*>calloc(rules + 1, sizeof(Py_ssize_t))
        self.rank_of = <Py_ssize_t*>calloc(actions + 1, sizeof(Py_ssize_t))
        self.bid_of = <Py_ssize_t*>calloc(actions + 1, sizeof(Py_ssize_t))
        if not (self.rule_of and self.grouped and self.ends and self.rank_of and self.bid_of):
            raise MemoryError

    def __dealloc__(self):
        free(self.rule_of)
        free(self.grouped)
        free(self.ends)
        free(self.rank_of)
        free(self.bid_of)


cdef class Removals:
    """What each rule removed, in records of one plan."""

    cdef object removal_of
    cdef tuple ids, rules
    cdef list latest, latest_actions
    cdef Py_ssize_t actions, rule_count

    def __cinit__(self, tuple ids, tuple rules, removal_of):
        self.ids, self.rules, self.removal_of = ids, rules, removal_of
        self.actions, self.rule_count = len(ids), len(rules)
        self.latest, self.latest_actions = [None] * self.rule_count, [()] * self.rule_count

    cdef tuple removed(self, _Room room, tuple removed_by):
        """A removal for each rule that removed any; None: there is no such rule."""
        cdef Py_ssize_t index, rule, end, start = 0, kinds = 0
        cdef tuple found
        memset(room.ends, 0, self.rule_count * sizeof(Py_ssize_t))
        for index in range(self.actions):
            rule = PyLong_AsLong(item(removed_by, index))
            if rule >= self.rule_count:
                return None
            room.rule_of[index] = rule
            if rule >= 0:
                kinds += room.ends[rule] == 0
                room.ends[rule] += 1
        for rule in range(self.rule_count):  # until it has all its actions, an end is a start
            end = start + room.ends[rule]
            room.ends[rule] = start
            start = end
        for index in range(self.actions):
            rule = room.rule_of[index]
            if rule >= 0:
                room.grouped[room.ends[rule]] = index
                room.ends[rule] += 1
        found, index, start = PyTuple_New(kinds), 0, 0
        for rule in range(self.rule_count):
            if room.ends[rule] > start:
                put(found, index, self.removal(room, rule, start, room.ends[rule]))
                index += 1
                start = room.ends[rule]
        return found

    cdef object removal(self, _Room room, Py_ssize_t rule, Py_ssize_t start, Py_ssize_t end):
        """What a rule removed; most remove the same actions, or the same one, again and again."""
        cdef tuple known = self.latest_actions[rule]
        cdef Py_ssize_t index
        if PyTuple_GET_SIZE(known) == end - start:
            for index in range(start, end):
                if PyTuple_GET_ITEM(known, index - start) != PyTuple_GET_ITEM(self.ids, room.grouped[index]):
                    break
            else:
                return self.latest[rule]
        known = PyTuple_New(end - start)
        for index in range(start, end):
            put(known, index - start, item(self.ids, room.grouped[index]))
        stage, name = self.rules[rule]
        removal = self.removal_of(stage=stage, rule=name, actions=known)
        self.latest_actions[rule], self.latest[rule] = known, removal
        return removal
