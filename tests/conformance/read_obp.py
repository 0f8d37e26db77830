"""Runs the real Open Bandit Pipeline's estimators on an export, in an environment of its own; prints JSON.

Open Bandit Pipeline imports torch for its neural estimators, which nothing here uses, and torch is a gigabyte: an empty
module of that name stands in.

usage: read_obp.py FILE
"""

import json
import sys
import types
from pathlib import Path


class _Absent(type):
    """A class whose every attribute is itself: enough for class bodies and annotations that name torch."""

    def __getattr__(cls, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls


class _Torch(metaclass=_Absent):
    """Stands for anything of torch."""


def _without_torch() -> None:
    for name in (
        "torch",
        "torch.nn",
        "torch.nn.functional",
        "torch.optim",
        "torch.utils",
        "torch.utils.data",
    ):
        module = types.ModuleType(name)
        module.__getattr__ = lambda _: _Torch  # type: ignore[method-assign]
        sys.modules[name] = module


_without_torch()

import numpy as np  # noqa: E402
import obp  # noqa: E402
from obp.ope import (  # noqa: E402
    DirectMethod,
    DoublyRobust,
    InverseProbabilityWeighting,
    OffPolicyEvaluation,
    RegressionModel,
    SelfNormalizedInverseProbabilityWeighting,
)
from sklearn.linear_model import LogisticRegression  # noqa: E402


def main(file: Path) -> dict[str, object]:
    """Estimate the logging policy itself, and a uniform one over what could have won."""
    data = np.load(file)
    names = ("context", "action", "reward", "pscore", "action_context")
    feedback = {name: data[name] for name in names}
    feedback |= {"n_rounds": len(data["action"]), "n_actions": int(data["n_actions"]), "position": None}
    model = RegressionModel(n_actions=feedback["n_actions"], base_model=LogisticRegression(max_iter=1000))
    rewards = model.fit_predict(
        context=feedback["context"],
        action=feedback["action"],
        reward=feedback["reward"],
        pscore=feedback["pscore"],
        n_folds=2,
        random_state=1,
    )
    evaluation = OffPolicyEvaluation(
        bandit_feedback=feedback,
        ope_estimators=[
            InverseProbabilityWeighting(),
            SelfNormalizedInverseProbabilityWeighting(),
            DirectMethod(),
            DoublyRobust(),
        ],
    )
    uniform = (data["candidates"] / data["candidates"].sum(axis=1, keepdims=True))[:, :, np.newaxis]
    same = data["action_dist"][:, :, np.newaxis]
    return {
        "version": obp.__version__,
        "rounds": feedback["n_rounds"],
        "mean_reward": float(feedback["reward"].mean()),
        "logging": evaluation.estimate_policy_values(
            action_dist=same, estimated_rewards_by_reg_model=rewards
        ),
        "uniform": evaluation.estimate_policy_values(
            action_dist=uniform, estimated_rewards_by_reg_model=rewards
        ),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), default=float))
