"""benchmarks.cost: the arithmetic, what it rests on, and what documents show of it."""

import math
import xml.etree.ElementTree as ET
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.cost.__main__ import main, measured
from benchmarks.cost.model import HOURS, Assumptions, Traffic, cost, with_values
from benchmarks.cost.sample import measure, stored_bytes
from benchmarks.cost.telling import drawing

ONE = Traffic(event=1000, decisions=1.0, decision=2000, decision_row=1000)
PRICES = ("vcpu_hour", "gb_hour", "disk_gb_hour", "streaming_gb", "pubsub_tib", "retained_gib", "insert_gb")
FREE = replace(
    Assumptions(cpu_ms=1.0, utilisation=0.5, vcpus=4, memory_gb=0, disk_gb=0, least_workers=1),
    **dict.fromkeys((*PRICES, "stored_gb", "long_stored_gb"), 0.0),
)
MONTH_S = HOURS * 3600
RATES = st.floats(1, 1e6)


@pytest.mark.parametrize(
    ("per_second", "cpu_ms", "workers"),
    [(1000, 1.0, 1), (2000, 1.0, 1), (2001, 1.0, 2), (20000, 1.0, 10), (1, 0.1, 1)],
)
def test_workers_have_room_for_what_comes(per_second, cpu_ms, workers):
    assert cost(per_second, ONE, replace(FREE, cpu_ms=cpu_ms)).workers == workers


def test_there_are_never_fewer_workers_than_asked_for():
    assert cost(1, ONE, replace(FREE, least_workers=3)).workers == 3


@pytest.mark.parametrize(
    ("prices", "usd"),
    [
        ({"vcpu_hour": 0.5}, 4 * 0.5 * HOURS),
        ({"memory_gb": 16.0, "gb_hour": 0.01}, 0.16 * HOURS),
        ({"streaming_gb": 1.0}, MONTH_S * (1000 + 1000) / 1e9),
        ({"pubsub_tib": 1.0, "readers": 3.0}, MONTH_S * (2 * 1000 + 4 * 2000) / 2**40),
        ({"retained_gib": 1.0, "replay_days": 1.0}, MONTH_S * 1000 * 24 / HOURS / 2**30),
        ({"insert_gb": 1.0}, MONTH_S * 1000 / 1e9),
        ({"stored_gb": 1.0, "kept_months": 2.0}, MONTH_S * 1000 / 1e9 * 2),
        ({"stored_gb": 1.0, "long_stored_gb": 0.5, "kept_months": 5.0}, MONTH_S * 1000 / 1e9 * (3 + 2 * 0.5)),
    ],
)
def test_a_price_buys_what_it_says(prices, usd):
    assert cost(1, ONE, replace(FREE, **prices)).total == pytest.approx(usd)


def test_a_million_decisions_are_their_share_of_a_month():
    found = cost(10, replace(ONE, decisions=0.25), replace(FREE, vcpu_hour=1.0))
    assert found.decisions == pytest.approx(10 * MONTH_S * 0.25)
    assert found.per_million == pytest.approx(found.total / found.decisions * 1e6)
    assert math.isnan(cost(10, replace(ONE, decisions=0.0), FREE).per_million)


@given(rate=RATES, more=st.floats(1, 10))
def test_more_of_anything_never_costs_less(rate, more):
    given_, traffic = replace(Assumptions(), cpu_ms=2.0), measured().traffic
    base = cost(rate, traffic, given_)
    assert cost(rate * more, traffic, given_).total >= base.total * (1 - 1e-12)
    for each in fields(Assumptions):
        if each.name != "utilisation" and each.name != "vcpus" and getattr(given_, each.name):
            dearer = replace(given_, **{each.name: getattr(given_, each.name) * more})
            assert cost(rate, traffic, dearer).total >= base.total * (1 - 1e-12), each.name


@pytest.mark.parametrize("bad", [{"utilisation": 0.0}, {"utilisation": 1.5}, {"vcpus": 0.0}, {"cpu_ms": 0.0}])
def test_what_cannot_be_computed_with_is_refused(bad):
    with pytest.raises(ValueError, match="above 0"):
        cost(1000, ONE, replace(FREE, **bad))
    with pytest.raises(ValueError, match="above 0"):
        cost(0, ONE, FREE)


def test_what_is_said_otherwise_counts_and_what_is_not_stays():
    said = with_values(FREE, {"readers": 3.0, "vcpus": None, "events_per_second": [1.0]})
    assert said == replace(FREE, readers=3.0)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (None, 0),
        (True, 1),
        (1, 8),
        (1.5, 8),
        ("", 2),
        ("añ", 5),
        (b"abc", 5),
        (["a", "b"], 6),
        ({"k": "v", "n": 1}, 11),
    ],
)
def test_a_value_is_weighed_as_it_is_stored(value, size):
    assert stored_bytes(value) == size


def test_what_is_committed_is_what_a_bank_weighs():
    found, said = measure(customers=30, days=1), measured().traffic
    for each in fields(Traffic):
        assert getattr(found, each.name) == pytest.approx(getattr(said, each.name), rel=0.6), each.name


def test_the_page_and_the_drawing_are_current(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().out


def test_every_assumption_has_a_flag_that_changes_the_answer(capsys):
    def answer(*flags):
        assert main(["--events-per-second", "100000", *flags]) == 0
        return capsys.readouterr().out.split("\n\n")[0]

    plain = answer()
    for each in fields(Assumptions):
        value = "0.2" if each.name == "utilisation" else "1000"
        assert answer(f"--{each.name.replace('_', '-')}", value) != plain, each.name


def test_the_drawing_has_a_bar_for_each_rate_that_ends_within_it():
    picture = ET.fromstring(
        drawing(
            [cost(rate, measured().traffic, replace(FREE, pubsub_tib=1.0, cpu_ms=2.0)) for rate in (1e3, 1e5)]
        )
    )
    wide = float(picture.attrib["viewBox"].split()[2])
    for bar in picture.iter("{http://www.w3.org/2000/svg}rect"):
        assert float(bar.get("x", 0)) + float(bar.attrib["width"]) <= wide
