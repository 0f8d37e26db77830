"""What the machine refuses to any command, a full disk or a file that is not ours to read: a sentence, no traceback."""

import errno
import os
import re

_REMEDIES = {
    errno.ENOSPC: "make room, or write elsewhere",
    errno.EDQUOT: "make room, or write elsewhere",
    errno.EFBIG: "write elsewhere",
    errno.EROFS: "write elsewhere",
    errno.EACCES: "check its permissions, and those of its folders",
    errno.EPERM: "check its permissions, and those of its folders",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "a part of this path is a file; name another",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.EIO: "check the disk",
}
_OF_A_FILE = {errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ENOTDIR}
"""What says nothing without the file's name: sockets are refused so, too."""
_QUOTED = re.compile(r"'(.*)'\.")
"""How Arrow names a file, whose errors have no file's name."""
_FOREIGN = re.compile(r'"errno":"(\d+)"')
"""How DuckDB tells of it, whose errors are no OSError."""

_OF_A_WORKER = re.compile(
    r"^(?:RuntimeError: )?\w*Error: \[Errno (\d+)\] .*\[while running '[^'\n]*'\]\s*\Z", re.M
)
"""How Beam tells of it where other threads or processes work: by the text of a traceback, which ends so."""


def told(error: BaseException) -> str | None:
    """What was refused and what to do about it; None: this is no refusal of the machine, but ours to mend."""
    number = _number(error)
    if number not in _REMEDIES:
        return None
    if (place := _place(error)) is None and number in _OF_A_FILE:
        return None
    return f"{f'{place!r}: ' if place else ''}{os.strerror(number)}; {_REMEDIES[number]}"


def refused(error: BaseException) -> str | None:
    """The same of an error, or of what it came from: Beam wraps whatever fails inside of a step.

    What goes wrong while a refusal is handled is no part of it, and ours to mend.
    """
    seen: BaseException | None = error
    while seen is not None:
        if said := told(seen):
            return said
        seen = seen.__cause__ or (seen.__context__ if _passed_on(seen) else None)
    return None


def _passed_on(error: BaseException) -> bool:
    """Whether this says again what it came from: an error of the machine's, or one that Beam marked as of a step."""
    return isinstance(error, OSError) or hasattr(error, "_tagged_with_step")


def _place(error: BaseException) -> str | None:
    named = getattr(error, "filename", None)
    if isinstance(named, str | bytes | os.PathLike):
        return os.fsdecode(named)
    found = _QUOTED.search(str(error)) if isinstance(error, OSError) else None
    return found[1] if found else None


def _number(error: BaseException) -> int:
    if isinstance(error, OSError):
        return error.errno or 0
    foreign = {"IOException": _FOREIGN, "RuntimeError": _OF_A_WORKER}.get(type(error).__name__)
    found = foreign.search(str(error)) if foreign else None
    return int(found[1]) if found else 0
