"""From responses to a model that may be deployed: split, fit, compile, check, measure."""

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import sklearn
from numpy.typing import NDArray

from models.plan.spec import EvidenceSpec
from models.propensity.artifact import Artifact, Metrics, Training
from models.propensity.compile import compile_logistic, compile_trees, describe
from models.propensity.fitting import Fitting, fit_logistic, fit_trees
from models.propensity.metrics import calibration_bins, measure
from models.propensity.responses import Responses, held_out
from models.propensity.scorer import in_own_order

Kind = Literal["linear", "trees"]
KINDS: tuple[Kind, ...] = ("linear", "trees")
_LEAST = 20
_CHECKED = 2000
"""Rows on which compiled scores are compared, of those trained on and of those held out."""


class TrainingError(ValueError):
    """The responses do not allow a model; the text says what is missing."""


@dataclass(frozen=True, eq=False)
class Trained:
    """One model of one kind: its deployable form, the estimator, and how it does on customers held out."""

    artifact: Artifact
    estimator: Any
    metrics: Metrics
    setting: str
    """What was chosen when fitting, in words."""


@dataclass(frozen=True, eq=False)
class Report:
    """Everything a model card tells."""

    about: Training
    models: Mapping[Kind, Trained]
    rate_only: Metrics
    """What the rate of each action alone would give: any model must beat it."""
    untrained: Mapping[str, str]
    """Action to the reason it has no model."""
    bins: Mapping[Kind, list[tuple[int, float, float]]]
    slices: Mapping[str, Mapping[str, Mapping[Kind, Metrics]]]
    importance: Mapping[Kind, list[tuple[str, float]]] = field(default_factory=dict)
    """Mean size of the contribution to the log-odds, by feature, largest first."""


def train(responses: Responses, groups: Mapping[str, str], *, command: str, fitting: Fitting) -> Report:
    """Train a model of each kind on the same customers and measure them on the same others.

    Args:
      responses: What was shown and answered.
      groups: Every action of the plan and its group; responses to other actions are left out.
      command: What to run to get the same model again; written into it.
      fitting: How to fit.

    Raises:
      TrainingError: No action has enough responses.
      ArtifactError: A compiled model does not score as its estimator does.
    """
    known = responses.where(np.isin(responses.action, list(groups)))
    untrained = _untrained(known, groups, fitting)
    usable = known.where(~np.isin(known.action, list(untrained)))
    out = held_out(usable.customer, share=fitting.held_out, seed=fitting.seed)
    fit_on, check_on = usable.where(~out), usable.where(out)
    _check_enough(fit_on, check_on, fitting)
    about = Training(
        data=responses.digest(),
        responses=len(responses),
        customers=len(np.unique(responses.customer)),
        command=command,
        seed=fitting.seed,
        created_by=_versions(),
    )
    learned_from = _counts(fit_on)
    models = {
        kind: _finish(_FIT[kind](fit_on, check_on, groups, fitting), about, learned_from, check_on)
        for kind in KINDS
    }
    return _report(models, about, fit_on, check_on, untrained)


def _check_enough(fit_on: Responses, check_on: Responses, fitting: Fitting) -> None:
    """Refuse what no model can be fitted to, or measured on."""
    positives = int(fit_on.label.sum())
    rarer = min(positives, len(fit_on) - positives)
    if rarer < _LEAST or not len(check_on):
        raise TrainingError(
            f"{len(fit_on)} responses to train on, {positives} of them positive, and {len(check_on)} to measure on: "
            f"at least {_LEAST} positive and {_LEAST} negative ones are needed, of actions that have "
            f"{fitting.least_responses} each; simulate or run more days, or lower --least-responses"
        )


def _untrained(responses: Responses, groups: Mapping[str, str], fitting: Fitting) -> dict[str, str]:
    """Why an action is not trained."""
    out = held_out(responses.customer, share=fitting.held_out, seed=fitting.seed)
    reasons = {}
    for action in groups:
        shown = int(((responses.action == action) & ~out).sum())
        if shown < max(1, fitting.least_responses):
            reasons[action] = f"{shown or 'no'} response{'' if shown == 1 else 's'} to train on"
    return reasons


Fitted = tuple[Artifact, Any, str]


def _fit_linear(
    fit_on: Responses, check_on: Responses, groups: Mapping[str, str], fitting: Fitting
) -> Fitted:
    estimators, strength = fit_logistic(fit_on, groups, fitting)
    artifact = compile_logistic(estimators, fit_on.columns, _rows_to_check(fit_on, check_on))
    return artifact, estimators, f"pooled by group, L2 penalty 1/{strength:g}"


