"""Suppressions: what the customer did with an action pauses it, or more than it, for a while.

`times` triggers within a rolling window `within` (half-open: two triggers exactly that far apart share none) pause
from the last of them until `pause` later; of overlapping pauses the one that ends later wins. Triggers are counted per
paused unit: with `pauses: group`, those of all actions of the group together; with `per_brand`, for each brand. Arrival
order does not matter: a unit is paused at t if, of the triggers known by then, some `times` make a pause with
start <= t < end.

A pause of a treatment leaves the other treatments of its action alone. A pause of a channel refuses all that contact
policy governs in that channel, a pause of everything refuses it everywhere. Whatever of a trigger is not known (the
brand of an offer that older code made) is paused in every case.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from heapq import merge
from typing import NamedTuple

import msgspec

from models.kernel import find
from models.ledger.attribution import LABELS
from models.ledger.spots import KERNEL, Spot, in_scope, members, plan_spots
from models.plan.spec import PlanSpec, ScopeSpec, SuppressionSpec
from models.stored import Moment, Stored
from models.times import Micros, duration
from schemas.common import OutcomeKind, Stage
from schemas.signal import Signal

_SEPARATOR = "\x1f"

MOST_EFFECTS = 16_384
"""Rules, units and brands kept at hand with what they pause."""

_MOST_TRIGGERS = 64
_MOST_SPANS = 16


class Pause(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one suppression rule knows about one unit (an action, a channel, ...).

    At most 64 triggers and 16 spans: beyond, the oldest triggers are forgotten, whose pauses are in the spans already,
    and the two oldest spans become one, the gap included, so that too much is suppressed rather than too little.
    """

    rule: str
    unit: str
    triggers: tuple[Moment, ...]
    """Event times, ascending, of the triggers that a later one could still complete."""
    spans: tuple[tuple[Stored, Stored], ...]
    """Disjoint pauses [start, end), ascending."""


class Trigger(NamedTuple):
    """An event that counts for a suppression rule."""

    rule: int
    """Its index, as written."""
    unit: str
    """What it counts towards, and pauses."""
    action: str
    """The action it is about; `*`: none."""


class Paused(NamedTuple):
    """What is paused at one moment. Each entry: the index of the rule, and the actions it pauses, as bits."""

    everywhere: Sequence[tuple[int, int]]
    by_channel: Mapping[str, Sequence[tuple[int, int]]]
    treatments: Mapping[int, Mapping[str, int]]
    """By action index: treatments that are paused, each with the index of the rule."""

    def within(self, channel: str) -> Iterable[tuple[int, int]]:
        """The pauses of actions in this channel, in the order written."""
        here = self.by_channel.get(channel)
        return merge(self.everywhere, here) if here else self.everywhere


NOTHING = Paused((), {}, {})
"""No pause at all."""

NOWHERE = Spot("*", "", "", "", "", "", "")
"""What a signal is about that names no action."""


class _Rule:
    """One suppression rule, compiled."""

    def __init__(self, spec: SuppressionSpec, spots: Sequence[Spot], pausable: Iterable[int]) -> None:
        self.spec = spec
        self.within = duration(spec.within)
        self.pause = duration(spec.pause)
        said = {kind for kind, label in LABELS.items() if label is (spec.label == "positive")}
        self.kinds = frozenset(spec.outcomes) | (said if spec.label else frozenset())
        self.needs_action = spec.pauses not in ("channel", "all") or spec.scope != ScopeSpec()
        self._governed = 0
        self._masks: dict[str, int] = {}
        for index in pausable:
            self._governed |= 1 << index
            unit = spots[index].action if spec.pauses == "treatment" else self._unit(spots[index])
            self._masks[unit] = self._masks.get(unit, 0) | 1 << index

    def counts(self, spot: Spot) -> bool:
        """Whether an outcome of an offer there, or a signal about it, counts."""
        spec = self.spec
        return (
            in_scope(spec.scope, spot)
            and (not spec.channels or spot.channel in spec.channels)
            and (not spec.brands or spot.brand in spec.brands or not spot.brand)
        )

    def unit(self, spot: Spot) -> str:
        """What a trigger by this spot counts towards, and pauses."""
        unit = self._unit(spot)
        return f"{spot.brand}{_SEPARATOR}{unit}" if self.spec.per_brand else unit

    def _unit(self, spot: Spot) -> str:
        match self.spec.pauses:
            case "treatment":
                return f"{spot.action} {spot.treatment}"
            case "action":
                return spot.action
            case "group":
                return spot.group
            case "issue":
                return spot.issue
            case "channel":
                return spot.channel
            case "all":
                return ""

    def paused(self, unit: str, brand: str) -> tuple[str, int]:
        """A unit without its brand, and the actions that its pause stops or whose treatment it stops."""
        whose, found, name = unit.rpartition(_SEPARATOR)
        elsewhere = self.spec.per_brand and found and whose not in ("", brand)
        if elsewhere or (self.spec.brands and brand not in self.spec.brands):
            return name, 0
        if self.spec.pauses in ("channel", "all"):
            return name, self._governed
        return name, self._masks.get(name.partition(" ")[0] if self.spec.pauses == "treatment" else name, 0)

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
        if self._lasts(pause, settled):
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

    def _lasts(self, pause: Pause, settled: Micros) -> bool:
        """Whether all of it can still affect something: so it is most of the time."""
        triggers, spans = pause.triggers, pause.spans
        if len(spans) > _MOST_SPANS or (spans and spans[0][1] <= settled):
            return False
        if not triggers:
            return bool(spans)
        times = self.spec.times
        if times == 1 or len(triggers) > _MOST_TRIGGERS or triggers[0] <= settled - self.within:
            return False
        return len(triggers) < times or triggers[times - 1] >= settled


