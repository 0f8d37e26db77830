"""The response model can be learned from what the plan declares: that is what a simulation is for."""

from collections import defaultdict
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from uk_bank import FOLDER

from models.plan.compiled import Plan
from models.plan.load import load_plan
from models.simulation import Simulation, SimulationConfig


@pytest.mark.slow
def test_a_model_of_the_declared_features_beats_starting_propensities_and_not_the_truth():
    loaded = load_plan(FOLDER)
    plan = Plan.compile(replace(loaded, spec=msgspec.structs.replace(loaded.spec, model=None)))
    answered, started, learned, true = [], [], [], []
    for rows in _offers(plan, customers=1_200, days=4).values():
        unseen = [(x, response) for held_out, x, response in rows if held_out]
        if unseen:
            answered += [response.positive for _, response in unseen]
            started += [response.offer.propensity for _, response in unseen]
            true += [response.answer.positive for _, response in unseen]
            learned += _fitted([(x, r.positive) for held_out, x, r in rows if not held_out], unseen)
    starting, model, truth = (roc_auc_score(answered, p) for p in (started, learned, true))
    assert starting + 0.03 < model < truth


@pytest.mark.slow
def test_the_shipped_model_beats_starting_propensities_on_customers_it_never_saw():
    plan = Plan.load(FOLDER)
    starting = {action.id: action.starting_propensity for action in plan.spec.actions}
    rows = [
        response for all_rows in _offers(plan, customers=900, days=3).values() for _, _, response in all_rows
    ]
    answered = [response.positive for response in rows]
    shipped = [response.offer.propensity for response in rows]
    started = [starting[response.offer.action] for response in rows]
    truth = [response.answer.positive for response in rows]
    assert (
        roc_auc_score(answered, started) + 0.02
        < roc_auc_score(answered, shipped)
        < roc_auc_score(answered, truth)
    )
    assert abs(np.mean(shipped) - np.mean(answered)) < abs(np.mean(started) - np.mean(answered))


def _offers(plan, **size):
    """By action: whether the customer is held out, the feature vector and the response."""
    offers = defaultdict(list)
    for told in Simulation(SimulationConfig(seed=3, **size), plan.spec, plan.decide_fold()).customers():
        for decision, response in told.responses:
            x = plan.table.vector(decision.context.features)
            unseen = told.person.customer.number % 3 == 0
            offers[response.offer.action].append((unseen, x, response))
    return offers


def _fitted(seen, unseen):
    """Logistic regression where there are answers enough to learn from, else the smoothed rate."""
    y = np.array([positive for _, positive in seen])
    if y.sum() < 15:
        return [(y.sum() + 1) / (len(y) + 20)] * len(unseen)
    scaler = StandardScaler().fit([x for x, _ in seen])
    model = LogisticRegression(C=0.01, max_iter=500).fit(scaler.transform([x for x, _ in seen]), y)
    return list(model.predict_proba(scaler.transform([x for x, _ in unseen]))[:, 1])
