# Slots filled with the best bids, or by priority where treatments are refused: `models.ledger.rounds`, `.auctions` and
# `.bids` say what is done. Volume constraints, bundles and a full memory are left to them.


cdef class Sale:
    """One decision while its slots are filled, by bids or by priority alone."""

    cdef Bidding plan
    cdef Rounds rounds
    cdef Counts counts
    cdef tuple order, priorities, propensities, evidence
    cdef object decision_id
    cdef dict boosts
    cdef dict gated
    """By channel: treatments refused before anything is offered, by action, each with the rule."""
    cdef bint by_bids, filled
    cdef int many
    cdef Bidder *bidders
    cdef char *flags
    cdef char *offered
    cdef char *candidate
    cdef char *drawn
    cdef char *touched
    cdef int *rules
    cdef int *stops
    cdef int *stopped

    def __cinit__(self, Bidding plan not None, Rounds rounds not None, Counts counts not None, candidates, gated):
        cdef Table table = rounds.table
        cdef int actions = table.actions
        if plan.actions != actions or counts.table is not table:
            raise ValueError("bids, limits and contacts of different plans")
        self.plan, self.rounds, self.counts, self.gated = plan, rounds, counts, gated
        self.order, self.priorities = candidates.order, candidates.priorities
        self.propensities, self.evidence = candidates.propensities, candidates.evidence
        self.decision_id = candidates.request.decision_id
        self.bidders = <Bidder *>malloc((len(self.order) + 1) * sizeof(Bidder))
        self.flags = <char *>calloc(3 * actions + table.limits + 1, 1)
        self.rules = <int *>malloc((2 * actions + 1) * sizeof(int))
        if self.bidders == NULL or self.flags == NULL or self.rules == NULL:
            raise MemoryError
        self.offered, self.candidate, self.drawn = self.flags, self.flags + actions, self.flags + 2 * actions
        self.touched = self.flags + 3 * actions
        self.stops, self.stopped = self.rules, self.rules + actions
        memset(self.rules, 0xFF, 2 * actions * sizeof(int))
        for index in self.order:
            self.candidate[rounds._known(index)] = 1

    def __dealloc__(self):
        free(self.bidders)
        free(self.flags)
        free(self.rules)

    cdef int begin(self, dict boosts) except -1:
        """Find out what has a say besides priorities."""
        cdef int action
        cdef double p, evidence
        self.boosts = boosts
        self.by_bids = len(boosts) > 0
        if not self.evidence:
            return 0
        for index in self.order:
            action = index
            p, evidence = self.propensities[action], self.evidence[action]
            if self.plan.kinds[action] & EXPLORED and p * evidence > 0.0 and (1.0 - p) * evidence > 0.0:
                self.drawn[action] = 1
                self.by_bids = True
        return 0

    cdef object terms(self):
        """What had a say, for the record; None where nothing had."""
        cdef int size = (self.plan.actions >> 3) + 1, i
        cdef bytes raw
        cdef unsigned char *at
        if not self.by_bids:
            return None
        raw = bytes(size)
        at = <unsigned char *>PyBytes_AS_STRING(raw)
        for i in range(self.plan.actions):
            if self.drawn[i]:
                at[i >> 3] |= 1 << (i & 7)
        return self.rounds._new(self.plan.terms_type, (_gathered(at, size), self.boosts, {}, ()))

    cdef int draw(self, int slot) except -1:
        """Draw the propensities of those who bid and are drawn."""
        cdef int number = 0, i, j = 0
        cdef double p, evidence, value
        cdef nb_hash start
        cdef Desk desk
        for i in range(self.many):
            number += self.bidders[i].by_chance
        if not number:
            return 0
        desk = self.plan.desk(number)
        nb_begin(&start, 8)
        nb_person(&start, b"nextbeam-draw\0\0\0")
        _hash_text(&start, self.decision_id)
        _hash_text(&start, f"\0{slot}\0")
        for i in range(self.many):
            if self.bidders[i].by_chance:
                action = self.bidders[i].action
                p, evidence = self.propensities[action], self.evidence[action]
                desk.win[j], desk.loss[j] = p * evidence, (1.0 - p) * evidence
                desk.level[j] = _uniform(start, self.plan.ids[action])
                j += 1
        self.plan.invert(desk.wins, desk.losses, desk.levels, desk.drawn)
        j = 0
        for i in range(self.many):
            if self.bidders[i].by_chance:
                value = desk.value[j]
                value = _LEAST if _LEAST > value else value
                self.bidders[i].sampled = 1.0 - _LEAST if 1.0 - _LEAST < value else value
                j += 1
        if len(self.plan.desks) < MOST_DESKS:
            self.plan.desks[number] = desk
        return 0

    cdef double worth(self, int action, bint by_chance, double sampled) except? -1.0:
        cdef double found = self.priorities[action], boost = 1.0
        if by_chance and found > 0.0:
            found = _capped(found * (sampled / <double>self.propensities[action]))
        if self.boosts:
            boost = self.boosts.get(action, 1.0)
        return _capped(found * boost)

    cdef bint bid(self, Place place, Screen screen, int slot) except -1:
        """Let all who compete for a slot bid, the best first; False if a bid is no number."""
        cdef int turn = 0, action
        cdef Bidder *one
        self.many = 0
        for index in self.order:
            action = index
            if place.competes[action] and screen.rules[action] < 0 and not self.offered[action]:
                one = &self.bidders[self.many]
                one.action, one.turn, one.by_chance, one.sampled = action, turn, self.drawn[action], 0.0
                one.key = one.worth = 0.0
                self.many += 1
            turn += 1
        if not self.by_bids or not self.many:
            return True
        self.draw(slot)
        for turn in range(self.many):
            one = &self.bidders[turn]
            one.worth = self.worth(one.action, one.by_chance, one.sampled)
            if one.worth != one.worth:
                return False
            one.key = -_MOST if self.plan.kinds[one.action] & MANDATORY else -one.worth
        if self.many > 1:
            qsort(self.bidders, self.many, sizeof(Bidder), &_first)
        return True

    cdef object said(self, Bidder *one):
        """The bid as it is recorded."""
        cdef object sampled = one.sampled if one.by_chance else None
        return self.rounds._new(self.plan.bid_type, (one.action, one.worth, 0.0, sampled))

    cdef int winner(self) except -2:
        """Who has the slot, by turn; -1: nobody. Who would have had it is noted as stopped."""
        cdef int i, action
        for i in range(self.many):
            action = self.bidders[i].action
            if self.stops[action] < 0:
                return i
            if self.stopped[action] < 0:
                self.stopped[action] = self.stops[action]
        return -1

    cdef tuple contenders(self, int won, object best):
        """Of those who could have won the slot: their bids, if chance had a say."""
        cdef int i
        cdef bint any_chance = False
        cdef list found
        for i in range(won, self.many):
            if self.stops[self.bidders[i].action] < 0:
                any_chance = any_chance or self.bidders[i].by_chance
                if self.plan.kinds[self.bidders[i].action] & MANDATORY:
                    return ()
        if not any_chance:
            return ()
        found = [best]
        for i in range(won + 1, self.many):
            if self.stops[self.bidders[i].action] < 0:
                found.append(self.said(&self.bidders[i]))
        return tuple(found)

    cdef object give(self, Place place, int action, int slot, bint fallback, bid, tuple contenders):
        """An offer; what it fills stops others."""
        cdef Table table = self.rounds.table
        cdef Line line
        cdef object refused = self.gated[place.channel].get(action)
        row = self.rounds._row_of(place, action, self.counts.brand)
        line = place.lines[action]
        if refused:
            treatments = self.rounds._plan.treatments[place.name][action]
            treatment = next(name for name in treatments if name not in refused)
            row = self.rounds._plan.row(action, treatment, place.channel, place.name, self.counts.brand)
            line = table.line(row.key)
        self.offered[action] = 1
        if self.rounds._touch(self.counts, line, self.touched):
            self.filled = True
        return self.rounds._new(self.rounds._placed, (action, slot, row, bid, contenders, None, False, fallback))

    cdef int lay(self, Place place) except -1:
        """Note who is stopped by now."""
        if self.filled:
            memset(self.stops, 0xFF, self.plan.actions * sizeof(int))
            self.counts.lay(place.here, self.stops, self.rounds.first_limit, self.touched)
        return 0

    cdef object fall_back(self, Place place, Screen screen):
        """The placement's fallback, if it may be offered."""
        cdef int action = place.fallback
        cdef object bid = None
        if action < 0 or not self.candidate[action] or not place.fits[action]:
            return None
        if screen.rules[action] >= 0 or self.offered[action]:
            return None
        if self.stops[action] >= 0:
            if self.stopped[action] < 0:
                self.stopped[action] = self.stops[action]
            return None
        if self.by_bids:
            worth = self.worth(action, False, 0.0)
            bid = self.rounds._new(self.plan.bid_type, (action, worth, 0.0, None))
        return self.give(place, action, 1, True, bid, ())

    cdef list fill(self, list places, list screens):
        """Fill each placement's slots in turn, no action twice; None if a bid is no number."""
        cdef Place place
        cdef Screen screen
        cdef int before = 0, given, won, i
        cdef list placed = []
        cdef object bid
        for i in range(len(places)):
            place, screen, given = places[i], screens[i], 0
            self.lay(place)
            while given < place.slots:
                if not self.bid(place, screen, before + given + 1):
                    return None
                won = self.winner()
                if won < 0:
                    break
                given += 1
                bid = self.said(&self.bidders[won]) if self.by_bids else None
                contenders = self.contenders(won, bid) if self.by_bids else ()
                placed.append(self.give(place, self.bidders[won].action, given, False, bid, contenders))
                self.lay(place)
            before += place.slots
            if not given:
                bid = self.fall_back(place, screen)
                if bid is not None:
                    placed.append(bid)
        return placed


cdef Screen _with_treatments(Screen screen, dict gated, dict treatments):
    """The refusals, and those whose every treatment for a placement is refused: the last rule to refuse one counts."""
    cdef Screen found = None
    cdef int rule, action, known
    cdef object fitting
    for index, refused in gated.items():
        fitting = treatments.get(index)
        if not fitting:
            continue
        rule = -1
        for treatment in fitting:
            known = (<dict>refused).get(treatment, -1)
            if known < 0:
                break
            rule = max(rule, known)
        else:
            action = screen._known(index)
            if found is None:
                found = screen.having({})
            known = found.rules[action]
            found.rules[action] = rule if known < 0 or rule < known else known
    return screen if found is None else found
