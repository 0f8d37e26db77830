"""Beam adapters of the decision model: keys, windows, state, timers, routing, counters and sinks; no business rule.

Importing any of them, in the launcher or in a worker, registers a coder for each contract (`schemas.coders`) and
makes the state cache cheap (`transforms.state_cache`).
"""

from schemas import coders as coders
from transforms import state_cache

state_cache.install()