def _fit_trees(fit_on: Responses, check_on: Responses, groups: Mapping[str, str], fitting: Fitting) -> Fitted:
    fitted = fit_trees(fit_on, groups, fitting)
    check = _rows_to_check(fit_on, check_on)
    artifact = compile_trees(fitted.estimator, fit_on.columns, fitted.actions, fitted.action_features, check)
    return artifact, fitted.estimator, f"{fitted.estimator.n_iter_} trees of up to {fitting.leaves} leaves"


_FIT: Mapping[Kind, Callable[[Responses, Responses, Mapping[str, str], Fitting], Fitted]] = {
    "linear": _fit_linear,
    "trees": _fit_trees,
}


def _rows_to_check(fit_on: Responses, check_on: Responses) -> NDArray[np.float64]:
    return np.vstack([part.x[:: max(1, -(-len(part) // _CHECKED))] for part in (fit_on, check_on)])


def _counts(responses: Responses) -> dict[str, EvidenceSpec]:
    """Responses to each action, and how many of them were positive."""
    return {
        action: EvidenceSpec(
            responses=int((responses.action == action).sum()),
            positives=int(responses.label[responses.action == action].sum()),
        )
        for action in responses.actions()
    }


def _finish(
    fitted: Fitted, about: Training, learned_from: dict[str, EvidenceSpec], check_on: Responses
) -> Trained:
    artifact, estimator, setting = fitted
    propensity = shown_propensity(artifact, check_on)
    overall = measure(check_on.label, propensity)
    by_action = {
        action: _part(check_on.action == action, check_on, propensity) for action in check_on.actions()
    }
    notes = (
        f"{setting}. On customers held out, {overall.predicted:.2%} were predicted to respond and "
        f"{overall.rate:.2%} did; calibration error {overall.calibration_error:.2%}; no recalibration was applied."
    )
    described = describe(
        artifact,
        metrics=overall,
        metrics_by_action=by_action,
        training=about,
        notes=notes,
        learned_from=learned_from,
    )
    return Trained(described, estimator, overall, setting)


def shown_propensity(artifact: Artifact, responses: Responses) -> NDArray[np.float64]:
    """The artefact's propensity of each action that was shown (n,), as decisions would score it."""
    scorer = in_own_order(artifact)
    index = {action: at for at, action in enumerate(artifact.manifest.actions)}
    shown = [index[action] for action in responses.action.tolist()]
    return np.array([scorer.score(x)[at] for x, at in zip(responses.x, shown, strict=True)])


def _part(rows: NDArray[np.bool_], responses: Responses, propensity: NDArray[np.float64]) -> Metrics:
    return measure(responses.label[rows], propensity[rows])


def _report(
    models: Mapping[Kind, Trained],
    about: Training,
    fit_on: Responses,
    check_on: Responses,
    untrained: Mapping[str, str],
) -> Report:
    rates = {action: float(fit_on.label[fit_on.action == action].mean()) for action in fit_on.actions()}
    rate_only = np.array([rates[action] for action in check_on.action.tolist()])
    scores = {kind: shown_propensity(trained.artifact, check_on) for kind, trained in models.items()}
    return Report(
        about=about,
        models=models,
        rate_only=measure(check_on.label, rate_only),
        untrained=untrained,
        bins={kind: calibration_bins(check_on.label, propensity) for kind, propensity in scores.items()},
        slices={name: _sliced(values, check_on, scores) for name, values in check_on.slices.items()},
        importance={kind: importance(trained.artifact, check_on) for kind, trained in models.items()},
    )


def _sliced(
    values: NDArray[np.str_], responses: Responses, scores: Mapping[Kind, NDArray[np.float64]]
) -> dict[str, dict[Kind, Metrics]]:
    return {
        value: {kind: _part(values == value, responses, propensity) for kind, propensity in scores.items()}
        for value in sorted(np.unique(values).tolist(), key=_in_order)
    }


def _in_order(name: str) -> tuple[float, str]:
    """Bands by their first number, other groups by name."""
    number = re.search(r"\d+(\.\d+)?", name)
    return (float(number[0]) if number else math.inf, name)


def importance(artifact: Artifact, responses: Responses) -> list[tuple[str, float]]:
    """Features by the mean size of their contribution to the log-odds of what was shown, largest first."""
    scorer = in_own_order(artifact)
    index = {action: at for at, action in enumerate(artifact.manifest.actions)}
    step = max(1, -(-len(responses) // _CHECKED))
    rows = zip(responses.x[::step], responses.action[::step].tolist(), strict=True)
    added = np.array([scorer.contributions(x, index[action]) for x, action in rows])
    # against the mean: a feature that is always the same tells nothing
    sizes = np.abs(added - added.mean(axis=0)).mean(axis=0)
    order: Sequence[int] = np.argsort(-sizes, kind="stable").tolist()
    return [(responses.columns[at], float(sizes[at])) for at in order]


def _versions() -> dict[str, str]:
    python = ".".join(str(part) for part in sys.version_info[:2])
    return {"numpy": np.__version__, "python": python, "scikit-learn": sklearn.__version__}
