"""Suppressions: what the customer did with an action pauses it, its group or its issue for a while.

`times` triggers within a rolling window `within` (half-open: two triggers exactly that far apart share none) pause
from the last of them until `pause` later; of overlapping pauses the one that ends later wins. Triggers are counted per
paused unit: with `pauses: group`, those of all actions of the group together. Arrival order does not matter: an action
is paused at t if, of the triggers known by then, some `times` make a pause with start <= t < end.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from models.ledger.spots import Spot, in_scope, mask, plan_spots
from models.plan.spec import PlanSpec, SuppressionSpec
from models.times import Micros, duration
from schemas.common import OutcomeKind

_MOST_TRIGGERS = 64
_MOST_SPANS = 16


class Pause(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one suppression rule knows about one unit (an action, a group or an issue).

    At most 64 triggers and 16 spans: beyond, the oldest triggers are forgotten, whose pauses are in the spans already,
    and the two oldest spans become one, the gap included, so that too much is suppressed rather than too little.
    """

    rule: str
    unit: str
    triggers: tuple[Micros, ...]
    """Event times, ascending, of the triggers that a later one could still complete."""
    spans: tuple[tuple[Micros, Micros], ...]
    """Disjoint pauses [start, end), ascending."""


class _Rule:
    """One suppression rule, compiled."""

    def __init__(self, spec: SuppressionSpec, spots: Sequence[Spot], pausable: Iterable[int]) -> None:
        self.spec = spec
        self.within = duration(spec.within)
        self.pause = duration(spec.pause)
        grouped: dict[str, list[int]] = {}
        for index in pausable:
            grouped.setdefault(self.unit(spots[index]), []).append(index)
        self.masks = {unit: mask(indices) for unit, indices in grouped.items()}

    def unit(self, spot: Spot) -> str:
        """What a trigger by this spot counts towards, and pauses."""
        match self.spec.pauses:
            case "action":
                return spot.action
            case "group":
                return spot.group
            case "issue":
                return spot.issue

    def triggered(self, pause: Pause, at: Micros, settled: Micros) -> Pause:
        """The pause with one more trigger; events before `settled` can no longer come."""
        triggers = list(pause.triggers)
        insort(triggers, at)
        spans = [*pause.spans, *self._completed(triggers, at)]
        return self.pruned(Pause(pause.rule, pause.unit, tuple(triggers), _merged(spans)), settled)

    def _completed(self, triggers: Sequence[Micros], at: Micros) -> list[tuple[Micros, Micros]]:
        """The pauses from each trigger whose window holds `at` and enough others."""
        times = self.spec.times
        return [
            (last, last + self.pause)
            for position, last in enumerate(triggers)
            if at <= last < at + self.within
            and position + 1 - bisect_right(triggers, last - self.within) >= times
        ]

    def pruned(self, pause: Pause, settled: Micros) -> Pause:
        """Without what no event from `settled` on can be affected by."""
        if (
            not pause.triggers
            and pause.spans
            and pause.spans[0][1] > settled
            and len(pause.spans) <= _MOST_SPANS
        ):
            return pause
        old = bisect_right(pause.triggers, settled - 1)
        # A trigger yet to come shares a window with at most the latest `times` - 1 of those before it.
        keep = max(0, old - (self.spec.times - 1))
        triggers = pause.triggers[keep:] if self.spec.times > 1 else ()
        triggers = triggers[bisect_right(triggers, settled - self.within) :]
        spans = tuple(span for span in pause.spans if span[1] > settled)
        if len(spans) > _MOST_SPANS:
            spans = ((spans[0][0], spans[1][1]), *spans[2:])
        return Pause(pause.rule, pause.unit, triggers[-max(_MOST_TRIGGERS, self.spec.times) :], spans)


