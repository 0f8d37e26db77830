# Slots filled by priority alone, and what becomes of the candidates: `models.ledger.rounds` and `.verdicts`.


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
