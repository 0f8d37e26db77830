"""What a soak calls flat, and how it is drawn."""

from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.live.chart import Line, draw
from benchmarks.soak import slope


def _samples(per_hour, noise=0.0, seconds=900):
    return [
        (float(at), 200 + per_hour * at / 3600 + noise * (-1) ** (at // 30)) for at in range(0, seconds, 5)
    ]


@given(st.floats(-500, 500))
def test_a_straight_line_has_its_slope(per_hour):
    found = slope(_samples(per_hour))
    assert found.per_hour == pytest.approx(per_hour, abs=1e-6)
    assert found.low <= found.per_hour <= found.high


def test_noise_makes_the_interval_wide_and_not_the_slope_steep():
    quiet, noisy = slope(_samples(0.0)), slope(_samples(0.0, noise=5.0))
    assert noisy.high - noisy.low > quiet.high - quiet.low + 1
    assert noisy.low < 0 < noisy.high


def test_a_leak_of_a_megabyte_a_minute_is_seen_through_noise():
    assert slope(_samples(60.0, noise=0.5)).low > 40


def test_one_sample_that_is_off_says_nothing():
    samples = _samples(0.0)
    samples[len(samples) // 2] = (samples[len(samples) // 2][0], 5_000.0)
    assert slope(samples).high < 1


def test_a_minute_is_too_short_for_an_interval():
    with pytest.raises(ValueError, match="three groups"):
        slope(_samples(0.0, seconds=60))


def test_the_chart_is_svg_within_its_frame():
    lines = [Line("a < b", [1.0, 50.0, 20.0]), Line("c", [3.0, 3.0, 3.0])]
    root = Xml.fromstring(draw([0.0, 5.0, 10.0], lines, title="MB & more", across="minutes"))
    _, _, wide, high = map(float, root.attrib["viewBox"].split())
    drawn = [each for each in root.iter() if each.tag.endswith("polyline")]
    assert len(drawn) == 2
    for each in drawn:
        for pair in each.attrib["points"].split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= wide
            assert 0 <= y <= high
    assert "a < b" in [each.text for each in root.iter()]
