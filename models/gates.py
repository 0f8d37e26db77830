"""Gates: what a request may not use, though the action as a whole is allowed: a channel, or one of its treatments.

Consent, kill switches, treatments' dates and rules, and quiet hours depend on the request alone, not on the contacts
of the past. Contact policy asks for them while it fills placements, so that a decision about several placements
treats each channel by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from models.availability import Closure, Timetable, narrow_closures
from models.care import consent_rules, marketing
from models.plan.fields import feature_columns
from models.plan.scopes import bits
from models.plan.spec import PlanSpec, TreatmentSpec
from models.quiet_hours import QuietHours
from models.rule_chains import Chain, EngagementRule, RuleTable
from schemas import DecisionRequest, Stage

Refusals = list[tuple[int, int]]
"""Rule number and the actions it refuses, as the bits of an integer; in the order tried."""

TreatmentRefusals = dict[int, dict[str, int]]
"""By action index and treatment id: number of the first rule that refuses the treatment."""

_MEMO = 1024


class _ChannelGate(Protocol):
    def refused(self, request: DecisionRequest, channel: str) -> Refusals:
        """The rules that refuse whole actions in `channel`, and which; an action may be in several."""


class _TreatmentGate(Protocol):
    def refused_treatments(self, request: DecisionRequest, channel: str) -> TreatmentRefusals:
        """The treatments that may not be used in `channel`."""


@dataclass(frozen=True, eq=False)
class Gates:
    """The gates of one plan, compiled.

    Attributes:
      rules: Stage and id by rule number, in the order tried.
      whys: The reason of each rule in words one could say to a customer.
      any: False if the plan has none of it; then there is no need to ask.
    """

    spec: PlanSpec
    rules: tuple[tuple[Stage, str], ...]
    whys: tuple[str, ...]
    any: bool
    _channels: tuple[_ChannelGate, ...]
    _treatments: tuple[_TreatmentGate, ...]

    @classmethod
    def of(cls, spec: PlanSpec, columns: Sequence[str]) -> "Gates":
        """Compile the gates of `spec`, whose raw feature values are `columns`.

        Raises:
          ExpressionError: A treatment's rule cannot be used.
          ValueError: `columns` are not those of the plan.
        """
        if tuple(columns) != feature_columns(spec):
            raise ValueError(
                "the feature columns are not those of the plan: build both from the same PlanSpec"
            )
        table = RuleTable(spec)
        consent = _Consent(spec, table)
        closed = _Closed(spec, table)
        ruled = _Ruled(spec, table)
        quiet = QuietHours(spec, [table.number(rule) for rule in _quiet_rules(spec)])
        on_channels: tuple[tuple[bool, _ChannelGate], ...] = (
            (bool(consent.facts), consent),
            (closed.any, closed),
            (bool(spec.contact.quiet_hours), quiet),
        )
        on_treatments: tuple[tuple[bool, _TreatmentGate], ...] = (
            (closed.any, closed),
            (bool(ruled.treatments), ruled),
        )
        return cls(
            spec,
            tuple((rule.stage, rule.id) for rule in table.rules),
            tuple(rule.why for rule in table.rules),
            bool(table.rules),
            tuple(gate for used, gate in on_channels if used),
            tuple(gate for used, gate in on_treatments if used),
        )

    def refused(self, request: DecisionRequest, channel: str) -> Refusals:
        """The rules that refuse whole actions in `channel`, and which; an action may be in several."""
        return [refusal for gate in self._channels for refusal in gate.refused(request, channel)]

    def refused_treatments(self, request: DecisionRequest, channel: str) -> TreatmentRefusals:
        """The treatments that may not be used in `channel`, though their actions may be offered."""
        found: TreatmentRefusals = {}
        for gate in self._treatments:
            for action, refused in gate.refused_treatments(request, channel).items():
                found[action] = {**refused, **found.get(action, {})}
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return Gates.of, (self.spec, feature_columns(self.spec))


class _Consent:
    """Marketing in a channel needs the customer's consent; only true is consent."""

    def __init__(self, spec: PlanSpec, table: RuleTable) -> None:
        actions = bits(marketing(spec))
        self.facts: dict[str, tuple[str, Refusals]] = {}
        for channel, fact, rule in consent_rules(spec) if actions else ():
            self.facts[channel] = fact, [(table.number(rule), actions)]

    def refused(self, request: DecisionRequest, channel: str) -> Refusals:
        """All marketing, unless the customer agreed to it in this channel."""
        if (needed := self.facts.get(channel)) is None:
            return []
        fact, refusals = needed
        return [] if request.context.customer.get(fact) is True else refusals


