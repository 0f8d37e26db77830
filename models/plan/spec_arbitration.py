"""Arbitration as written: the factors of the priority, what moves them, what is tried out."""

from typing import Annotated, Literal

from msgspec import Meta

from models.plan.spec_base import Duration, Label, Percent, RuleId, ScopeSpec, Spec, WeightSpec
from schemas.common import Name, OutcomeKind


class MaturitySpec(Spec, frozen=True, kw_only=True):
    """The share of customers that a new action may reach, growing linearly with its positive outcomes."""

    start_percent: Annotated[float, Meta(gt=0, le=100)] = 2.0
    positives: Annotated[int, Meta(ge=1)] = 200
    """With so many it is mature and reaches everybody."""


class InfluenceSpec(Spec, frozen=True, kw_only=True):
    """An outcome raises (or lowers) the priority of actions for this customer, and wears off."""

    id: RuleId
    outcomes: tuple[OutcomeKind, ...] = ()
    label: Label | None = None
    """All positive, or all negative outcomes too."""
    scope: ScopeSpec = ScopeSpec()
    """Actions whose outcomes count."""
    of: Literal["action", "group", "issue"] = "action"
    """Whose priority changes: that of the action, of its group, of its issue."""
    percent: Percent
    """Of the priority, right after the outcome; several influences multiply."""
    half_life: Duration | None = None
    """It halves in this time; None: it stays whole until it ends."""
    lasts: Duration = "30d"
    """Then it ends."""
    why: str = ""


class BundleSpec(Spec, frozen=True, kw_only=True):
    """Actions that go together: the members follow their parent into the slots after it."""

    id: RuleId
    parent: Name
    members: Annotated[tuple[Name, ...], Meta(min_length=1)]
    needs: Literal["all", "any", "none"] = "any"
    """How many members must fit beside the parent, else it is not offered."""
    alone: bool = False
    """Whether members may be offered without the parent."""
    why: str = ""


class ArmSpec(Spec, frozen=True, kw_only=True):
    """A group of customers that is decided for differently, to learn what the difference is worth."""

    id: RuleId
    kind: Literal[
        "holdout",  # no marketing at all
        "random_propensity",  # P is random
        "random_action",  # any action that is allowed, marketing among itself
        "propensity_only",  # priority is P
        "no_levers",  # L and context weights are 1
        "eligibility_only",  # no applicability, no suitability
        "plan",  # as everybody else: the comparison of equal size
    ]
    share: Annotated[float, Meta(ge=0, le=1)]
    """Of all customers."""
    description: str = ""


class ExperimentsSpec(Spec, frozen=True, kw_only=True):
    """Who is in which arm: a hash of the customer id. Who is in none has the arm `nba`."""

    seed: Annotated[str, Meta(min_length=1, max_length=100)] = "nextbeam"
    """Changing it deals the customers anew."""
    reshuffle: Literal["never", "monthly"] = "never"
    """monthly: dealt anew with each calendar month of the plan's time zone. A holdout is never reshuffled."""
    arms: tuple[ArmSpec, ...] = ()


class ArbitrationSpec(Spec, frozen=True, kw_only=True):
    """Priority = P x C x V x L, each factor with its switch (off: 1)."""

    propensity: bool = True
    context_weight: bool = True
    value: bool = True
    levers: bool = True
    context_weights: tuple[WeightSpec, ...] = ()
    reasons: Annotated[int, Meta(ge=0, le=10)] = 3
    """How many contributions a propensity carries."""
    reasons_of: Literal["offers", "ranked"] = "offers"
    """Whose propensities: of what is offered, or of every candidate that was ranked. All others can be computed."""
    smoothing: bool = False
    """Draw the model's propensity towards the starting propensity while there is little evidence."""
    propensity_threshold: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    """Marketing below it is not offered; an action can have its own."""
    priority_threshold: Annotated[float, Meta(ge=0)] = 0.0
    """Marketing whose priority is below it is not offered."""
    maturity: MaturitySpec | None = None
    """How slowly new actions are let loose; None: at once."""
    exploration: Literal["none", "thompson"] = "none"
    """thompson: propensities are drawn from Beta(p x evidence, (1 - p) x evidence), anew for each slot."""
    influences: tuple[InfluenceSpec, ...] = ()
    """How outcomes raise or lower what comes next."""