class Suppressions:
    """All suppression rules of a plan.

    Attributes:
      ids: Rule ids, in the order written.
      stages: Where a candidate leaves the funnel, aligned with `ids`.
      lasting: By id: how many triggers pause, and within which time.
    """

    def __init__(self, spec: PlanSpec) -> None:
        """Compile the rules of `spec.contact`."""
        self._spots = plan_spots(spec)
        exempt = frozenset(spec.contact.exempt)
        pausable = [index for index, spot in enumerate(self._spots) if spot.message_class not in exempt]
        self._rules = tuple(_Rule(rule, self._spots, pausable) for rule in spec.contact.suppressions)
        self.ids = tuple(rule.id for rule in spec.contact.suppressions)
        self.stages = tuple(
            Stage.TREATMENT_SUPPRESSIONS if rule.pauses == "treatment" else Stage.ACTION_SUPPRESSIONS
            for rule in spec.contact.suppressions
        )
        self._index = {name: index for index, name in enumerate(self.ids)}
        self._kernel = find("ledger", KERNEL)
        self.lasting = {rule.spec.id: (rule.spec.times, rule.within) for rule in self._rules}
        self._effects: dict[tuple[str, str, str], tuple[int, str, str, int] | None] = {}
        self._by_action = {spot.action: spot for spot in self._spots}
        self.signals = tuple(index for index, rule in enumerate(self._rules) if rule.spec.signal is not None)
        """Indices of the rules with a signal expression."""

    @property
    def longest(self) -> Micros:
        """How long at most a trigger has consequences."""
        return max((rule.within + rule.pause for rule in self._rules), default=0)

    def by_outcome(self, kind: OutcomeKind, spot: Spot) -> list[Trigger]:
        """The rules that an outcome of this spot triggers."""
        return [
            Trigger(index, rule.unit(spot), spot.action)
            for index, rule in enumerate(self._rules)
            if kind in rule.kinds and rule.counts(spot)
        ]

    def by_signal(self, signal: Signal, matched: Sequence[bool]) -> list[Trigger]:
        """The rules that a signal triggers.

        Args:
          signal: The action is the attribute that the rule names, channel and brand are the signal's. One that names
            no action of the plan triggers only rules that pause a channel or everything, whatever the action.
          matched: Whether the expression of each of `signals` is met.
        """
        found = []
        for index, met in zip(self.signals, matched, strict=True):
            rule = self._rules[index]
            named = signal.attributes.get(rule.spec.action_attribute) if met else None
            spot = self._by_action.get(named) if isinstance(named, str) else None
            if spot is None and met and not rule.needs_action:
                spot = NOWHERE
            spot = spot and spot._replace(channel=signal.channel, brand=signal.brand)
            if spot is not None and rule.counts(spot):
                found.append(Trigger(index, rule.unit(spot), spot.action))
        return found

    def trigger(
        self, pauses: Sequence[Pause], index: int, unit: str, at: Micros, settled: Micros
    ) -> list[Pause]:
        """The pauses, after rule `index` was triggered at `at` for this unit."""
        rule = self._rules[index]
        kept = [pause for pause in pauses if (pause.rule, pause.unit) != (rule.spec.id, unit)]
        known = [pause for pause in pauses if (pause.rule, pause.unit) == (rule.spec.id, unit)]
        pause = known[0] if known else Pause(rule.spec.id, unit, (), ())
        return [*kept, rule.triggered(pause, at, settled)]

    def pruned(self, pauses: Sequence[Pause], settled: Micros) -> list[Pause]:
        """The pauses that events from `settled` on can still be affected by. Rules no longer in the plan end."""
        if self._kernel is not None and self._kernel.lasting(pauses, self.lasting, settled):
            return list(pauses)
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

    def active(self, pauses: Sequence[Pause], at: Micros, brand: str) -> Paused:
        """What is paused at `at` for offers of this brand."""
        everywhere: dict[int, int] = {}
        by_channel: dict[str, dict[int, int]] = {}
        treatments: dict[int, dict[str, int]] = {}
        for pause in pauses:
            for start, end in pause.spans:
                if start <= at < end:
                    break
            else:
                continue
            effect = self._effect(pause.rule, pause.unit, brand)
            if effect is None:
                continue
            index, what, unit, bits = effect
            if what == "treatment":
                for action in members(bits):
                    known = treatments.setdefault(action, {})
                    name = unit.partition(" ")[2]
                    known[name] = min(index, known.get(name, index))
            else:
                found = by_channel.setdefault(unit, {}) if what == "channel" else everywhere
                found[index] = found.get(index, 0) | bits
        if not (everywhere or by_channel or treatments):
            return NOTHING
        channels = {name: sorted(found.items()) for name, found in by_channel.items()}
        return Paused(sorted(everywhere.items()), channels, treatments)

    def _effect(self, rule: str, unit: str, brand: str) -> tuple[int, str, str, int] | None:
        """What a pause does to offers of a brand: index of its rule, what that pauses, the unit, and the actions."""
        asked = (rule, unit, brand)
        try:
            return self._effects[asked]
        except KeyError:
            pass
        index, found = self._index.get(rule), None
        if index is not None:
            name, bits = self._rules[index].paused(unit, brand)
            found = (index, self._rules[index].spec.pauses, name, bits) if bits else None
        if len(self._effects) >= MOST_EFFECTS:
            self._effects.clear()
        self._effects[asked] = found
        return found


def _merged(spans: Iterable[tuple[Micros, Micros]]) -> tuple[tuple[Micros, Micros], ...]:
    merged: list[tuple[Micros, Micros]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)
