# cython: language_level=3, wraparound=False, nonecheck=True, cdivision=True, initializedcheck=False
"""The contact ledger, compiled, from what is asked of a state to a decision in one call.

Each part says which of `models.ledger` it stands for; `Advancing` is `models.decide.DecideFold`. From the first to the
last, each uses those before it.
"""

import datetime

cimport cpython.datetime as cdt
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from models import stored


cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object)
    void *PyUnicode_DATA(object)
    Py_ssize_t PyUnicode_GET_LENGTH(object)
    object PyUnicode_DecodeASCII(const char *, Py_ssize_t, const char *)
    PyObject *PySequence_Fast_GET_ITEM(object, Py_ssize_t)


VERSION = 7

include "context_identity.pxi"
include "ledger_state.pxi"
include "ledger_actions.pxi"
include "ledger_screens.pxi"
include "ledger_limits.pxi"
include "ledger_counts.pxi"
include "ledger_rounds.pxi"
include "ledger_drawing.pxi"
include "ledger_bidding.pxi"
include "ledger_forgetting.pxi"
include "ledger_deciding.pxi"
include "ledger_folding.pxi"
