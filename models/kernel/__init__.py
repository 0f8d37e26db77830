"""The kernel: compiled forms of what is done for every event and candidate. Optional, and never another result.

Each module of it stands for one in Python, which stays the reference: tests compare the two bit by bit. Where the
compiled form is not built, is of another version than its caller, or is switched off by `NEXTBEAM_KERNEL=0`, the
Python form does the same, only slower.
"""

import importlib
import os
from types import ModuleType

SWITCH = "NEXTBEAM_KERNEL"

MODULES = ("context", "ledger", "ranking", "records", "rules", "trees")


def find(name: str, version: int) -> ModuleType | None:
    """A compiled module, or None where Python has to do.

    Args:
      name: One of `MODULES`.
      version: What the compiled form must say of itself: counted up whenever it and its caller change together, so
        that what was compiled before is not taken for what it is now.

    Raises:
      ValueError: There is no such module, compiled or not.
    """
    if name not in MODULES:
        raise ValueError(f"no kernel module {name!r}; there are {', '.join(MODULES)}")
    if os.environ.get(SWITCH) == "0":
        return None
    try:
        module = importlib.import_module(f"models.kernel.{name}")
    except ImportError:
        return None
    return module if getattr(module, "VERSION", None) == version else None
