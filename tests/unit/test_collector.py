import gc
import subprocess
import sys

import pytest

from models.collector import settle


@pytest.fixture(autouse=True)
def as_before():
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_there_is_is_out_of_sight_and_is_looked_for_seldom():
    gc.set_threshold(700, 10, 10)
    settle()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[0] > 700


_KNOT = """
import gc
from models.collector import settle

class Knot:
    gone = False
    def __del__(self):
        Knot.gone = True

knot = Knot()
knot.itself = knot
settle()
del knot
gc.collect()
assert not Knot.gone, "out of sight"
settle()
assert Knot.gone
"""


def test_what_is_left_of_before_is_collected():
    # In a process of its own: where another thread is collecting, what other tests left say, `gc.collect` does nothing.
    subprocess.run([sys.executable, "-c", _KNOT], check=True)


@pytest.mark.parametrize("chosen", [(0, 0, 0), (1_000, 10, 10)])
def test_a_host_that_chose_how_often_keeps_its_choice(chosen):
    gc.set_threshold(*chosen)
    settle()
    assert gc.get_threshold() == chosen
