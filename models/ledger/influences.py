"""Influences: what a customer did with an offer raises or lowers what comes next for them, and wears off.

An outcome at t moves the priority of its action, group or issue by the factor 1 + percent / 100 x decay(age), where
decay(age) = 0.5 ** (age / half_life), or 1 without a half-life, until `lasts` has passed. Several factors multiply.
Arrival order does not matter: what moves a decision at d are the outcomes at or before d that were known by then, in
the order of their times. Silence counts from when it was sure to be one: no decision before that can have known it.
"""

from bisect import insort
from collections.abc import Sequence

import msgspec

from models.ledger.attribution import LABELS
from models.ledger.spots import Spot, in_scope, plan_spots
from models.plan.spec import InfluenceSpec, PlanSpec
from models.stored import Stored
from models.times import Micros, duration
from schemas.common import OutcomeKind

MOST_MARKS = 256
"""Outcomes remembered per customer because they move priorities; beyond, the oldest is forgotten."""

MOST_BOOST = 1e9
"""No boost is more, however many outcomes speak for an action: priorities stay finite."""


class Mark(msgspec.Struct, frozen=True, array_like=True, order=True, gc=False):
    """An outcome that moves priorities. Some 50 bytes in the state."""

    at: Stored
    """From when on it counts."""
    influence: str
    unit: str
    """The action, group or issue whose priority it moves."""


class _Influence:
    """One influence, compiled."""

    def __init__(self, spec: InfluenceSpec, spots: Sequence[Spot]) -> None:
        self.spec = spec
        self.lasts = duration(spec.lasts)
        self._half_life = None if spec.half_life is None else duration(spec.half_life)
        grouped: dict[str, list[int]] = {}
        for index, spot in enumerate(spots):
            grouped.setdefault(self.unit(spot), []).append(index)
        self.members = {unit: tuple(indices) for unit, indices in grouped.items()}

    def unit(self, spot: Spot) -> str:
        """What an outcome of this spot moves."""
        match self.spec.of:
            case "action":
                return spot.action
            case "group":
                return spot.group
            case "issue":
                return spot.issue

    def counts(self, kind: OutcomeKind, spot: Spot) -> bool:
        """Whether an outcome of this spot is one of those that move priorities."""
        said = LABELS.get(kind)
        labelled = said is not None and self.spec.label == ("positive" if said else "negative")
        return (kind in self.spec.outcomes or labelled) and in_scope(self.spec.scope, spot)

    def factor(self, age: Micros) -> float:
        """What an outcome of this age multiplies priorities by; never negative, since no percent is below -100."""
        decay = 1.0 if self._half_life is None else 0.5 ** (age / self._half_life)
        return 1.0 + self.spec.percent / 100.0 * decay


class Influences:
    """All influences of a plan.

    Attributes:
      lasting: By id: how long a mark moves priorities.
    """

    def __init__(self, spec: PlanSpec) -> None:
        """Compile `spec.arbitration.influences`."""
        spots = plan_spots(spec)
        self._influences = {body.id: _Influence(body, spots) for body in spec.arbitration.influences}
        self.lasting = {name: one.lasts for name, one in self._influences.items()}
        self._late = duration(spec.session.late)

    def noted(self, marks: Sequence[Mark], kind: OutcomeKind, spot: Spot, at: Micros) -> Sequence[Mark]:
        """The marks, ascending, after an attributed outcome.

        Args:
          marks: Those so far.
          kind: Of the outcome; NoResponse too.
          spot: Of the offer it answers.
          at: Its event time; for NoResponse, when the response window ended.
        """
        found = [one for one in self._influences.values() if one.counts(kind, spot)]
        if not found:
            return marks
        from_then_on = at + self._late + 1 if kind == OutcomeKind.NO_RESPONSE else at
        known = list(marks)
        for one in found:
            insort(known, Mark(from_then_on, one.spec.id, one.unit(spot)))
        return known[-MOST_MARKS:]

    def pruned(self, marks: Sequence[Mark], settled: Micros) -> Sequence[Mark]:
        """The marks that decisions from `settled` on can still be moved by. Influences no longer in the plan end."""
        return [mark for mark in marks if self._ends(mark) > settled]

    def needed_until(self, marks: Sequence[Mark]) -> Micros:
        """When the last of `marks` has no consequences any more; 0 without any."""
        return max(map(self._ends, marks), default=0)

    def boosts(self, marks: Sequence[Mark], at: Micros) -> dict[int, float]:
        """The factor on the priority of each action that has one at `at`, by action index; at most `MOST_BOOST`."""
        found: dict[int, float] = {}
        for mark in marks:
            if not mark.at <= at < self._ends(mark):
                continue
            influence = self._influences[mark.influence]
            factor = influence.factor(at - mark.at)
            for action in influence.members.get(mark.unit, ()):
                found[action] = min(found.get(action, 1.0) * factor, MOST_BOOST)
        return found

    def _ends(self, mark: Mark) -> Micros:
        influence = self._influences.get(mark.influence)
        return mark.at if influence is None else mark.at + influence.lasts
