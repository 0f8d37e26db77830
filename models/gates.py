"""Gates: what a request may not use, though the action as a whole is allowed: a channel, or one of its treatments.

Consent, kill switches, treatments' dates and rules, and quiet hours depend on the request alone, not on the contacts
of the past. Contact policy asks for them while it fills placements, so that a decision about several placements
treats each channel by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from models.plan.fields import feature_columns
from models.plan.spec import PlanSpec
from schemas import DecisionRequest, Stage

Refusals = list[tuple[int, int]]
"""Rule number and the actions it refuses, as the bits of an integer; in the order tried."""

TreatmentRefusals = dict[int, dict[str, int]]
"""By action index and treatment id: number of the first rule that refuses the treatment."""


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
    _channels: tuple[Callable[[DecisionRequest, str], Refusals], ...]
    _treatments: tuple[Callable[[DecisionRequest, str], TreatmentRefusals], ...]

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
        return cls(spec, (), (), False, (), ())

    def refused(self, request: DecisionRequest, channel: str) -> Refusals:
        """The rules that refuse whole actions in `channel`, and which; an action may be in several."""
        return [refusal for gate in self._channels for refusal in gate(request, channel)]

    def refused_treatments(self, request: DecisionRequest, channel: str) -> TreatmentRefusals:
        """The treatments that may not be used in `channel`, though their actions may be offered."""
        found: TreatmentRefusals = {}
        for gate in self._treatments:
            for action, refused in gate(request, channel).items():
                found[action] = {**refused, **found.get(action, {})}
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return Gates.of, (self.spec, feature_columns(self.spec))
