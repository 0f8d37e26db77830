"""The garbage collector of a worker: what lives as long as the process is out of its sight, and it looks seldom.

Folds make no cycles, so that there is nothing to find; but every 700 new objects Python looks all the same, and a
decision makes some hundreds. Looking once in 50,000 takes 0.87 of folding decide-50, 0.73 of the slowest decision in a
hundred and the same memory (docs/performance.md).
"""

import atexit
import gc

_PYTHONS_OWN = (700, 10, 10)
_SELDOM = (50_000, 20, 100)

atexit.register(gc.unfreeze)
"""What is out of sight is not taken apart as the process ends, and extension modules say on stderr that it leaks."""


def settle() -> None:
    """Hide what there is by now, until this is called again: what is left of that then is collected.

    How often is looked stays as it is where somebody chose it.
    """
    if gc.get_freeze_count():  # the first time there is next to nothing to find, for 50 ms
        gc.unfreeze()
        gc.collect()
    gc.freeze()
    if gc.get_threshold() == _PYTHONS_OWN:
        gc.set_threshold(*_SELDOM)
