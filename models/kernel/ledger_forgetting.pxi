# What nothing can depend on any more, and when that is all of a ledger: `models.ledger.forgetting` says what is forgotten,
# `models.ledger.attribution` when silence is an answer.

cdef enum:
    MOST_SPOTS = 65_536
    RELEASED = 2


cdef class Offered:
    """What a spot means for how long its contact, and its offer, matter."""

    cdef long long need
    cdef long long opens
    """For how long outcomes are attributed."""
    cdef long long silence
    """After how long silence is an answer; -1: it never is."""


cdef class Forgetting:
    """What a state is without what is old, under one plan."""

    cdef long long late, remembered, remember, shortest, open_for
    cdef bint any_silence
    cdef object pruned_pauses, needed_until, pruned_marks, marks_until, row, silence_of, opens, state_type, settle
    cdef dict lasting, lasting_marks, offers

    def __init__(self, times, pauses, marks, offers, state_type, settle):
        """Of `Deciding`, which says what each is.

        Args:
          times: Lateness; how long contacts are remembered, at least and by request; the shortest and the longest time
            that an offer is open. Microseconds.
          pauses: Those pruned; until when they matter; their rules.
          marks: Those pruned; until when they matter; how long those of each influence do.
          offers: `ContactLimits.row`; after how long a channel's silence is an answer, for how long its offers are
            open, and whether any silence is an answer.
          state_type: LedgerState.
          settle: A state with all that is old forgotten, where many spots are to be numbered anew.
        """
        self.late, self.remembered, self.remember, self.shortest, self.open_for = times
        self.pruned_pauses, self.needed_until, self.lasting = pauses
        self.pruned_marks, self.marks_until, self.lasting_marks = marks
        self.row, self.silence_of, self.opens, self.any_silence = offers
        self.state_type, self.settle, self.offers = state_type, settle, {}

    cdef object settled(self, state, customer_id, long long at, tuple decided, tuple origins, tuple spots, tuple times,
                        tuple items, tuple opened, since, tuple committed, tuple gaps):
        """The state after all of a decision, without what nothing can depend on any more."""
        cdef long long clock = state.clock, settled, due, forgotten = state.forgotten
        cdef tuple pauses = state.pauses, marks = state.marks, kept
        clock = max(clock, at)
        settled = clock - self.late
        if self.ages(times, opened, gaps, settled):
            kept = self.recent(times, items, committed, opened, gaps, forgotten, settled, spots)
            if self.sparse(kept, spots, origins):
                return self.settle(self.state_type(
                    customer_id, clock, state.sequence + 1, 0, state.lost_until, decided, origins, spots, times,
                    items, opened, pauses, since, (), committed, marks, state.forgotten, gaps, None,
                ))
            times, items, committed, opened, gaps, latest = kept
            forgotten = latest
        if pauses and not lasting(pauses, self.lasting, settled):
            pauses = tuple(self.pruned_pauses(pauses, settled))
        if marks and not self.marks_last(marks, settled):
            marks = tuple(self.pruned_marks(marks, settled))
        due = self.next_silence(opened, spots)
        if due == _NEVER:
            due = self.forgettable(state, clock, times, opened, gaps, spots, pauses, marks, forgotten)
        return self.state_type(
            customer_id, clock, state.sequence + 1, due, state.lost_until, decided, origins, spots, times, items, opened,
            pauses, since, (), committed, marks, forgotten, gaps, None,
        )

    cdef tuple recent(self, tuple times, tuple items, tuple committed, tuple opened, tuple gaps, long long forgotten,
                      long long settled, tuple spots):
        """The columns of contacts, what is open, the gaps, and up to when contacts are forgotten, without what is old."""
        cdef long long until = settled - self.remembered, surely = settled - self.shortest
        cdef Py_ssize_t old = 0, number = len(times)
        cdef bint any_gap = False
        cdef tuple gap
        while old < number and <long long>times[old] <= until:
            old += 1
        if old:
            forgotten = max(forgotten, <long long>times[old - 1])
            times, items, committed = times[old:], items[old:], committed[old:]
        for gap in gaps:
            if <long long>gap[1] <= until:
                forgotten = max(forgotten, <long long>gap[1])
                any_gap = True
        if any_gap:
            gaps = tuple([gap for gap in gaps if <long long>gap[1] > until])
        if opened and <long long>opened[0].at < surely:
            opened = tuple(
                [made for made in opened if <long long>made.at >= surely or self.closes(made, spots) >= settled]
            )
        return times, items, committed, opened, gaps, forgotten

    cdef long long closes(self, made, tuple spots) except? -1:
        """Until when outcomes are attributed to any offer of a decision."""
        cdef long long longest = 0, opens
        cdef tuple offers = made.offers
        for offer in offers:
            opens = self.offered(spots[<Py_ssize_t>offer.item]).opens
            longest = max(longest, opens)
        return <long long>made.at + longest

    cdef bint sparse(self, tuple kept, tuple spots, tuple origins) except -1:
        """Whether most spots, or most origins, are some that nothing points to any more."""
        cdef tuple items = kept[1], opened = kept[3], gaps = kept[4], offers
        cdef Py_ssize_t known = len(spots), used = 0, used_origins = 0, size = known + len(origins), position
        cdef char few[512]
        cdef char *flags = few
        if size > 512:
            flags = <char *>malloc(size)
            if flags == NULL:
                raise MemoryError
        memset(flags, 0, size)
        try:
            for item in items:
                used += _mark_used(flags, item, known)
            for gap in gaps:
                used += _mark_used(flags, (<tuple>gap)[0], known)
            for made in opened:
                used_origins += _mark_used(flags + known, made.origin, size - known)
                offers = made.offers
                for offer in offers:
                    used += _mark_used(flags, offer.item, known)
        finally:
            if flags != few:
                free(flags)
        return known > 2 * used or size - known > 2 * used_origins

    cdef bint marks_last(self, tuple marks, long long settled) except -1:
        """Whether every mark can still move something after `settled`."""
        for mark in marks:
            lasts = self.lasting_marks.get(mark.influence)
            if lasts is None or <long long>mark.at + <long long>lasts <= settled:
                return False
        return True

    cdef bint ages(self, tuple times, tuple opened, tuple gaps, long long settled) except -1:
        """Whether any contact, or any offer, may be one that no event can depend on."""
        cdef long long until = settled - self.remembered
        cdef tuple gap
        if times and <long long>times[0] <= until:
            return True
        if opened and <long long>opened[0].at + self.shortest < settled:
            return True
        for gap in gaps:
            if <long long>gap[1] <= until:
                return True
        return False

    cdef Offered offered(self, str key):
        cdef Offered found = self.offers.get(key)
        if found is None:
            row = self.row(key)
            found = Offered()
            found.need = row.need
            found.opens = self.opens(row.spot.channel)
            silence = self.silence_of(row.spot.channel)
            found.silence = -1 if silence is None else silence
            if len(self.offers) >= MOST_SPOTS:
                self.offers.clear()
            self.offers[key] = found
        return found

    cdef long long next_silence(self, tuple opened, tuple spots) except? -1:
        """When the next silence is an answer, which may be before 1970; `_NEVER`: none is."""
        cdef long long soonest = _NEVER, at, due
        cdef Offered offered
        cdef tuple offers
        if not self.any_silence:
            return _NEVER
        for made in opened:
            at = made.at
            if at + self.shortest + self.late >= soonest:
                break
            offers = made.offers
            for offer in offers:
                if offer.labelled or <int>offer.contact == RELEASED:
                    continue
                offered = self.offered(spots[<Py_ssize_t>offer.item])
                due = at + offered.silence + self.late + 1
                if offered.silence >= 0 and due < soonest:
                    soonest = due
        return soonest

    cdef long long forgettable(self, state, long long clock, tuple times, tuple opened, tuple gaps, tuple spots,
                               tuple pauses, tuple marks, long long forgotten) except? -1:
        """When no event can depend on anything in the ledger any more."""
        cdef long long needed = max(0, clock), lost = state.lost_until
        cdef tuple gap
        needed = max(needed, lost, forgotten + self.remembered)
        if pauses:
            needed = max(needed, <long long>self.needed_until(pauses))
        if marks:
            needed = max(needed, <long long>self.marks_until(marks))
        if times:
            needed = max(needed, <long long>times[len(times) - 1] + self.remembered)
        for gap in gaps:
            needed = max(
                needed, <long long>gap[1] + max(self.offered(spots[<Py_ssize_t>gap[0]]).need, self.remember)
            )
        if opened:
            needed = max(needed, <long long>opened[len(opened) - 1].at + self.open_for)
        return needed + self.late + 1


cdef Py_ssize_t _mark_used(char *flags, Py_ssize_t position, Py_ssize_t size) except -1:
    """Flag a position; 1 if it was not flagged before."""
    if not 0 <= position < size:
        raise IndexError(f"position {position} of a table of {size}")
    if flags[position]:
        return 0
    flags[position] = 1
    return 1
