# A decision in one call: `models.ledger.fold.LedgerFold.step` for ranked candidates, where neither volume constraints
# nor bundles nor a household have a say.

cdef long long _NEVER = <long long>1 << 62
cdef long long _UNSET = -_NEVER
cdef str _SEPARATOR = "\x1f"

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


cdef class Deciding:
    """Decides on candidates of any customer under one plan; None where Python has to."""

    cdef Table table
    cdef Rounds rounds
    cdef Bidding bidding
    cdef Py_ssize_t keep, keep_ids
    cdef long long late, longest, remembered, remember, shortest, open_for
    cdef int first_suppression, first_limit
    cdef bint any_silence
    cdef object involved, active, pruned_pauses, needed_until, gates, write, fitting, no_action
    cdef object boosts, pruned_marks, marks_until
    cdef object row, exempts, silence_of, opens, settle, digest, duplicate, decided
    cdef object state_type, open_type, offer_type, entry_type, allocation_type, new
    cdef dict lasting, lasting_marks, offers

    def __init__(
        self, *, Table table, Rounds rounds, Bidding bidding, times, numbers, policy, influences, recorder, contacts,
        counted, types
    ):
        """Of a ledger's fold, whose parts are compiled.

        Args:
          table: Its limits.
          rounds: How its slots are filled.
          bidding: What bids depend on.
          times: Lateness; the longest limit; how long contacts are remembered, at least and by request; the shortest
            and the longest time that an offer is open. Microseconds.
          numbers: How many contacts and ids are kept; the numbers of the first suppression and of the first limit.
          policy: What is bundled, as bits; what is paused; pauses pruned; until when they matter; their rules; gates.
          influences: The factors on priorities; marks pruned; until when they matter; how long those of each do.
          recorder: Writes decisions; who fits placements; why nobody was offered; the plan's digest.
          contacts: `ContactLimits.row` and `exempts`; after how long a channel's silence is an answer, for how long
            its offers are open, and whether any silence is an answer; a state with all that is old forgotten.
          counted: DUPLICATE and DECIDED.
          types: LedgerState, OpenDecision, OpenOffer, Entry and Allocation.
        """
        self.table, self.rounds, self.bidding = table, rounds, bidding
        self.late, self.longest, self.remembered, self.remember, self.shortest, self.open_for = times
        self.keep, self.keep_ids, self.first_suppression, self.first_limit = numbers
        self.involved, self.active, self.pruned_pauses, self.needed_until, self.lasting, self.gates = policy
        self.boosts, self.pruned_marks, self.marks_until, self.lasting_marks = influences
        self.write, self.fitting, self.no_action, self.digest = recorder
        self.row, self.exempts, self.silence_of, self.opens, self.any_silence, self.settle = contacts
        self.duplicate, self.decided = counted
        self.state_type, self.open_type, self.offer_type, self.entry_type, self.allocation_type = types
        self.offers, self.new = {}, tuple.__new__

    def decide(self, state, candidates):
        """The new state and the outputs, or None: the Python form knows what to do."""
        when = candidates.request.requested_at
        return self.decided_at(state, candidates, _micros(when)) if _is_utc(when) else None

    cdef object decided_at(self, state, candidates, long long at):
        cdef tuple decided = state.decided, notes = state.notes
        cdef object request = candidates.request, mark, allocation, since, made
        mark = _mark(request.decision_id)
        if mark is None or state.erased is not None:
            return None
        if mark in decided:
            return state, [self.duplicate]
        allocation = self.allocated(state, candidates, request, at)
        if allocation is None:
            return None
        decided = decided + (mark,)
        if len(decided) > self.keep_ids:
            decided = decided[len(decided) - self.keep_ids :]
        since = state.since
        if <long long>since == _UNSET:
            since = at
        if notes:
            notes = tuple([note.told() for note in notes])
        entry = self.new(self.entry_type, (state.sequence + 1, since, notes))
        made = self.reserved(state, candidates, request, at, (<tuple>allocation)[0], decided, since)
        if made is None:
            return None
        return made, [self.write(candidates, allocation, entry), self.decided]

    cdef object allocated(self, state, candidates, request, long long at):
        """Who gets the slots; None if anything has a say that the kernel does not know."""
        cdef tuple times = state.times, order = candidates.order, gaps = state.gaps, marks = state.marks, gap
        cdef str channel = request.channel, brand = request.brand
        cdef Counts counts
        cdef Place place
        cdef object paused = None, terms = None
        cdef dict screens = {}, gated = {}
        cdef bint any_gated = False
        cdef list places, placed, verdicts
        if <long long>state.lost_until > at:
            return None
        if channel not in self.table._directions or <long long>state.forgotten > at - self.longest:
            return None
        for gap in gaps:
            if <long long>gap[1] > at - self.longest:
                return None
        if self.involved and self.involved & mask(order):
            return None
        places, slots = self.rounds.places(request.placements, channel, brand)
        if self.keep - len(times) <= <Py_ssize_t>slots:
            return None
        counts = self.table.count(times, state.items, state.committed, state.spots, at, brand)
        if counts is None:
            return None
        if state.pauses:
            paused = self.active(state.pauses, at, brand)
            if paused.treatments:
                return None
        for place in places:
            if place.channel not in screens:
                if self.table.by_treatment and counts.refused_treatments(place.channel):
                    return None
                refused = self.gates.refused_treatments(request, place.channel) if self.gates is not None else {}
                any_gated = any_gated or len(<dict>refused) > 0
                gated[place.channel] = refused
                screens[place.channel] = self.screened(counts, request, paused, place.channel)
        if any_gated or marks or candidates.evidence:
            made = self.sold(counts, candidates, places, screens, gated, self.boosts(marks, at) if marks else {})
            if made is None:
                return None
            placed, verdicts, terms = made
        else:
            placed, verdicts = self.rounds.fill(counts, order, places, screens)
        why = None
        if not placed:
            why = self.no_action(self.fitting([(<Place>each).name for each in places]), order, verdicts)
        return self.new(self.allocation_type, (placed, verdicts, why, terms))

    cdef object sold(self, Counts counts, candidates, list places, dict screens, dict gated, dict boosts):
        """What is placed, the verdicts, and what had a say besides priorities; None if a bid is no number."""
        cdef Sale sale = Sale(self.bidding, self.rounds, counts, candidates, gated)
        cdef dict treatments = self.rounds._plan.treatments
        cdef Place place
        cdef list placed, narrowed = []
        cdef Screen screen
        for place in places:
            screen = screens[place.channel]
            self.rounds._fits(screen)
            narrowed.append(_with_treatments(screen, gated[place.channel], treatments[place.name]))
        sale.begin(boosts)
        placed = sale.fill(places, narrowed)
        if placed is None:
            return None
        return placed, self.rounds._verdicts(sale.order, places, narrowed, sale.offered, sale.stopped), sale.terms()

    cdef Screen screened(self, Counts counts, request, paused, str channel):
        """Who is refused in a channel before anything is offered, whatever the treatment."""
        cdef list before = []
        if self.gates is not None:
            before += self.gates.refused(request, channel)
        if paused is not None:
            before += [(self.first_suppression + <int>rule, bits) for rule, bits in paused.within(channel)]
        return counts.screen(channel, before, self.first_limit, [])

    cdef object reserved(self, state, candidates, request, long long at, list placed, tuple decided, since):
        """The state with the contacts that the offers reserve; None if Python has to put them where they belong."""
        cdef tuple times = state.times, items = state.items, committed = state.committed, opened = state.open
        cdef tuple spots = state.spots, origins = state.origins, gaps = state.gaps, row, one
        cdef tuple propensities = candidates.propensities
        cdef Py_ssize_t item, origin, open_offers
        cdef tuple waiting
        cdef list offers = []
        cdef dict missed = None
        cdef object when = at
        if placed:
            if opened and <long long>opened[len(opened) - 1].at >= at:
                return None
            open_offers = len(placed)
            for made in opened:
                waiting = made.offers
                open_offers += len(waiting)
            if open_offers > self.keep:
                return None
        for offer in placed:
            one = <tuple>offer
            row = <tuple>one[2]
            item = _place_of(spots, row[1])
            if item == len(spots):
                spots = spots + (row[1],)
            offers.append(self.offer_type(item, propensities[<Py_ssize_t>one[0]], 0, False, one[6]))
            if row[3]:
                if times and <long long>times[len(times) - 1] > at:
                    return None
                times, items, committed = times + (when,), items + (item,), committed + (False,)
            elif not self.exempts(row):
                missed = dict(gaps) if missed is None else missed
                missed[item] = max(when, missed.get(item, when))
        if placed:
            said = _SEPARATOR.join((request.brand, self.digest, candidates.model_digest, request.arm))
            origin = _place_of(origins, said)
            if origin == len(origins):
                origins = origins + (said,)
            opened = opened + (self.open_type(when, request.decision_id, origin, tuple(offers)),)
        if missed is not None:
            gaps = tuple(missed.items())
        return self.settled(
            state, request.customer_id, at, decided, origins, spots, times, items, opened, since, committed, gaps
        )

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


cdef Py_ssize_t _place_of(tuple table, str key) except -1:
    """Where a text is in a table; its end if it is not there."""
    cdef Py_ssize_t i
    for i in range(len(table)):  # most often it is the same object: then none of them has to be looked at
        if PySequence_Fast_GET_ITEM(table, i) == <PyObject *>key:
            return i
    for i in range(len(table)):
        if table[i] == key:
            return i
    return len(table)


cdef object _mark(str text):
    """What stands for a decision's id in the ledger; None for ids that are not plain."""
    cdef nb_hash state
    cdef unsigned char out[8]
    cdef unsigned long long found = 0
    cdef int i
    if text is None or not PyUnicode_IS_COMPACT_ASCII(text):
        return None
    nb_begin(&state, 8)
    nb_feed(&state, <const char *>PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text))
    nb_end(&state, out, 8)
    for i in range(8):
        found = found << 8 | out[i]
    return found
