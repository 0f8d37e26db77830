"""Have Beam look once at the signature of each method.

As a graph is built and run, it asks fourteen thousand times for those of a hundred methods. A signature is Python's
own, does not change, and is what Beam would have found; nothing else of Beam is touched.
"""

from collections.abc import Callable
from functools import cache
from inspect import Signature
from types import FunctionType, MethodType


def remember_signatures() -> None:
    """For the rest of this process."""
    from apache_beam.transforms import core  # noqa: PLC0415  (whoever imports this decides how Beam is imported)
    from apache_beam.typehints import decorators  # noqa: PLC0415

    found = remembering(decorators.get_signature)
    decorators.get_signature = found
    core.get_signature = found


def remembering(look: Callable[[object], Signature]) -> Callable[[object], Signature]:
    """The same as `look`, which is asked once for the methods that are one function, whatever they are bound to."""

    @cache
    def of_bound(function: FunctionType) -> Signature:
        return look(MethodType(function, function))

    def get_signature(func: object) -> Signature:
        if isinstance(func, MethodType) and isinstance(func.__func__, FunctionType):
            return of_bound(func.__func__)
        return look(func)

    return get_signature
