"""A decision explained for programs: every action with its fate, its factors, and what its propensity is made of."""

import msgspec

from models.explain_customer import explain_to_customer
from models.explain_words import BECAUSE, names, whys
from models.plan.compiled import Plan
from models.propensity.sigmoid import propensities
from schemas import Candidate, Contribution, Decision, Stage


class ExplainedAction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One action of the plan in one decision."""

    action: str
    name: str
    stage: Stage
    rule: str | None = None
    why: str = ""
    """In words one could say to the customer; empty for what was offered."""
    factors: Candidate | None = None
    """As recorded; engagement policy removes actions before they have any."""
    level: float
    """Log-odds of the action itself, before anything is known of the customer."""
    contributions: tuple[Contribution, ...] = ()
    """What each feature adds to the log-odds, largest first; features that add nothing are left out. With the level
    they sum to the log-odds of `model_propensity`. Computed from the recorded features and the run's model."""
    model_propensity: float
    """The model's own, before smoothing, arms and draws. For removed actions too: what it would have been."""


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One decision."""

    decision_id: str
    text: str
    """What could be read to the customer."""
    actions: tuple[ExplainedAction, ...]
    """All of the plan's: the ranked ones by rank, then those removed, in the order of the rules."""
    decision: Decision
    """The record."""


def explained(decision: Decision, plan: Plan) -> Explained:
    """The decision with every action of the plan."""
    return Explained(
        decision_id=decision.decision_id,
        text=explain_to_customer(decision, plan),
        actions=tuple(_Actions(decision, plan).all()),
        decision=decision,
    )


class _Actions:
    """The actions of one decision."""

    def __init__(self, decision: Decision, plan: Plan) -> None:
        self._decision = decision
        self._plan = plan
        self._x = plan.vectors.vector(decision.context.features)
        self._index = {action.id: number for number, action in enumerate(plan.spec.actions)}
        self._names = names(plan.spec)
        self._whys = whys(plan)

    def all(self) -> list[ExplainedAction]:
        """Each once."""
        ranked = [self._one(each.action, each.stage, each.rule, each) for each in self._decision.ranked]
        removed = [
            self._one(action, removal.stage, removal.rule, None)
            for removal in self._decision.removed
            for action in removal.actions
        ]
        return ranked + removed

    def _one(self, action: str, stage: Stage, rule: str | None, factors: Candidate | None) -> ExplainedAction:
        level, added = self._plan.scorer.explain(self._x, self._index[action])
        order = (-abs(added)).argsort(kind="stable")
        columns = self._plan.vectors.vector_columns
        why = "" if stage is Stage.OUTPUT else self._whys.get(rule or "", BECAUSE.get(stage, ""))
        return ExplainedAction(
            action=action,
            name=self._names[action],
            stage=stage,
            rule=rule,
            why=why,
            factors=factors,
            level=level,
            contributions=tuple(
                Contribution(feature=columns[i], contribution=float(added[i])) for i in order if added[i]
            ),
            model_propensity=float(propensities(level + added.sum())),
        )
