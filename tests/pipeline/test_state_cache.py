"""The state cache weighs what we store as Beam does, only faster."""

import subprocess
import sys
import time

import objsize
import pytest
from apache_beam.runners.worker import statecache
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from transforms import state_cache


def _beams_own(*objects: object) -> int:
    return objsize.get_deep_size(
        *objects,
        get_size_func=statecache._size_func,
        get_referents_func=statecache._get_referents_func,
        filter_func=statecache._filter_func,
    )


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param([], id="nothing"),
        pytest.param([b"x" * 5000], id="a-cell"),
        pytest.param([b"a" * 10, b"b" * 20], id="two-values"),
        pytest.param(["x" * 50], id="no-bytes"),
        pytest.param([[b"x"]], id="a-list-in-a-list"),
        pytest.param([WindowedValue(b"z" * 99, 5, [GlobalWindows().assign(None)[0]])], id="a-windowed-value"),
        pytest.param({"key": [b"1", bytearray(b"2"), ("3", 4.0)]}, id="nested"),
    ],
)
def test_weights_are_those_of_beam(stored):
    assert statecache.get_deep_size(stored) == _beams_own(stored)


def test_weighing_is_fast():
    def best_of_five(weigh) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            weigh([b"x" * 1000])
            times.append(time.perf_counter() - start)
        return min(times)

    assert best_of_five(statecache.get_deep_size) < best_of_five(_beams_own)


@pytest.mark.parametrize(
    ("setting", "ours"), [("0", "False"), ("1", "True")], ids=["switched-off", "switched-on"]
)
def test_a_switch_leaves_beam_as_it_is(setting, ours):
    code = (
        "from apache_beam.runners.worker import statecache; own = statecache.get_deep_size\n"
        "import transforms; print(statecache.get_deep_size is not own)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={state_cache.SWITCH: setting, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ours


def test_another_beam_is_left_alone(monkeypatch):
    monkeypatch.setattr("apache_beam.__version__", "2.78.0")
    assert not state_cache.install()
