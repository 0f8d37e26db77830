"""Make Beam's state cache weigh what it stores without walking every loaded module.

To weigh one value, Beam 2.77 collects the globals of all loaded modules (over two thousand) so as to leave them
out: 0.3 ms for each read and write of state, fifteen times the work around it. The same walk without that
collection gives the same weight for what we keep, which is bytes. `NEXTBEAM_STATE_CACHE_PATCH=0` switches this off.
"""

import os

import apache_beam
import objsize
from apache_beam.runners.worker import statecache

SWITCH = "NEXTBEAM_STATE_CACHE_PATCH"
_MEASURED_ON = "2.77."


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
    statecache.get_deep_size = weigher().get_deep_size
    return True
