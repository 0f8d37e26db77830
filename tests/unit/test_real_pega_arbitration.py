"""Arbitrate on a decision log of another next-best-action product: its priorities and ranks are the answer key."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from realdata import data_dir

from models.arbitration import prioritise, rank
from models.plan.spec import ArbitrationSpec


@pytest.fixture(scope="module")
def extract():
    """The arbitration-only explainability extract: 4,162 rows, all candidates of 57 decisions."""
    path = data_dir("pega_cdh_sample") / "explainability_extract_dev.parquet"
    return pq.read_table(path).to_pydict()


@pytest.fixture(scope="module")
def priorities(extract):
    factors = [
        np.array(extract[name], dtype=np.float64)
        for name in ("FinalPropensity", "ContextWeight", "Value", "Weight")
    ]
    return prioritise(*factors, switches=ArbitrationSpec())


def test_priority_of_every_row_is_reproduced(extract, priorities):
    assert len(priorities) == 4162
    np.testing.assert_allclose(priorities, extract["Priority"], rtol=1e-9, atol=0)


def test_rank_of_every_row_is_reproduced(extract, priorities):
    interactions = np.array(extract["pxInteractionID"])
    names = np.array(extract["pyName"])
    expected = np.array(extract["pxRank"])
    for interaction in np.unique(interactions):
        rows = np.flatnonzero(interactions == interaction)
        best_first = rows[rank(priorities[rows], np.zeros(len(rows), dtype=np.bool_), names[rows])]
        assert expected[best_first].tolist() == list(range(1, len(rows) + 1)), interaction
