# Who is refused in a channel before anything is offered: `models.ledger.screens`.


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
