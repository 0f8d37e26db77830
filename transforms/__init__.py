"""Beam adapters of the decision model: keys, windows, state, timers, routing and counters; no business rule."""

from schemas import coders as coders
