# Propensities drawn for bids: `models.ledger.bids` and `models.exploration.sampling` say what is done.

from libc.stdlib cimport qsort

cdef double _MOST = 1.7976931348623157e308  # sys.float_info.max
cdef double _LEAST = 1e-12
cdef double _STEPS = 9007199254740992.0  # 2**53

cdef enum:
    EXPLORED = 1
    MANDATORY = 2
    MOST_DESKS = 64


cdef extern from *:
    """
    static void nb_person(nb_hash *s, const char *person) {
        uint64_t halves[2];
        memcpy(halves, person, 16);
        s->h[6] ^= halves[0]; s->h[7] ^= halves[1];
    }
    """
    void nb_person(nb_hash *state, const char *person) nogil


ctypedef struct Bidder:
    double key  # what bids are in order of; equal ones are in order of `turn`
    double worth
    double sampled
    int turn
    int action
    bint by_chance


cdef int _first(const void *one, const void *other) noexcept nogil:
    cdef const Bidder *a = <const Bidder *>one
    cdef const Bidder *b = <const Bidder *>other
    if a.key != b.key:
        return -1 if a.key < b.key else 1
    return -1 if a.turn < b.turn else 1


cdef inline double _capped(double worth) noexcept nogil:
    """min(worth, _MOST), as Python says it of a number that is none."""
    return _MOST if _MOST < worth else worth


cdef class Desk:
    """Arrays in which so many propensities are drawn at once."""

    cdef object wins
    cdef object losses
    cdef object levels
    cdef object drawn
    cdef double[::1] win
    cdef double[::1] loss
    cdef double[::1] level
    cdef double[::1] value

    def __cinit__(self, size):
        import numpy

        self.wins, self.losses, self.levels, self.drawn = [numpy.empty(size) for _ in range(4)]
        self.win, self.loss, self.level, self.value = self.wins, self.losses, self.levels, self.drawn


cdef class Bidding:
    """What bids depend on under one plan."""

    cdef int actions
    cdef char *kinds
    cdef list ids
    cdef object bid_type, terms_type, invert
    cdef dict desks

    def __init__(self, ids, explored, mandatory, bid_type, terms_type):
        """Of a plan.

        Args:
          ids: Of the actions.
          explored: Actions whose propensity may be drawn, as bits.
          mandatory: Actions that go first, as bits.
          bid_type: `models.ledger.bids.Bid`.
          terms_type: `models.ledger.allocation.Terms`.
        """
        cdef int i
        self.ids, self.actions = list(ids), len(ids)
        self.bid_type, self.terms_type = bid_type, terms_type
        self.kinds = <char *>malloc(2 * self.actions + 2)
        if self.kinds == NULL:
            raise MemoryError
        _spread(explored, self.kinds, self.actions)
        _spread(mandatory, self.kinds + self.actions, self.actions)
        for i in range(self.actions):
            self.kinds[i] += MANDATORY * self.kinds[self.actions + i]
        self.desks = {}

    def __dealloc__(self):
        free(self.kinds)

    cdef Desk desk(self, int size):
        """Arrays that nobody uses meanwhile: to be put back."""
        if self.invert is None:
            from scipy.special import betaincinv

            self.invert = betaincinv
        return self.desks.pop(size, None) or Desk(size)


cdef double _uniform(nb_hash start, action) except? -1.0:
    """A number in (0, 1) for an action: `start` has the decision and the slot."""
    cdef unsigned char out[8]
    cdef unsigned long long found = 0
    cdef int i
    _hash_text(&start, action)
    nb_end(&start, out, 8)
    for i in range(8):
        found = found << 8 | out[i]
    return (<double>(found >> 11) + 0.5) / _STEPS
