"""The kernel: compiled forms of what is done for every event and candidate. Optional, and never another result.

Each module of it stands for one in Python, which stays the reference: tests compare the two bit by bit. Where the
compiled form is not built, is of another version than its caller, or is switched off by `NEXTBEAM_KERNEL=0`, the
Python form does the same, only slower.
"""

from types import ModuleType

from schemas.kernel import SWITCH, compiled

__all__ = ["MODULES", "SWITCH", "find"]

MODULES = ("context", "decoding", "ledger", "ranking", "records", "rules", "trees")


def find(name: str, version: int) -> ModuleType | None:
    """A compiled module, or None where Python has to do.

    Args:
      name: One of `MODULES`.
      version: What the compiled form must say of itself; see `schemas.kernel.compiled`.

    Raises:
      ValueError: There is no such module, compiled or not.
    """
    return compiled(__name__, MODULES, name, version)
