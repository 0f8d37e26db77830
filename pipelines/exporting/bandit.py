"""`nextbeam export dsjson|obp`: answered offers as rounds of a contextual bandit, with the exact logging probability.

A round is one offer that was answered (a label, NoResponse included): the context the decision saw, the candidates
that could have won its slot, the one that did, the probability of that choice, and the reward: 1 for a positive answer,
else 0.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow.parquet as pq

from models.exploration.probability import all_slot_probabilities
from models.features import FeatureTable
from models.plan.spec import PlanSpec
from pipelines.locate import run_folder
from pipelines.records import parquet_files, plan_of
from pipelines.whole import reading
from schemas import Candidate, Decision, Offer, Stage
from schemas.rows import from_row

DSJSON_READ_ME = """Written by `nextbeam export dsjson`. Read with Vowpal Wabbit (tested with 9.11):

  vw --cb_explore_adf --dsjson -d decisions.dsjson

One line per answered offer: namespace `f` holds the features of the customer's context, each action of `_multi` its id,
group and issue. `p` is the exact probability of the slot's choice; cost is -1 for a positive answer.
"""

OBP_READ_ME = """Written by `nextbeam export obp`. Read with Open Bandit Pipeline (tested with 0.5):

  data = numpy.load("bandit_feedback.npz")
  feedback = {name: data[name] for name in ("context", "action", "reward", "pscore", "position", "action_context")}
  feedback |= {"n_rounds": len(data["action"]), "n_actions": int(data["n_actions"])}

