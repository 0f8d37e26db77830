"""Make Beam's state cache weigh what it stores without walking every loaded module.

To weigh one value, Beam 2.77 collects the globals of all loaded modules (over two thousand) so as to leave them
out: 0.3 ms for each read and write of state, fifteen times the work around it. The same walk without that
collection gives the same weight for what we keep, which is bytes. `NEXTBEAM_STATE_CACHE_PATCH=0` switches this off.
"""

import os
from collections.abc import Callable
from sys import getsizeof
from typing import Any

import apache_beam
import objsize
from apache_beam.runners.worker import statecache

SWITCH = "NEXTBEAM_STATE_CACHE_PATCH"
_MEASURED_ON = "2.77."

Weigh = Callable[..., int]


def weigher() -> objsize.ObjSizeSettings:
    """Beam's own settings, except that the globals of modules are not collected first."""
    return objsize.ObjSizeSettings(
        get_size_func=statecache._size_func,
        get_referents_func=statecache._get_referents_func,
        filter_func=statecache._filter_func,
        exclude_modules_globals=False,
    )


def install() -> bool:
    """Replace the weighing function; False where it is switched off or Beam is not the version we measured."""
    if os.environ.get(SWITCH) == "0" or not apache_beam.__version__.startswith(_MEASURED_ON):
        return False
    statecache.get_deep_size = quick(weigher().get_deep_size)
    return True


def quick(weigh: Weigh) -> Weigh:
    """`weigh`, but for the content of one cell of bytes, whose weight is known at a glance and the same."""

    def weighed(*objects: Any) -> int:
        if len(objects) == 1 and type(objects[0]) is list and len(objects[0]) < 2:
            [cell] = objects
            if not cell:
                return getsizeof(cell)
            if type(cell[0]) is bytes:
                return getsizeof(cell) + getsizeof(cell[0])
        return weigh(*objects)

    return weighed
