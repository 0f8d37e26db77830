# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""From a request to its ranked candidates, and to what moved a propensity: compiled.

Stands for `LatestVector`, `models.propensity.scorer.score` with `models.arbitration.arbitrate`, and `Reasons`, which
say what is computed and why. Logarithms, exponentials and products with the model stay numpy's own, called with
arrays to write into, because other implementations differ in last bits.

What is not known here is answered with None: then the Python form does it, or says what is wrong with it.

Buffers are one call's own: who comes takes what lies idle, or makes new ones, and puts them back; the GIL, which is
held between taking and putting back but for numpy's own work, makes taking a step that no other thread sees half of.
"""

from libc.math cimport rint
from libc.stdint cimport int64_t
from libc.string cimport memcpy

import numpy as np

from models.exploration.hurdles import MATURITY, PRIORITY, PROPENSITY, WEIGHT, admission
from models.propensity.linear import LinearScorer
from schemas import CandidateSet, Contribution

cdef extern from "Python.h":
    ctypedef struct PyObject
    PyObject* PyFloat_FromDouble(double) except NULL
    double PyFloat_AsDouble(object) except? -1.0
    double PyFloat_AS_DOUBLE(PyObject*)
    bint PyFloat_CheckExact(PyObject*)
    int64_t PyLong_AsLongLong(object) except? -1
    object PyTuple_New(Py_ssize_t)
    void PyTuple_SET_ITEM(object, Py_ssize_t, PyObject*)
    PyObject* PyTuple_GET_ITEM(object, Py_ssize_t)
    void Py_INCREF(PyObject*)
    object PyObject_Vectorcall(object, PyObject**, size_t, object)

VERSION = 1

cdef enum:
    MOST_ROWS = 1024
    AT_MATURITY = 1
    AT_PROPENSITY = 2
    AT_WEIGHT = 3
    AT_PRIORITY = 4

cdef dict _KINDS = {MATURITY: AT_MATURITY, PROPENSITY: AT_PROPENSITY, WEIGHT: AT_WEIGHT, PRIORITY: AT_PRIORITY}

cdef double LARGEST = np.finfo(np.float64).max
cdef double SCALE = 1e12, LOWEST = -700.0  # as models.propensity.sigmoid has them
cdef object exp = np.exp
cdef object MINUS_ONE = -1
cdef tuple FIELDS = (
    "request", "removed_by", "propensities", "context_weights", "priorities", "order", "model_digest", "evidence",
    "model_propensities",
)

include "ranking_arrays.pxi"
include "ranking_vectors.pxi"
include "ranking_reasons.pxi"
include "ranking_desk.pxi"


cdef class Ranking:
    """`Funnel.candidates` for everybody but the arms that are arbitrated for differently, compiled."""

    cdef object engage, weigh, scorer, product, arms, digest
    cdef Vectors vectors
    cdef Py_ssize_t actions, first
    cdef bint counts, smooth
    cdef _Doubles bias, values, levers, level, slope, least_propensity, least_priority
    cdef int64_t[::1] ranked, mandatory, weighted
    cdef tuple rules, numbers, indices, evidence, immature
    cdef dict rows
    cdef _Desk idle

    def __init__(self, Vectors vectors, scorer, arbitration, engage, weigh):
        """Of a plan.

        Args:
          vectors: Its feature table.
          scorer: Its model.
          arbitration: Its arbitration.
          engage: Which rule removes each action (A,), by request.
          weigh: C (A,), by request, for whoever is of no special arm.
        """
        self.vectors, self.scorer, self.engage, self.weigh = vectors, scorer, engage, weigh
        self.actions, self.digest, self.arms = len(arbitration.ids), scorer.digest, arbitration.arms
        self.indices, self.rows = tuple(range(self.actions)), {}
        self.evidence = () if arbitration.evidence is None else tuple(arbitration.evidence.tolist())
        self.ranked = np.lexsort((arbitration.ties, ~arbitration.mandatory)).astype(np.int64)
        self.mandatory = arbitration.mandatory.astype(np.int64)
        self.bind_model()
        self.bind_factors(arbitration)
        self.bind_hurdles(arbitration.hurdles, arbitration.first_rule)
        self.check()

    cdef int check(self) except -1:
        """Raise what is not aligned with the actions."""
        for aligned in (self.bias, self.values, self.levers, self.level, self.slope, self.least_propensity, self.least_priority):
            if aligned is not None:
                _aligned(aligned, self.actions)
        if not self.actions == self.ranked.shape[0] == self.mandatory.shape[0] == self.weighted.shape[0]:
            raise ValueError("parts of a plan that are not aligned with its actions")
        if len(self.evidence) not in (0, self.actions):
            raise ValueError(f"the evidence of {len(self.evidence)} actions; there are {self.actions}")
        _hold(self.ranked, self.actions, "action")
        _hold(np.array([i for i, _, _ in self.immature], dtype=np.int64), self.actions, "action")
        return 0

    cdef int bind_model(self) except -1:
        scorer = self.scorer
        if type(scorer) is LinearScorer and scorer.weights.flags.c_contiguous:
            if scorer.weights.shape != (self.actions, self.vectors.inputs) or len(scorer.bias) != self.actions:
                raise ValueError(f"a model of shape {scorer.weights.shape} is not of this plan")
            self.product, self.bias = scorer.weights.dot, _copied(scorer.bias)
        return 0

    cdef int bind_factors(self, arbitration) except -1:
        """A factor that is switched off is 1: multiplied with, it changes no bit."""
        switches, ones = arbitration.switches, np.ones(self.actions)
        self.counts = switches.propensity
        self.values = _copied(arbitration.values if switches.value else ones)
        self.levers = _copied(arbitration.levers if switches.levers else ones)
        self.smooth = arbitration.smoothing is not None
        if self.smooth:
            self.level, self.slope = _copied(arbitration.smoothing.level), _copied(arbitration.smoothing.slope)
        return 0

    cdef int bind_hurdles(self, hurdles, Py_ssize_t first) except -1:
        self.immature, self.first = hurdles.immature, first
        self.rules = tuple([_KINDS[rule] for rule in hurdles.rules])
        self.numbers = tuple(range(first, first + len(self.rules)))
        self.weighted = hurdles.weighted.astype(np.int64)
        self.least_propensity, self.least_priority = _copied(hurdles.propensities), _copied(hurdles.priorities)
        return 0

    def __call__(self, request):
        """The ranked candidates, or None."""
        cdef _Desk desk
        cdef _Row row
        cdef Py_ssize_t remaining
        cdef bint hurdled
        if self.arms and request.arm in self.arms:
            return None
        removed_by, row = self.engage(request), self.row(self.weigh(request))
        if row is None or type(removed_by) is not tuple or len(<tuple>removed_by) != self.actions:
            return None
        desk, self.idle = self.idle, None
        if desk is None:
            desk = _Desk(self.actions)
        if not self.score(desk, request.context.features, removed_by):
            return None
        self.prioritise(desk, row.weights.at)
        hurdled = self.hurdle(desk, request, row.weights.at)
        remaining = self.rank(desk)
        found = self.told(desk, row, request, removed_by, hurdled, remaining)
        self.idle = desk
        return found

    cdef _Row row(self, weights):
        """Few combinations of context weights occur, and each comes as one array that nobody changes."""
        cdef _Row row = self.rows.get(id(weights))
        if row is not None and row.source is weights:
            return row
        if weights.shape != (self.actions,):
            return None
        row = _Row()
        row.source, row.weights = weights, _copied(np.minimum(np.fmax(weights, 0.0), LARGEST))
        row.told = tuple(row.weights.array.tolist())
        if weights.flags.writeable:
            return row
        if len(self.rows) >= MOST_ROWS:
            self.rows.clear()
        self.rows[id(weights)] = row
        return row

    cdef bint score(self, _Desk desk, features, tuple removed_by) except -1:
        """Whether there are propensities: 0 where something removed the action, in [0, 1], a NaN being 0."""
        cdef Py_ssize_t i
        cdef double value
        cdef double* model = desk.model.at
        cdef PyObject* rule
        cdef _Vector vector = self.vectors.take(features)
        if vector is None or not vector.finite:
            return False
        if self.product is None:
            self.vectors.idle = vector
            desk.model = _copied(self.scorer.score(self.vectors.vector(features)))
            model = desk.model.at
            if len(desk.model.array) != self.actions:
                return False
        else:
            self.product(vector.x.array, desk.odds.array)
            self.vectors.idle = vector
            self.squash(desk)
        for i in range(self.actions):
            rule = PyTuple_GET_ITEM(removed_by, i)
            desk.rule[i] = -1 if rule is <PyObject*>MINUS_ONE else PyLong_AsLongLong(<object>rule)
            value = model[i] if model[i] > 0.0 and desk.rule[i] < 0 else 0.0
            model[i] = value if value < 1.0 else 1.0
        return True

    cdef int squash(self, _Desk desk) except -1:
        """`models.propensity.sigmoid.propensities`."""
        cdef Py_ssize_t i
        cdef double odds
        for i in range(self.actions):
            odds = desk.odds.at[i] + self.bias.at[i]
            desk.negated.at[i] = -(LOWEST if odds < LOWEST else odds)
        exp(desk.negated.array, desk.powers.array)
        for i in range(self.actions):
            desk.model.at[i] = rint(1.0 / (1.0 + desk.powers.at[i]) * SCALE) / SCALE
        return 0

    cdef int prioritise(self, _Desk desk, double* weights) noexcept:
        """((P x V) x C) x L, 0 where it is negative or no finite number, and where something removed the action."""
        cdef Py_ssize_t i
        cdef double product
        cdef double* propensities = desk.model.at
        if self.smooth:
            propensities = desk.propensities.at
            for i in range(self.actions):
                product = self.level.at[i] + self.slope.at[i] * desk.model.at[i]
                propensities[i] = product if desk.rule[i] < 0 else 0.0
        for i in range(self.actions):
            product = propensities[i] if self.counts else 1.0
            product = product * self.values.at[i] * weights[i] * self.levers.at[i]
            desk.priorities.at[i] = product if 0.0 < product <= LARGEST and desk.rule[i] < 0 else 0.0
        return 0

    cdef bint hurdle(self, _Desk desk, request, double* weights) except -1:
        """Whether a hurdle removed anything that nothing removed before; `rule` has which."""
        cdef Py_ssize_t i
        cdef int kind
        cdef int64_t number = self.first
        cdef bint failing, hurdled = False
        cdef double* propensities = desk.propensities.at if self.smooth else desk.model.at
        for kind in self.rules:
            if kind == AT_MATURITY:
                if self.keep_out(desk, request.customer_id, number):
                    hurdled = True
                number += 1
                continue
            for i in range(self.actions):
                if kind == AT_PROPENSITY:
                    failing = propensities[i] < self.least_propensity.at[i]
                elif kind == AT_WEIGHT:
                    failing = self.weighted[i] and weights[i] <= 0.0
                else:
                    failing = desk.priorities.at[i] < self.least_priority.at[i]
                if failing and desk.rule[i] < 0:
                    desk.rule[i], desk.priorities.at[i], hurdled = number, 0.0, True
            number += 1
        return hurdled

    cdef bint keep_out(self, _Desk desk, customer_id, int64_t number) except -1:
        """Whether the ramp keeps anything from the customer."""
        cdef Py_ssize_t i
        cdef bint hurdled = False
        for i, action, share in self.immature:
            if desk.rule[i] < 0 and admission(customer_id, action) >= share:
                desk.rule[i], desk.priorities.at[i], hurdled = number, 0.0, True
        return hurdled

    cdef Py_ssize_t rank(self, _Desk desk) noexcept:
        """How many remain; `order` has them, best first: from mandatory and ties, each kind by its priority."""
        cdef Py_ssize_t k, remaining = 0, mandatory = 0
        cdef int64_t i
        for k in range(self.actions):
            i = self.ranked[k]
            if desk.rule[i] < 0:
                desk.order[remaining], desk.keys.at[remaining] = i, desk.priorities.at[i]
                remaining += 1
                mandatory += self.mandatory[i]
        _sort(desk.keys.at, &desk.order[0], desk.spare.at, &desk.other[0], mandatory)
        _sort(
            desk.keys.at + mandatory, &desk.order[mandatory], desk.spare.at, &desk.other[0], remaining - mandatory
        )
        return remaining

    cdef object told(
        self, _Desk desk, _Row row, request, tuple removed_by, bint hurdled, Py_ssize_t remaining
    ):
        cdef PyObject* arguments[9]
        removed = self.removals(desk, removed_by) if hurdled else removed_by
        model = _floats(desk.model.at, self.actions)
        propensities = _floats(desk.propensities.at, self.actions) if self.smooth else model
        priorities = _floats(desk.priorities.at, self.actions)
        order, evidence = self.ordered(desk, remaining), self.rested(desk)
        arguments[0], arguments[1], arguments[2] = <PyObject*>request, <PyObject*>removed, <PyObject*>propensities
        arguments[3], arguments[4] = <PyObject*>row.told, <PyObject*>priorities
        arguments[5], arguments[6], arguments[7] = <PyObject*>order, <PyObject*>self.digest, <PyObject*>evidence
        arguments[8] = <PyObject*>(model if self.smooth else ())
        return PyObject_Vectorcall(CandidateSet, arguments, 0, FIELDS)

    cdef tuple removals(self, _Desk desk, tuple removed_by):
        """`removed_by` with what hurdles removed."""
        cdef Py_ssize_t i
        cdef list found = list(removed_by)
        for i in range(self.actions):
            if desk.rule[i] >= self.first and found[i] is MINUS_ONE:
                found[i] = self.numbers[desk.rule[i] - self.first]
        return tuple(found)

    cdef tuple ordered(self, _Desk desk, Py_ssize_t remaining):
        cdef tuple found = PyTuple_New(remaining)
        cdef Py_ssize_t k
        cdef PyObject* index
        for k in range(remaining):
            index = PyTuple_GET_ITEM(self.indices, desk.order[k])
            Py_INCREF(index)
            PyTuple_SET_ITEM(found, k, index)
        return found

    cdef tuple rested(self, _Desk desk):
        """The evidence of what remains, 0 of what does not."""
        cdef Py_ssize_t i, size = len(self.evidence)
        cdef tuple found = PyTuple_New(size)
        cdef PyObject* responses
        for i in range(size):
            responses = PyTuple_GET_ITEM(self.evidence, i) if desk.rule[i] < 0 else <PyObject*>ZERO
            Py_INCREF(responses)
            PyTuple_SET_ITEM(found, i, responses)
        return found
