"""DiscreetFn: a DoFn whose errors tell where it failed, and nothing of what it failed with.

Runners write the text of an exception into their logs, and Dataflow into the state of a job. Such a text repeats
values (`invalid literal for int(): 'Ann Example'`), and logs are kept where personal data must not be.
"""

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from traceback import extract_tb
from typing import Any

import apache_beam as beam

from transforms.logs import tell
from transforms.plan_files import PLAN_FAULTS

_METHODS = ("setup", "start_bundle", "process", "finish_bundle", "teardown")
_LAYERS = ("pipelines", "transforms", "models", "schemas")


class StepError(RuntimeError):
    """A step failed. The traceback is that of the error itself; its text is withheld."""


_OURS = (StepError, *PLAN_FAULTS)
"""Errors whose texts are about the bank's own files."""
_TOLD = "_nextbeam_told"


def discreet(method: Callable[..., Any]) -> Callable[..., Any]:
    """A function, or one that yields, whose errors come out as `StepError`."""
    if inspect.isgeneratorfunction(method):

        @wraps(method)
        def yielding(*args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                yield from method(*args, **kwargs)
            except Exception as error:
                raise _withheld(error) from None

        return yielding

    @wraps(method)
    def returning(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            raise _withheld(error) from None

    return returning


class DiscreetFn(beam.DoFn):
    """A DoFn whose methods are `discreet`; of timers they have to say so themselves, under `on_timer`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in _METHODS:
            if name in cls.__dict__:
                setattr(cls, name, discreet(cls.__dict__[name]))


class Discreet:
    """A function for `beam.Map` and its like, discreet. Pickles by reference.

    Args:
      function: At the top of a module.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As the function."""
        try:
            return self._function(*args, **kwargs)
        except Exception as error:
            raise _withheld(error) from None


def _withheld(error: Exception) -> Exception:
    """What to raise instead. Whatever fails a bundle is told of, as somebody is paged by that, but only once."""
    if getattr(error, _TOLD, False):  # by a method that this one has called
        return error
    where, kind = _where(error), type(error).__name__
    tell("step_failed", error=kind, where=where)
    told = error
    if not isinstance(error, _OURS):
        told = StepError(f"{kind} at {where}; its text is withheld, as it may repeat personal data")
    setattr(told, _TOLD, True)
    return told.with_traceback(error.__traceback__)


def _where(error: Exception) -> str:
    """The innermost line of ours that the error passed."""
    for frame in reversed(extract_tb(error.__traceback__)):
        parts = Path(frame.filename).parts
        ours = [index for index, part in enumerate(parts) if part in _LAYERS]
        if ours and Path(__file__) != Path(frame.filename):
            return f"{'/'.join(parts[ours[-1] :])}:{frame.lineno}"
    return "elsewhere:0"