`action_dist` (rounds, actions) is the distribution the logged policy chose from; `candidates` says which actions could
have won: a policy that chooses others has no support here.
`actions` names them, `features` the columns of `context`.
"""


class Round(NamedTuple):
    """One answered offer."""

    decision: Decision
    offer: Offer
    candidates: tuple[Candidate, ...]
    """Those that could have won the slot, by rank."""
    probabilities: tuple[float, ...]
    """Of each of them."""
    chosen: int
    """Position of the offer among them."""
    reward: float


def rounds(run: Path) -> Iterator[Round]:
    """All answered offers of a run, in the order of its files."""
    rewards = _rewards(run)
    for file in parquet_files(run, "decisions"):
        for decisions in _offering(file, run):
            yield from _of(decisions, rewards)


def _offering(file: Path, run: Path) -> Iterator[list[Decision]]:
    """The decisions with offers, some at a time."""
    with reading(run):
        for batch in pq.ParquetFile(file).iter_batches(1024):
            yield [from_row(Decision, row) for row in batch.to_pylist() if row["offers"]]


def _of(decisions: Sequence[Decision], rewards: dict[tuple[str, int], bool]) -> Iterator[Round]:
    """Those of some decisions; probabilities of many slots together cost much less than one after the other."""
    answered = [
        (decision, offer, answer)
        for decision in decisions
        for offer in decision.offers
        if (answer := rewards.get((decision.decision_id, offer.rank))) is not None
    ]
    chances = all_slot_probabilities([(offer, decision.ranked) for decision, offer, _ in answered])
    for (decision, offer, answer), drawn in zip(answered, chances, strict=True):
        found = drawn or _certain(decision, offer)
        candidates = tuple(decision.ranked[rank - 1] for rank in sorted(found))
        chosen = next(i for i, each in enumerate(candidates) if each.action == offer.action)
        probabilities = tuple(found[each.rank] for each in candidates)
        yield Round(decision, offer, candidates, probabilities, chosen, float(answer))


def _certain(decision: Decision, offer: Offer) -> dict[int, float]:
    """Where nothing was left to chance: what was chosen, and what it outranked."""
    open_still = (Stage.ARBITRATION, Stage.OUTPUT)
    return {
        each.rank: float(each.action == offer.action)
        for each in decision.ranked
        if each.stage in open_still and (each.action == offer.action or each.stage == Stage.ARBITRATION)
    }


def _rewards(run: Path) -> dict[tuple[str, int], bool]:
    """By decision and rank: whether any answer was positive. Offers whose answers say nothing are left out."""
    rewards: dict[tuple[str, int], bool] = {}
    for file in parquet_files(run, "feedback"):
        with reading(run):
            table = pq.read_table(file, columns=["decision_id", "rank", "label"], partitioning=None)
        for row in table.to_pylist():
            if row["label"] is not None:
                key = row["decision_id"], row["rank"]
                rewards[key] = rewards.get(key, False) or row["label"]
    return rewards


def export_dsjson(run: Path, out: Path) -> dict[str, int]:
    """Write `decisions.dsjson` for Vowpal Wabbit; rows by file name.

    Raises:
      UsageError: There is no run.
    """
    plan = plan_of(run_folder(run))
    columns, groups = FeatureTable.of(plan).columns, _groups(plan)
    written = 0
    with (out / "decisions.dsjson").open("wb") as file:
        for each in rounds(run):
            file.write(msgspec.json.encode(_line(each, columns, groups)) + b"\n")
            written += 1
    (out / "README.txt").write_text(DSJSON_READ_ME, "utf-8")
    return {"decisions.dsjson": written}


def _line(each: Round, columns: tuple[str, ...], groups: dict[str, tuple[str, str]]) -> dict[str, Any]:
    order = [each.chosen, *(i for i in range(len(each.candidates)) if i != each.chosen)]
    values = zip(columns, each.decision.context.features, strict=True)
    return {
        "_label_cost": -each.reward,
        "_label_probability": each.probabilities[each.chosen],
        "_label_Action": each.chosen + 1,
        "_labelIndex": each.chosen,
        "Timestamp": each.decision.decided_at.isoformat(),
        "Version": "1",
        "EventId": f"{each.decision.decision_id}:{each.offer.rank}",
        "a": [i + 1 for i in order],
        "p": [each.probabilities[i] for i in order],
        "c": {
            "f": {name: value for name, value in values if value},
            "_multi": [_action(candidate.action, groups) for candidate in each.candidates],
        },
    }


def _action(action: str, groups: dict[str, tuple[str, str]]) -> dict[str, Any]:
    group, issue = groups[action]
    return {"a": {f"action={action}": 1, f"group={group}": 1, f"issue={issue}": 1}}


def export_obp(run: Path, out: Path) -> dict[str, int]:
    """Write `bandit_feedback.npz` for Open Bandit Pipeline; rows by file name.

    Raises:
      UsageError: There is no run.
    """
    plan = plan_of(run_folder(run))
    arrays = _arrays(rounds(run), plan)
    np.savez_compressed(out / "bandit_feedback.npz", **arrays)
    (out / "README.txt").write_text(OBP_READ_ME, "utf-8")
    return {"bandit_feedback.npz": len(arrays["action"])}


def _arrays(every: Iterable[Round], plan: PlanSpec) -> dict[str, Any]:
    """Of each round only what they say of it is kept: whole decisions would take far more memory."""
    table = FeatureTable.of(plan)
    index = {action.id: i for i, action in enumerate(plan.actions)}
    known = [_row(each, table, index) for each in every]
    distribution = np.zeros((len(known), len(index)))
    candidates = np.zeros((len(known), len(index)), np.bool_)
    context = np.zeros((len(known), len(table.vector_columns)))
    for row, each in enumerate(known):
        distribution[row, each.columns] = each.probabilities
        candidates[row, each.columns] = True
        context[row] = each.context
    action = np.array([each.action for each in known], np.int64)
    return {
        "context": context,
        "action": action,
        "reward": np.array([each.reward for each in known], np.float64),
        "pscore": distribution[np.arange(len(known)), action],
        "position": np.array([each.position for each in known], np.int64),
        "candidates": candidates,
        "action_dist": distribution,
        "action_context": _group_columns(plan),
        "n_actions": np.int64(len(index)),
        "actions": np.array(list(index)),
        "features": np.array(table.vector_columns),
    }


class _Row(NamedTuple):
    """What the arrays say of a round."""

    columns: list[int]
    """Of its candidates."""
    probabilities: tuple[float, ...]
    context: np.ndarray[Any, np.dtype[np.float64]]
    action: int
    reward: float
    position: int


def _row(each: Round, table: FeatureTable, index: dict[str, int]) -> _Row:
    columns = [index[candidate.action] for candidate in each.candidates]
    context = table.vector(each.decision.context.features)
    return _Row(
        columns, each.probabilities, context, index[each.offer.action], each.reward, each.offer.slot - 1
    )


def _groups(plan: PlanSpec) -> dict[str, tuple[str, str]]:
    return {action.id: (action.group, plan.groups[action.group].issue) for action in plan.actions}


def _group_columns(plan: PlanSpec) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What is known of each action: one column per group (actions, groups)."""
    groups = list(plan.groups)
    columns = np.zeros((len(plan.actions), len(groups)))
    for row, action in enumerate(plan.actions):
        columns[row, groups.index(action.group)] = 1.0
    return columns
