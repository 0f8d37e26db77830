# A decision in one call: `models.ledger.fold.LedgerFold.step` for ranked candidates, where neither volume constraints
# nor bundles nor a household have a say.

cdef str _SEPARATOR = "\x1f"


cdef class Deciding:
    """Decides on candidates of any customer under one plan; None where Python has to."""

    cdef Table table
    cdef Rounds rounds
    cdef Bidding bidding
    cdef Forgetting forgetting
    cdef Py_ssize_t keep, keep_ids
    cdef long long longest
    cdef int first_suppression, first_limit
    cdef object involved, active, gates, boosts, exempts, write, fitting, no_action, digest, duplicate, decided
    cdef object open_type, offer_type, entry_type, allocation_type, new

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
        late, self.longest, *reaches = times
        self.keep, self.keep_ids, self.first_suppression, self.first_limit = numbers
        self.involved, self.active, *pauses, self.gates = policy
        self.boosts, *marks = influences
        self.write, self.fitting, self.no_action, self.digest = recorder
        row, self.exempts, *offers, settle = contacts
        self.duplicate, self.decided = counted
        state_type, self.open_type, self.offer_type, self.entry_type, self.allocation_type = types
        self.forgetting = Forgetting((late, *reaches), pauses, marks, (row, *offers), state_type, settle)
        self.new = tuple.__new__

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
        return self.forgetting.settled(
            state, request.customer_id, at, decided, origins, spots, times, items, opened, since, committed, gaps
        )

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