class _Closed:
    """Dates of treatments, and kill switches for channels or treatments."""

    def __init__(self, spec: PlanSpec, table: RuleTable) -> None:
        closures = self._closures = tuple(narrow_closures(spec))
        self.any = bool(closures)
        self._said = [[treatment.id for treatment in action.treatments] for action in spec.actions]
        self._numbers = [
            table.number(EngagementRule(each.stage, each.id, each.why, each.text)) for each in closures
        ]
        self._timetable = Timetable(closures, self._by_request)

    def refused(self, request: DecisionRequest, channel: str) -> Refusals:
        """Kill switches for whole channels."""
        return self._timetable.at(request.requested_at)(request.brand, channel)[0]

    def refused_treatments(self, request: DecisionRequest, channel: str) -> TreatmentRefusals:
        """Treatments out of date, and kill switches that name them."""
        return self._timetable.at(request.requested_at)(request.brand, channel)[1]

    def _by_request(self, in_force: list[int]) -> Callable[[str, str], tuple[Refusals, TreatmentRefusals]]:
        @lru_cache(_MEMO)
        def closed(brand: str, channel: str) -> tuple[Refusals, TreatmentRefusals]:
            whole: Refusals = []
            parts: TreatmentRefusals = {}
            for position in in_force:
                closure, number = self._closures[position], self._numbers[position]
                if not closure.concerns(brand, "", channel):
                    continue
                if not closure.treatments:
                    whole.append((number, bits(closure.actions)))
                else:
                    self._close(closure, number, parts)
            return whole, parts

        return closed

    def _close(self, closure: Closure, number: int, parts: TreatmentRefusals) -> None:
        """Add the treatments that a closure names to those that are closed already."""
        for action in closure.actions:
            for treatment in closure.treatments.intersection(self._said[action]):
                parts.setdefault(action, {}).setdefault(treatment, number)


class _Ruled:
    """Treatments with rules of their own, tried tier by tier."""

    def __init__(self, spec: PlanSpec, table: RuleTable) -> None:
        self.treatments = [
            (index, treatment)
            for index, action in enumerate(spec.actions)
            for treatment in action.treatments
            if treatment.eligibility or treatment.applicability or treatment.suitability
        ]
        sold = marketing(spec)
        self._first_unmet = table.compile([_chain(treatment, table) for _, treatment in self.treatments])
        self._light = frozenset(arm.id for arm in spec.experiments.arms if arm.kind == "eligibility_only")
        self._fewer = table.compile(
            [_chain(treatment, table, index in sold) for index, treatment in self.treatments]
        )

    def refused_treatments(self, request: DecisionRequest, channel: str) -> TreatmentRefusals:  # noqa: ARG002
        """Treatments of which some rule is not met, in whatever channel."""
        unmet = (self._fewer if request.arm in self._light else self._first_unmet)(request)
        found: TreatmentRefusals = {}
        for (action, treatment), rule in zip(self.treatments, unmet, strict=True):
            if rule >= 0:
                found.setdefault(action, {})[treatment.id] = rule
        return found


def _chain(treatment: TreatmentSpec, table: RuleTable, eligibility_only: bool = False) -> Chain:
    others = () if eligibility_only else (*treatment.applicability, *treatment.suitability)
    rules = (*treatment.eligibility, *others)
    return tuple((table.written(Stage.TREATMENT_ELIGIBILITY, rule),) for rule in rules)


def _quiet_rules(spec: PlanSpec) -> list[EngagementRule]:
    return [
        EngagementRule(
            Stage.CHANNEL_AVAILABILITY,
            quiet.id,
            quiet.why or f"We do not write between {quiet.begins} and {quiet.ends}.",
            f"{quiet.begins} to {quiet.ends}",
        )
        for quiet in spec.contact.quiet_hours
    ]
