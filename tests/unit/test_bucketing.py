"""Bucketing: GrowthBook's public cases, and what must hold for every seed and value."""

import gzip
import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from realdata import data_dir

from models.experiments.bucketing import (
    bucket_hash,
    bucket_ranges,
    choose_variation,
    equal_weights,
    fnv1a32,
    in_namespace,
)


@cache
def _cases() -> dict[str, Any]:
    with gzip.open(data_dir("growthbook_cases") / "cases_dev.json.gz") as file:
        return json.load(file)


@pytest.mark.parametrize(
    ("text", "expected"),
    # published vectors of FNV-1a, 32 bits
    [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)],
)
def test_fnv_agrees_with_its_published_vectors(text: str, expected: int):
    assert fnv1a32(text) == expected


def test_characters_are_counted_as_javascript_counts_them():
    assert fnv1a32("\U0001f600") == fnv1a32("\ud83d\ude00")


@pytest.mark.parametrize(
    ("seed", "value", "version", "expected"),
    [
        ("", "a", 1, 0.22),
        ("b", "a", 1, 0.946),
        ("ef", "d", 1, 0.652),
        ("seed", "a", 2, 0.0505),
        ("foo", "ab", 2, 0.2575),
        ("abc", "def", 99, None),
    ],
)
def test_values_hash_as_in_growthbook(seed: str, value: str, version: int, expected: float | None):
    assert bucket_hash(seed, value, version) == expected


def test_every_public_case_of_hashing_passes():
    cases = _cases()["hash"]
    assert len(cases) == 15
    for seed, value, version, expected in cases:
        assert bucket_hash(seed, value, version) == expected, (seed, value, version)


def test_every_public_case_of_ranges_passes():
    cases = _cases()["getBucketRange"]
    assert len(cases) == 13
    for name, (variations, coverage, weights), expected in cases:
        found = bucket_ranges(variations, coverage, weights)
        assert [list(span) for span in found] == [pytest.approx(span, abs=1e-12) for span in expected], name


def test_every_public_case_of_choosing_passes():
    cases = _cases()["chooseVariation"]
    assert len(cases) == 13
    for name, position, ranges, expected in cases:
        assert choose_variation(position, [tuple(span) for span in ranges]) == expected, name


def test_every_public_case_of_namespaces_passes():
    cases = _cases()["inNamespace"]
    assert len(cases) == 16
    for name, value, namespace, expected in cases:
        assert in_namespace(value, tuple(namespace)) is expected, name


def test_every_public_case_of_equal_weights_passes():
    cases = _cases()["getEqualWeights"]
    assert len(cases) == 6
    for variations, expected in cases:
        assert equal_weights(variations) == pytest.approx(expected, abs=1e-8)


@given(st.text(), st.text(), st.sampled_from([1, 2]))
def test_a_position_is_on_the_line_whatever_the_text(seed: str, value: str, version: int):
    position = bucket_hash(seed, value, version)
    assert position is not None
    assert 0.0 <= position < 1.0


@given(st.integers(1, 20), st.floats(0, 1), st.floats(0, 1, exclude_max=True))
def test_at_full_coverage_every_position_is_somebodys_and_less_coverage_moves_nobody(
    variations: int, coverage: float, position: float
):
    whole = choose_variation(position, bucket_ranges(variations))
    partly = choose_variation(position, bucket_ranges(variations, coverage))
    if position < 0.999999:  # the last edge is a sum of floats
        assert whole >= 0
    assert partly in (whole, -1)
