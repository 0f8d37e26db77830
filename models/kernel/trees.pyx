# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Boosted trees over features and action, scored for all actions at once: what `models.propensity.trees` says.

Splits on features are tested once per tree, whatever the number of actions; each case's leaf is then looked up once,
and each action adds the leaves of its cases, tree by tree in training order.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t

import numpy as np

cdef extern from *:
    """
    #include <stdint.h>
    #if defined(__GNUC__) || defined(__clang__)
    static inline int lowest_bit(uint64_t word) { return word ? __builtin_ctzll(word) : 64; }
    #else
    static inline int lowest_bit(uint64_t word) {
        int at = 0;
        if (!word) return 64;
        while (!(word & 1)) { word >>= 1; at++; }
        return at;
    }
    #endif
    """
    int lowest_bit(uint64_t word) nogil

VERSION = 1


def _within(indices, low, high):
    found = np.asarray(indices)
    if found.size and not (low <= found.min() and found.max() < high):
        raise ValueError(f"indices from {found.min()} to {found.max()}, not from {low} to {high - 1}")


cdef class Forest:
    """Trees bound to the actions of a plan. Its scratch memory is used by one thread at a time: it keeps the lock."""

    cdef object _made_from
    cdef Py_ssize_t _features, _trees, _actions, _levels
    cdef const int64_t[::1] _split_ends, _case_ends
    cdef const int32_t[::1] _feature
    cdef const double[::1] _threshold
    cdef const uint64_t[::1] _keep
    cdef const int64_t[::1] _case_first
    cdef const uint64_t[::1] _case_word
    cdef const double[::1] _leaf
    cdef const int32_t[:, ::1] _terms
    cdef const unsigned char[::1] _same
    cdef double[::1] _values
    cdef int64_t[::1] _reached

    def __init__(self, features, splits, cases, leaf, levels, terms):
        """Bind.

        Args:
          features: Length of the feature vector (F).
          splits: Column, threshold and kept leaves of each split, and where the splits of each tree end (T,).
          cases: First leaf and open leaves of each case, and where the cases of each tree end (T,).
          leaf: What each leaf adds.
          levels: Log-odds before the first tree.
          terms: (1 + T, A): index into levels and cases of what is added, in order.
        """
        feature, self._threshold, self._keep, self._split_ends = splits
        self._case_first, self._case_word, self._case_ends = cases
        self._made_from = features, splits, cases, leaf, levels, terms
        self._feature = np.ascontiguousarray(feature, np.int32)
        self._terms = np.ascontiguousarray(terms, np.int32)
        self._same = np.ascontiguousarray((terms == terms[:, :1]).all(axis=1), np.uint8)
        self._leaf = leaf
        self._features, self._levels = features, levels.size
        self._trees, self._actions = self._split_ends.shape[0], terms.shape[1]
        self._values = np.concatenate([levels, np.zeros(self._case_word.shape[0])])
        self._reached = np.zeros(self._case_word.shape[0], np.int64)
        self._check()

    cdef int _check(self) except -1:
        """Raise what would be read beyond a table: where trees are walked nothing is checked."""
        cdef Py_ssize_t splits = self._threshold.shape[0], cases = self._case_word.shape[0]
        terms = np.asarray(self._terms)
        _within(self._feature, 0, self._features)
        _within(terms, 0, self._values.shape[0])
        _within(np.diff(self._split_ends, prepend=0), 0, splits + 1)
        _within(np.diff(self._case_ends, prepend=0), 0, cases + 1)
        if not splits == self._feature.shape[0] == self._keep.shape[0]:
            raise ValueError("splits that are not aligned")
        if cases != self._case_first.shape[0] or self._case_ends.shape[0] != self._trees or len(terms) != 1 + self._trees:
            raise ValueError("cases that are not aligned")
        if self._trees and (self._split_ends[self._trees - 1] != splits or self._case_ends[self._trees - 1] != cases):
            raise ValueError("splits or cases of no tree")
        _within(self._case_first, 0, self._leaf.shape[0])
        return 0

    def __reduce__(self):
        return Forest, self._made_from

    def log_odds(self, const double[::1] x, double[::1] total):
        """Put the log-odds of every action into `total` (A,), for the feature vector `x` (F,).

        Raises:
          ValueError: A length is not the model's.
        """
        cdef Py_ssize_t tree, action
        cdef double value
        cdef const int32_t* terms
        cdef double* values = &self._values[0]
        if x.shape[0] != self._features or total.shape[0] != self._actions:
            raise ValueError("x or total is not of the model's length")
        self._reach(x)
        if not self._actions:
            return
        for tree in range(self._trees + 1):
            terms = &self._terms[tree, 0]
            if tree == 0:
                for action in range(self._actions):
                    total[action] = values[terms[action]]
            elif self._same[tree]:
                value = values[terms[0]]
                for action in range(self._actions):
                    total[action] += value
            else:
                for action in range(self._actions):
                    total[action] += values[terms[action]]

    def credits(
        self,
        const double[::1] x,
        const int64_t[::1] cases,
        const int64_t[:, ::1] columns,
        const double[:, ::1] changes,
        double[::1] credit,
    ):
        """Add up in `credit`, by column, the `changes` on the way to the leaves that `cases` end in.

        Args:
          x: The feature vector (F,).
          cases: Indices of cases, in the order added.
          columns: (L, depth): what the splits on the way to each leaf look at, as indices into `credit`.
          changes: (L, depth): how much the mean changes there.
          credit: What is added to.

        Raises:
          ValueError: A length is not as said.
        """
        cdef Py_ssize_t at, step, leaf, size = self._leaf.shape[0]
        if x.shape[0] != self._features or columns.shape[0] != size or changes.shape[0] != size:
            raise ValueError("x is not of the model's length, or columns not of that of its leaves")
        if columns.shape[1] != changes.shape[1]:
            raise ValueError("columns and changes of different depths")
        self._reach(x)
        for at in range(cases.shape[0]):
            if not 0 <= cases[at] < self._reached.shape[0]:
                raise ValueError(f"no case {cases[at]}; there are {self._reached.shape[0]}")
            leaf = self._reached[cases[at]]
            for step in range(columns.shape[1]):
                if not 0 <= columns[leaf, step] < credit.shape[0]:
                    raise ValueError(f"no column {columns[leaf, step]}; there are {credit.shape[0]}")
                credit[columns[leaf, step]] += changes[leaf, step]

    cdef void _reach(self, const double[::1] x) noexcept:
        """The leaf that each case ends in, and what it adds."""
        cdef Py_ssize_t tree, split = 0, case = 0, split_end, case_end
        cdef int64_t leaf, leaves = self._leaf.shape[0]
        cdef uint64_t word
        cdef double* values = &self._values[self._levels]
        for tree in range(self._trees):
            word = <uint64_t>-1
            split_end, case_end = self._split_ends[tree], self._case_ends[tree]
            while split < split_end:
                word &= self._keep[split] | (<uint64_t>(x[self._feature[split]] > self._threshold[split]) - 1)
                split += 1
            while case < case_end:
                leaf = self._case_first[case] + lowest_bit(word & self._case_word[case])
                if leaf >= leaves:  # trees whose splits rule out all leaves are none, but nor are they a crash
                    leaf = leaves - 1
                self._reached[case] = leaf
                values[case] = self._leaf[leaf]
                case += 1
