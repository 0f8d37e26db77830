"""Declared features: what a plan wants to know about a customer, computed from events alone.

`check` says what can be wrong with a declaration; `table` has names, order, units and transforms; `demands`
collects what must be remembered, `memory` (sessions) and `models.features.series` (rolling windows) remember it; `emit`
writes one Python expression per column and `program` runs it all.

What is counted, and when:
- Features are functions of incoming events and the customer's profile only, never of decisions.
- Rolling windows are (t-w, t], or with a delay (t-d-w, t-d], where t is the time of the event that asks: events
  already known that are later than t do not count. `previous` leaves out the event that asks.
- Session windows are of the session that the event belongs to, as known when it arrives.
- Without `where` every behavioural signal counts, and no outcome. Outcomes count in rolling windows where a filter
  names `outcome.*`; sessions are made of signals only.
- `ratio` counts `where` over `among`. count, sum, distinct and balance of nothing are 0; other kinds have `default`.
- Sums and means are correctly rounded, so they do not depend on the order of arrival.
"""

from models.features.check import FeatureFinding, check_features
from models.features.program import NOTHING, FeatureProgram, Slots
from models.features.table import RANKING, FeatureTable, LatestVector, Vectors, remembering

__all__ = [
    "NOTHING",
    "RANKING",
    "FeatureFinding",
    "FeatureProgram",
    "FeatureTable",
    "LatestVector",
    "Slots",
    "Vectors",
    "check_features",
    "remembering",
]