class Suppressions:
    """All suppression rules of a plan.

    Attributes:
      ids: Rule ids, in the order written.
    """

    def __init__(self, spec: PlanSpec) -> None:
        """Compile the rules of `spec.contact`."""
        self._spots = plan_spots(spec)
        exempt = frozenset(spec.contact.exempt)
        pausable = [index for index, spot in enumerate(self._spots) if spot.message_class not in exempt]
        self._rules = tuple(_Rule(rule, self._spots, pausable) for rule in spec.contact.suppressions)
        self.ids = tuple(rule.id for rule in spec.contact.suppressions)
        self._index = {name: index for index, name in enumerate(self.ids)}
        self._by_action = {spot.action: spot for spot in self._spots}
        self.signals = tuple(index for index, rule in enumerate(self._rules) if rule.spec.signal is not None)
        """Indices of the rules with a signal expression."""

    @property
    def longest(self) -> Micros:
        """How long at most a trigger has consequences."""
        return max((rule.within + rule.pause for rule in self._rules), default=0)

    def by_outcome(self, kind: OutcomeKind, spot: Spot) -> list[int]:
        """The rules that an outcome of this spot triggers."""
        return [
            index
            for index, rule in enumerate(self._rules)
            if kind in rule.spec.outcomes and in_scope(rule.spec.scope, spot)
        ]

    def by_signal(self, attributes: Mapping[str, object], matched: Sequence[bool]) -> list[tuple[int, Spot]]:
        """The rules that a signal triggers, each with the spot of the action it names.

        Args:
          attributes: Of the signal; the action is the attribute that the rule names. Unknown actions trigger nothing.
          matched: Whether the expression of each of `signals` is met.
        """
        found = []
        for index, met in zip(self.signals, matched, strict=True):
            spec = self._rules[index].spec
            named = attributes.get(spec.action_attribute) if met else None
            spot = self._by_action.get(named) if isinstance(named, str) else None
            if spot is not None and in_scope(spec.scope, spot):
                found.append((index, spot))
        return found

    def trigger(
        self, pauses: Sequence[Pause], index: int, spot: Spot, at: Micros, settled: Micros
    ) -> list[Pause]:
        """The pauses, after rule `index` was triggered by `spot` at `at`."""
        rule = self._rules[index]
        unit = rule.unit(spot)
        kept = [pause for pause in pauses if (pause.rule, pause.unit) != (rule.spec.id, unit)]
        known = [pause for pause in pauses if (pause.rule, pause.unit) == (rule.spec.id, unit)]
        pause = known[0] if known else Pause(rule.spec.id, unit, (), ())
        return [*kept, rule.triggered(pause, at, settled)]

    def pruned(self, pauses: Sequence[Pause], settled: Micros) -> list[Pause]:
        """The pauses that events from `settled` on can still be affected by. Rules no longer in the plan end."""
        found = []
        for pause in pauses:
            index = self._index.get(pause.rule)
            left = self._rules[index].pruned(pause, settled) if index is not None else None
            if left is not None and (left.spans or left.triggers):
                found.append(left)
        return found

    def needed_until(self, pauses: Sequence[Pause]) -> Micros:
        """When the last of `pauses` has no consequences any more; 0 without any."""
        ends = [pause.spans[-1][1] for pause in pauses if pause.spans]
        ends += [pause.triggers[-1] + self.longest for pause in pauses if pause.triggers]
        return max(ends, default=0)

    def active(self, pauses: Sequence[Pause], at: Micros) -> list[tuple[int, int]]:
        """Index of each rule that pauses anything at `at`, in the order written, and the actions it pauses."""
        bits: dict[int, int] = {}
        for pause in pauses:
            if any(start <= at < end for start, end in pause.spans):
                index = self._index.get(pause.rule)
                if index is not None:
                    bits[index] = bits.get(index, 0) | self._rules[index].masks.get(pause.unit, 0)
        return sorted(bits.items())


def _merged(spans: Iterable[tuple[Micros, Micros]]) -> tuple[tuple[Micros, Micros], ...]:
    merged: list[tuple[Micros, Micros]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)
