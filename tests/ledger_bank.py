"""A small bank for tests of the ledger: plans, requests and outcomes in a line each."""

from collections.abc import Sequence
from typing import Any

import msgspec

from models.folds import Counted, advance
from models.ledger import LedgerEvent, LedgerFold
from models.ledger.state import LedgerState
from models.plan.spec import PlanSpec
from models.times import DAY, Micros, moment
from schemas import (
    CandidateSet,
    ContextSnapshot,
    DeadLetter,
    Decision,
    DecisionRequest,
    Direction,
    Feedback,
    Outcome,
    OutcomeKind,
    SessionSummary,
    Signal,
    Stage,
)

START: Micros = 1_700_000_000_000_000
RULES = ((Stage.ELIGIBILITY, "adult"), (Stage.SUITABILITY, "calm"))

ACTIONS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    # id, group, class, placements of its one treatment
    ("loan", "lending", "marketing", ("hero", "tile", "mail")),
    ("card", "lending", "marketing", ("hero", "tile", "mail")),
    ("saver", "deposits", "marketing", ("hero", "tile", "mail")),
    ("bond", "deposits", "marketing", ("tile", "any")),
    ("fraud-alert", "care", "service", ("hero", "tile", "mail", "any")),
)


def plan(
    *,
    limits: Sequence[dict[str, Any]] = (),
    suppressions: Sequence[dict[str, Any]] = (),
    actions: Sequence[dict[str, Any]] | None = None,
    contact: dict[str, Any] | None = None,
    **changes: Any,
) -> PlanSpec:
    """A plan with this contact policy; web has a response window of a day, mail of 3 days, branch none."""
    return msgspec.convert(
        {
            "plan": "nextbeam/1",
            "name": "small bank",
            "brands": ["harbour"],
            "channels": {
                "web": {"direction": "inbound", "response_window": "1d"},
                "mail": {"direction": "outbound", "response_window": "3d"},
                "branch": {"direction": "inbound"},
            },
            "vocabulary": {
                "signal_types": ["page_view", "opt_out"],
                "attributes": {"action": {"type": "string"}},
            },
            "placements": {
                "hero": {"channel": "web"},
                "tile": {"channel": "web", "slots": 2},
                "mail": {"channel": "mail"},
                "any": {},
            },
            "issues": {"grow": {}, "help": {}},
            "groups": {
                "lending": {"issue": "grow"},
                "deposits": {"issue": "grow"},
                "care": {"issue": "help"},
            },
            "care": {"waived": "these customers have contacts, but no circumstances"},
            "actions": actions if actions is not None else [_action(*row) for row in ACTIONS],
            "contact": {"limits": list(limits), "suppressions": list(suppressions), **(contact or {})},
            **changes,
        },
        PlanSpec,
    )


def _action(name: str, group: str, message_class: str, placements: tuple[str, ...]) -> dict[str, Any]:
    treatments = [{"id": f"{name}-said", "placements": list(placements)}]
    return {
        "id": name,
        "group": group,
        "message_class": message_class,
        "value": 10.0,
        "treatments": treatments,
    }


def candidates(
    spec: PlanSpec,
    order: Sequence[str],
    at: Micros,
    *,
    name: str = "",
    placements: Sequence[str] = ("hero",),
    channel: str = "web",
    removed: dict[str, int] | None = None,
    **about: Any,
) -> CandidateSet:
    """Candidates in this order; every other action was removed by engagement rule 0, or as `removed` says.

    `about`: other fields of the request, e.g. customer_id, household_id, brand.
    """
    ids = [action.id for action in spec.actions]
    signal_id = name or f"s{at}"
    session = SessionSummary(
        session_id="s", number=1, started_at=moment(START), last_at=moment(START), events=1
    )
    request = DecisionRequest(
        decision_id=f"d-{signal_id}",
        signal_id=signal_id,
        customer_id="c1",
        requested_at=moment(at),
        brand="harbour",
        channel=channel,
        direction=Direction.INBOUND,
        placements=tuple(placements),
        context=ContextSnapshot(sequence=1, session=session, customer={}, features=()),
        plan_digest="digest",
    )
    return CandidateSet(
        request=msgspec.structs.replace(request, **about),
        removed_by=tuple(-1 if action in order else (removed or {}).get(action, 0) for action in ids),
        propensities=tuple(0.1 if action in order else 0.0 for action in ids),
        context_weights=(1.0,) * len(ids),
        priorities=tuple(1.0 / (1 + order.index(action)) if action in order else 0.0 for action in ids),
        order=tuple(ids.index(action) for action in order),
        model_digest="model",
    )


def outcome(kind: OutcomeKind, at: Micros, **fields: Any) -> Outcome:
    """An outcome, of customer c1 unless `fields` say otherwise."""
    fields = {"outcome_id": f"o{at}{kind}", "customer_id": "c1", **fields}
    return Outcome(occurred_at=moment(at), kind=kind, **fields)


def signal(at: Micros, type_: str = "opt_out", **attributes: Any) -> Signal:
    """A signal of customer c1."""
    return Signal(
        signal_id=f"x{at}",
        customer_id="c1",
        occurred_at=moment(at),
        type=type_,
        channel="web",
        brand="harbour",
        attributes=attributes,
    )


class Customer:
    """One customer's ledger: says what each event led to. Its state goes through bytes after every step."""

    def __init__(self, spec: PlanSpec, fold: LedgerFold | None = None) -> None:
        self.spec = spec
        self.fold = fold or LedgerFold.of(spec, "digest", rules=RULES)
        self.state: LedgerState = self.fold.initial()

    def apply(self, event: LedgerEvent) -> list[Any]:
        """All outputs of one event."""
        state, outputs = advance(self.fold, self.state, event)
        self.state = self.fold.decode(self.fold.encode(state))
        assert self.state == state
        return outputs

    def decide(self, order: Sequence[str], at: Micros, **fields: Any) -> Decision:
        """The decision on these candidates."""
        outputs = self.apply(candidates(self.spec, order, at, **fields))
        decisions = [output for output in outputs if isinstance(output, Decision)]
        assert Counted.DECIDED in outputs
        assert len(decisions) == 1
        return decisions[0]

    def offered(self, order: Sequence[str], at: Micros, **fields: Any) -> list[str]:
        """The actions offered."""
        return [offer.action for offer in self.decide(order, at, **fields).offers]

    def report(self, kind: OutcomeKind, at: Micros, **fields: Any) -> Feedback | DeadLetter:
        """What an outcome became."""
        outputs = self.apply(outcome(kind, at, **fields))
        assert outputs[-1] in (Counted.OBSERVED, Counted.DEAD)
        return outputs[-2]

    def expire(self, now: Micros) -> list[Feedback]:
        """What is due by `now`."""
        self.state, outputs = self.fold.expire(self.state, now)
        return outputs


def verdicts(decision: Decision) -> dict[str, tuple[str, str | None]]:
    """Stage and rule by action."""
    return {candidate.action: (candidate.stage.value, candidate.rule) for candidate in decision.ranked}


def day(number: float) -> Micros:
    """A moment so many days after the start."""
    return START + round(number * DAY)
