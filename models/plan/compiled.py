"""A plan ready to decide: loaded, checked, every part compiled once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.arbitration import Arbitration
from models.context import ContextFold
from models.decide import DecideFold, Event
from models.engagement import ContextWeights, EngagementPolicy
from models.explain import Reasons
from models.exploration.evidence import explores
from models.features import FeatureTable, Vectors, remembering
from models.folds import Fold
from models.funnel import Funnel
from models.gates import Gates
from models.ledger import HouseholdFold, LedgerEvent, LedgerFold, by_household
from models.plan.load import Loaded, load_plan
from models.plan.spec import ModelSpec, PlanSpec
from models.propensity.artifact import Artifact, ArtifactError
from models.propensity.artifact import load as load_artifact
from models.propensity.scorer import Scorer, bind
from models.volumes import VolumeBook, Volumes
from schemas import Stage
from schemas.signal import Signal


@dataclass(frozen=True, eq=False)
class Plan:
    """One decision plan: immutable, and the same for everything that has its digest."""

    spec: PlanSpec
    digest: str
    canonical: bytes
    table: FeatureTable
    vectors: Vectors
    engagement: EngagementPolicy
    context_weights: ContextWeights
    scorer: Scorer
    arbitration: Arbitration
    gates: Gates
    artifact: Artifact | None = None
    """The propensity model, if it has one."""

    @classmethod
    def load(cls, path: Path) -> "Plan":
        """Load and compile the plan at `path`, a YAML file or a folder with plan.yaml.

        Raises:
          PlanError: With everything that is wrong with it, by file and line.
          ArtifactError: The propensity model is missing or is not what its manifest says.
        """
        return cls.compile(load_plan(path))

    @classmethod
    def compile(cls, loaded: Loaded, *, model: Path | None = None) -> "Plan":
        """Compile a plan that was loaded and found good.

        Args:
          loaded: The plan.
          model: The model's folder, where it is no longer the one that the plan names.

        Raises:
          ArtifactError: The model is missing, or is not the plan's.
        """
        spec = loaded.spec
        table = FeatureTable.of(spec)
        engagement = EngagementPolicy.of(spec, table.columns)
        artifact = _artifact(spec.model, model or loaded.folder / spec.model.path) if spec.model else None
        return cls(
            spec=spec,
            digest=loaded.digest,
            canonical=loaded.canonical,
            table=table,
            vectors=remembering(table),
            engagement=engagement,
            context_weights=ContextWeights.of(spec, table.columns),
            scorer=bind(artifact, spec, table.vector_columns),
            arbitration=Arbitration.of(
                spec, first_rule=len(engagement.rules), learned=artifact.evidence if artifact else None
            ),
            gates=Gates.of(spec, table.columns),
            artifact=artifact,
        )

    @property
    def rules(self) -> tuple[tuple[Stage, str], ...]:
        """Stage and id of each rule, as `CandidateSet.removed_by` counts them: engagement policy's, arbitration's."""
        engagement = tuple([(rule.stage, rule.id) for rule in self.engagement.rules])
        return engagement + self.arbitration.rules

    @property
    def shares_capacity(self) -> bool:
        """Whether what one customer is offered depends on what others were: the plan has volume constraints."""
        return bool(self.spec.contact.volumes)

    @property
    def explores(self) -> bool:
        """Whether chance has a say in any of its decisions, so that these carry probabilities."""
        return explores(self.spec)

    @property
    def funnel(self) -> Funnel:
        """The steps between a request and its ranked candidates; they hold no state."""
        return Funnel(self.vectors, self.engagement, self.context_weights, self.scorer, self.arbitration)

    def context_fold(self) -> ContextFold:
        """Signals and outcomes in, sessions and decision requests out."""
        return ContextFold.of(self.spec, self.digest)

    def ledger_fold(self, *, reasons: bool = True, volumes: Volumes | None = None) -> LedgerFold:
        """The contact ledger of one customer: ranked candidates and outcomes in, decisions and feedback out.

        Without `reasons` decisions are the same, but do not say what contributed to propensities: for those who
        fold a history and read only what was decided.

        The ledgers of all customers share `volumes`; None: a new book, in which nothing was spent yet, if the plan
        has volume constraints. With such, a fold remembers what other customers were offered.
        """
        if volumes is None and self.shares_capacity:
            volumes = VolumeBook.of(self.spec)
        return LedgerFold.of(
            self.spec,
            self.digest,
            rules=self.rules,
            reasons=Reasons(self.vectors, self.scorer, self.spec.arbitration.reasons) if reasons else None,
            gates=self.gates if self.gates.any else None,
            volumes=volumes,
        )

    def contact_fold(self, *, volumes: Volumes | None = None) -> Fold[Any, LedgerEvent]:
        """The ledger as a step of its own: of a customer, or of a household where the plan has limits for those.

        `volumes` as in `ledger_fold`.
        """
        ledger = self.ledger_fold(volumes=volumes)
        if not by_household(self.spec):
            return ledger
        return HouseholdFold(ledger, step="ApplyContactPolicy", forwarded=(Signal,))

    def decide_fold(self, *, reasons: bool = True, volumes: Volumes | None = None) -> Fold[Any, Event]:
        """Everything between a signal and its decision, as one fold; `reasons` and `volumes` as in `ledger_fold`.

        Of a customer, or of a household where the plan has limits for those.
        """
        ledger = self.ledger_fold(reasons=reasons, volumes=volumes)
        decide = DecideFold(self.context_fold(), self.funnel, ledger)
        return HouseholdFold(decide, step="DecideNextBestAction") if by_household(self.spec) else decide


def _artifact(said: ModelSpec, folder: Path) -> Artifact:
    artifact = load_artifact(folder)
    if said.digest not in {None, artifact.digest}:
        rule = f"of the model is {artifact.digest!r}, the plan was made with {said.digest!r}"
        raise ArtifactError(f"{folder}: digest", rule, "put the model back that the plan was made with")
    return artifact
