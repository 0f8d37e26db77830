# cython: language_level=3, wraparound=False, nonecheck=True, cdivision=True, initializedcheck=False
"""Decisions written down: what `models.ledger.records` says in Python, with one call for all parts of a record.

A decision of fifty candidates has some sixty structs. Here they are made from arrays of arguments, without a dict or a
second struct for what a few of them say besides, and a removal that is the same as last time is not made again.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memset

from cpython.long cimport PyLong_AsLong
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM

VERSION = 1

cdef extern from "Python.h":
    object PyObject_Vectorcall(object called, PyObject** arguments, size_t positional, object names)

cdef enum:
    # Of a candidate, as `_CANDIDATE` says them.
    ACTION = 0
    RANK
    PROPENSITY
    WEIGHT
    VALUE
    LEVER
    PRIORITY
    STAGE
    RULE
    MODEL
    EVIDENCE
    BOOST
    PRICE
    REASONS
    CANDIDATE

_CANDIDATE = (
    "action", "rank", "propensity", "context_weight", "value", "lever", "priority", "stage", "rule",
    "model_propensity", "evidence", "boost", "price", "reasons",
)  # fmt: skip
_OFFER = (
    "rank", "placement", "slot", "action", "treatment", "issue", "group", "channel", "message_class", "mandatory",
    "propensity", "context_weight", "value", "lever", "priority", "reasons", "model_propensity", "sampled", "boost",
    "price", "bid", "bundle", "fallback", "contenders", "contender_prices",
)  # fmt: skip
_DECISION = (
    "decision_id", "signal_id", "customer_id", "decided_at", "brand", "channel", "direction", "trigger", "page",
    "placements", "offers", "ranked", "removed", "no_action", "attributes", "context", "ledger_sequence",
    "plan_digest", "model_digest", "trace", "household_id", "arm", "prices", "notes", "ledger_since",
)  # fmt: skip

include "../../schemas/kernel/struct_offsets.pxi"
include "records_structs.pxi"
include "records_removals.pxi"

cdef class Writer:
    """What all decisions of a plan have in common; the arguments are aligned with its actions and rules.

    Threads share it. Writing a record calls Python, so that one may come while another is not done: each takes the
    room that lies idle, or makes its own.

    Args:
      plan: Digest, ids, values, levers, mandatory, classes, and rules as `(stage, id)`.
      contracts: Decision, Offer, Candidate and Removal.
      reasons: Of an offer, and of a candidate; None: none.
      helpers: `moment`, and what says why nothing is offered.
    """

    cdef object digest, decision_of, offer_of, candidate_of
    cdef object offer_reasons, candidate_reasons, moment, no_action
    cdef tuple ids, values, levers, mandatory, classes
    cdef tuple decision_names, offer_names, candidates
    cdef Mould candidate
    cdef Removals removals
    cdef Py_ssize_t actions
    cdef _Room idle
    cdef object one, nought

    def __cinit__(self, plan, contracts, reasons, helpers):
        self.digest, ids, values, levers, mandatory, classes, rules = plan
        self.ids, self.values, self.levers = tuple(ids), tuple(values), tuple(levers)
        self.mandatory, self.classes = tuple(mandatory), tuple(classes)
        self.decision_of, self.offer_of, self.candidate_of, removal_of = contracts
        self.removals = Removals(self.ids, tuple(rules), removal_of)
        self.offer_reasons, self.candidate_reasons = reasons
        self.moment, self.no_action = helpers
        self.decision_names = own_names(self.decision_of, _DECISION)
        self.offer_names = own_names(self.offer_of, _OFFER)
        self.actions = len(self.ids)
        self.candidates = tuple([self._candidate(action) for action in range(self.actions)])
        self.candidate = Mould(self.candidates[0], _CANDIDATE)
        self.one, self.nought = default(self.offer_of, "boost"), default(self.offer_of, "price")
        for aligned in (self.values, self.levers, self.mandatory, self.classes):
            if len(aligned) != self.actions:
                raise ValueError("parts of a plan that are not aligned with its actions")

    cdef object _candidate(self, Py_ssize_t action):
        """What every record says of an action that was ranked."""
        rest = {name: None for name in _CANDIDATE if name not in ("boost", "price", "reasons")}
        return self.candidate_of(
            **{**rest, "action": self.ids[action], "value": self.values[action], "lever": self.levers[action]}
        )

    def decision(self, candidates, allocation, entry):
        """The record of one decision; None if its parts do not fit each other, which the Python form tells of."""
        cdef tuple order = candidates.order, removed, offers, ranked, held
        cdef list verdicts = allocation.verdicts
        cdef _Room room
        request, terms = candidates.request, allocation.terms
        if not self._fits(candidates, order, verdicts, terms):
            return None
        room, self.idle = self.idle, None
        if room is None:
            room = _Room(self.actions, self.removals.rule_count)
        removed = self.removals.removed(room, candidates.removed_by)
        offers = None if removed is None else self._offers(room, candidates, allocation.placed, terms, order)
        self.idle = room
        if offers is None:
            return None
        ranked = self._ranked(candidates, verdicts, terms, order)
        why = allocation.no_action if order else self.no_action(removed)
        held = (
            request.decision_id,
            request.signal_id,
            request.customer_id,
            request.requested_at,
            request.brand,
            request.channel,
            request.direction,
            request.trigger,
            request.page,
            request.placements,
            offers,
            ranked,
            removed,
            why,
            request.attributes,
            request.context,
            entry.sequence,
            self.digest,
            candidates.model_digest,
            request.trace,
            request.household_id,
            request.arm,
            () if terms is None else terms.quote,
            entry.notes,
            self.moment(entry.since),
        )
        return called(self.decision_of, held, self.decision_names)

    cdef bint _fits(self, candidates, tuple order, list verdicts, terms) except -1:
        cdef Py_ssize_t index, action
        if order is None or verdicts is None:
            return False
        for values in (
            candidates.propensities, candidates.context_weights, candidates.priorities, candidates.removed_by
        ):
            if type(values) is not tuple or PyTuple_GET_SIZE(values) != self.actions:
                return False
        for values in (candidates.model_propensities, candidates.evidence):
            if type(values) is not tuple or PyTuple_GET_SIZE(values) not in (0, self.actions):
                return False
        if terms is not None and terms.drawn and not candidates.evidence:
            return False
        if len(verdicts) != PyTuple_GET_SIZE(order) or len(verdicts) > self.actions:
            return False
        for index in range(PyTuple_GET_SIZE(order)):
            action = PyLong_AsLong(item(order, index))
            if action < 0 or action >= self.actions:
                return False
        return True

    cdef tuple _ranked(self, candidates, list verdicts, terms, tuple order):
        cdef tuple propensities = candidates.propensities, weights = candidates.context_weights
        cdef tuple priorities = candidates.priorities, models = candidates.model_propensities
        cdef tuple found = PyTuple_New(PyTuple_GET_SIZE(order))
        cdef Py_ssize_t rank, action
        cdef Py_ssize_t* at = self.candidate.offsets
        cdef object copy = self.candidate.copy
        cdef tuple verdict
        cdef object stage, rule, number, made
        cdef bint plain = terms is None and self.candidate_reasons is None and not models
        for rank in range(PyTuple_GET_SIZE(order)):
            action = PyLong_AsLong(item(order, rank))
            made = copy(item(self.candidates, action))
            verdict = verdicts[rank]
            stage, rule = verdict
            number = rank + 1
            fill(made, at[RANK], <PyObject*>number)
            fill(made, at[PROPENSITY], PyTuple_GET_ITEM(propensities, action))
            fill(made, at[WEIGHT], PyTuple_GET_ITEM(weights, action))
            fill(made, at[PRIORITY], PyTuple_GET_ITEM(priorities, action))
            fill(made, at[STAGE], <PyObject*>stage)
            fill(made, at[RULE], <PyObject*>rule)
            if not plain:
                self._add(made, other(models, propensities, action), candidates, terms, action)
            put(found, rank, made)
        return found

    cdef object _add(self, made, own, candidates, terms, Py_ssize_t action):
        """What a candidate carries besides the factors of its priority."""
        cdef Py_ssize_t* at = self.candidate.offsets
        cdef object value
        if own is not None:
            fill(made, at[MODEL], <PyObject*>own)
        if terms is not None:
            if terms.drawn >> action & 1:
                fill(made, at[EVIDENCE], PyTuple_GET_ITEM(candidates.evidence, action))
            if terms.boosts:
                value = terms.boosts.get(action, self.one)
                fill(made, at[BOOST], <PyObject*>value)
            if terms.prices:
                value = terms.prices.get(action, self.nought)
                fill(made, at[PRICE], <PyObject*>value)
        if self.candidate_reasons is not None:
            value = self.candidate_reasons(candidates.request, action)
            fill(made, at[REASONS], <PyObject*>value)

    cdef tuple _offers(self, _Room room, candidates, placed, terms, tuple order):
        cdef list found = []
        cdef Py_ssize_t rank
        if terms is not None and placed:
            memset(room.rank_of, 0, self.actions * sizeof(Py_ssize_t))
            for rank in range(PyTuple_GET_SIZE(order)):
                room.rank_of[PyLong_AsLong(item(order, rank))] = rank + 1
        for each in placed:
            offer = self._offer(room, candidates, each, terms, order, len(found) + 1)
            if offer is None:
                return None
            found.append(offer)
        return tuple(found)

    cdef object _offer(self, _Room room, candidates, placed, terms, tuple order, number):
        cdef Py_ssize_t action = placed.action
        cdef tuple propensities = candidates.propensities
        if action < 0 or action >= self.actions:
            return None
        spot, bid, said = placed.row.spot, placed.bid, self.offer_reasons
        sampled, boost, price, amount, bundle = None, self.one, self.nought, None, placed.bundle
        contenders = prices = ()
        own = other(candidates.model_propensities, propensities, action)
        if own is None and terms is None and not placed.fallback:
            bundle = None
        if terms is not None and bid is not None:
            sampled, boost, price = bid.sampled, terms.boosts.get(action, self.one), bid.price
            amount = None if placed.fallback else bid.amount
            told = self._contenders(room, placed.contenders, terms.prices, PyTuple_GET_SIZE(order))
            if told is None:
                return None
            contenders, prices = told
        held = (
            number,
            spot.placement,
            placed.slot,
            spot.action,
            spot.treatment,
            spot.issue,
            spot.group,
            spot.channel,
            item(self.classes, action),
            item(self.mandatory, action),
            item(propensities, action),
            candidates.context_weights[action],
            item(self.values, action),
            item(self.levers, action),
            candidates.priorities[action],
            () if said is None else said(candidates.request, action),
            own,
            sampled,
            boost,
            price,
            amount,
            bundle,
            placed.fallback,
            contenders,
            prices,
        )
        return called(self.offer_of, held, self.offer_names)

    cdef tuple _contenders(self, _Room room, bids, prices, Py_ssize_t size):
        """Who could have won the slot, by rank; and their prices, unless they are what the candidates say."""
        cdef Py_ssize_t index, rank, place = 0
        if type(bids) is not tuple:
            return None
        cdef bint as_said = True
        cdef tuple ranks = PyTuple_New(PyTuple_GET_SIZE(bids)), asked = PyTuple_New(PyTuple_GET_SIZE(bids))
        memset(room.bid_of, 0, (size + 1) * sizeof(Py_ssize_t))
        for index in range(PyTuple_GET_SIZE(bids)):
            action = item(bids, index).action
            rank = room.rank_of[PyLong_AsLong(action)] if 0 <= action < self.actions else 0
            if not rank or room.bid_of[rank]:
                return None  # a bid of none of the candidates, or a second of one
            room.bid_of[rank] = index + 1
        for rank in range(1, size + 1):
            if room.bid_of[rank]:
                bid = item(bids, room.bid_of[rank] - 1)
                price = bid.price
                as_said = as_said and price == prices.get(bid.action, self.nought)
                put(ranks, place, rank)
                put(asked, place, price)
                place += 1
        return ranks, () if as_said else asked


cdef inline object other(tuple models, tuple propensities, Py_ssize_t action):
    """The model's own propensity, where it is not the one that was used."""
    if not PyTuple_GET_SIZE(models):
        return None
    own = item(models, action)
    return None if own == item(propensities, action) else own
