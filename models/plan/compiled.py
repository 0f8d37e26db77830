"""A plan ready to decide: loaded, checked, every part compiled once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.arbitration import Arbitration
from models.context import ContextFold
from models.decide import DecideFold, Event
from models.engagement import ContextWeights, EngagementPolicy
from models.explain import Reasons
from models.features import FeatureTable, LatestVector
from models.folds import Fold
from models.funnel import Funnel
from models.ledger import HouseholdFold, LedgerEvent, LedgerFold, by_household
from models.plan.load import Loaded, load_plan
from models.plan.spec import PlanSpec
from models.propensity.artifact import load as load_artifact
from models.propensity.scorer import Scorer, bind
from schemas import Stage
from schemas.signal import Signal


@dataclass(frozen=True, eq=False)
class Plan:
    """One decision plan: immutable, and the same for everything that has its digest."""

    spec: PlanSpec
    digest: str
    canonical: bytes
    table: FeatureTable
    vectors: LatestVector
    engagement: EngagementPolicy
    context_weights: ContextWeights
    scorer: Scorer
    arbitration: Arbitration

    @classmethod
    def load(cls, path: Path) -> "Plan":
        """Load and compile the plan at `path`, a YAML file or a folder with plan.yaml.

        Raises:
          PlanError: With everything that is wrong with it, by file and line.
          ArtifactError: The propensity model is missing or is not what its manifest says.
        """
        return cls.compile(load_plan(path))

    @classmethod
    def compile(cls, loaded: Loaded) -> "Plan":
        """Compile a plan that was loaded and found good."""
        spec = loaded.spec
        table = FeatureTable.of(spec)
        engagement = EngagementPolicy.of(spec, table.columns)
        artifact = load_artifact(loaded.folder / spec.model.path) if spec.model else None
        return cls(
            spec=spec,
            digest=loaded.digest,
            canonical=loaded.canonical,
            table=table,
            vectors=LatestVector(table),
            engagement=engagement,
            context_weights=ContextWeights.of(spec, table.columns),
            scorer=bind(artifact, spec, table.vector_columns),
            arbitration=Arbitration.of(
                spec, first_rule=len(engagement.rules), learned=artifact.evidence if artifact else None
            ),
        )

    @property
    def rules(self) -> tuple[tuple[Stage, str], ...]:
        """Stage and id of each rule, as `CandidateSet.removed_by` counts them: engagement policy's, arbitration's."""
        engagement = tuple([(rule.stage, rule.id) for rule in self.engagement.rules])
        return engagement + self.arbitration.rules

    @property
    def funnel(self) -> Funnel:
        """The steps between a request and its ranked candidates; they hold no state."""
        return Funnel(self.vectors, self.engagement, self.context_weights, self.scorer, self.arbitration)

    def context_fold(self) -> ContextFold:
        """Signals and outcomes in, sessions and decision requests out."""
        return ContextFold.of(self.spec, self.digest)

    def ledger_fold(self, *, reasons: bool = True) -> LedgerFold:
        """The contact ledger of one customer: ranked candidates and outcomes in, decisions and feedback out.

        Without `reasons` decisions are the same, but do not say what contributed to propensities: for those who
        fold a history and read only what was decided.
        """
        return LedgerFold.of(
            self.spec,
            self.digest,
            rules=self.rules,
            reasons=Reasons(self.vectors, self.scorer, self.spec.arbitration.reasons) if reasons else None,
        )

    def contact_fold(self) -> Fold[Any, LedgerEvent]:
        """The ledger as a step of its own: of a customer, or of a household where the plan has limits for those."""
        ledger = self.ledger_fold()
        if not by_household(self.spec):
            return ledger
        return HouseholdFold(ledger, step="ApplyContactPolicy", forwarded=(Signal,))

    def decide_fold(self, *, reasons: bool = True) -> Fold[Any, Event]:
        """Everything between a signal and its decision, as one fold; `reasons` as in `ledger_fold`.

        Of a customer, or of a household where the plan has limits for those.
        """
        decide = DecideFold(self.context_fold(), self.funnel, self.ledger_fold(reasons=reasons))
        return HouseholdFold(decide, step="DecideNextBestAction") if by_household(self.spec) else decide
