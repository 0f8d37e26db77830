"""The kernel of this layer: compiled forms of what is done for every record. Optional, and never another result.

As in `models.kernel`, which this layer may not import: each module of it stands for one in Python, which stays the
reference and does the same, only slower, where the compiled form is not built, is of another version than its caller,
or is switched off by `NEXTBEAM_KERNEL=0`.
"""

import importlib
import os
from collections.abc import Collection
from types import ModuleType

SWITCH = "NEXTBEAM_KERNEL"

MODULES = ("packing", "unpacking")


def find(name: str, version: int) -> ModuleType | None:
    """A compiled module of this layer, or None where Python has to do; as `compiled` finds it."""
    return compiled(__name__, MODULES, name, version)


def compiled(package: str, modules: Collection[str], name: str, version: int) -> ModuleType | None:
    """A compiled module of a layer's kernel, or None where Python has to do.

    Args:
      package: The kernel's.
      modules: All that it has.
      name: One of them.
      version: What the compiled form must say of itself: counted up whenever it and its caller change together, so
        that what was compiled before is not taken for what it is now.

    Raises:
      ValueError: There is no such module, compiled or not.
    """
    if name not in modules:
        raise ValueError(f"no kernel module {name!r}; there are {', '.join(modules)}")
    if os.environ.get(SWITCH) == "0":
        return None
    try:
        module = importlib.import_module(f"{package}.{name}")
    except ImportError:
        return None
    return module if getattr(module, "VERSION", None) == version else None
