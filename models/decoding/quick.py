"""The short way through decoding, for what is plainly right: nothing is read twice, and no tree is built.

A payload that is certainly one good object (`models.kernel.decoding.certain`) is read straight into its contract, or
into the columns of its mapping, and the event that comes of it is looked at once. Whatever is not plainly right has no
short way: `Decoder` reads it again, and says what it is.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

import msgspec

from models.decoding.vocabulary import PROFILE, START, last_moment
from models.kernel import find
from models.mapping import Contract, Direct, SkippedError
from models.plan.facts import customer_facts
from models.plan.spec import FieldSpec, PlanSpec
from models.times import Micros
from schemas import Outcome, Signal

KERNEL = 1
"""The version of the compiled form."""

_LEAST, _MOST = -(2**63), 2**63 - 1
_NOTHING: tuple[int, int] = (1, 0)
"""Bounds that no number is within."""

Quick = Callable[[bytes], Signal | Outcome | None]
"""The event that a payload plainly is; None: to be looked at. Raises SkippedError as a `Reshape` does."""


def quick(
    contract: Contract, direct: Direct | None, good: Mapping[Contract, Callable[[Any], bool]]
) -> Quick | None:
    """The short way of payloads that are a contract, or rows of a mapping; None without the compiled form.

    Args:
      contract: What payloads are, without a mapping.
      direct: How rows of a mapping become events.
      good: By contract, whether an event of it is plainly good.
    """
    kernel = find("decoding", KERNEL)
    if kernel is None:
        return None
    certain: Callable[[bytes], bool] = kernel.certain
    read: Callable[[bytes], Any] = msgspec.json.Decoder(direct.row if direct else contract).decode
    make = direct.make if direct else None

    def decode(payload: bytes) -> Signal | Outcome | None:
        if not certain(payload):
            return None
        try:
            event: Any = read(payload)
            if make is not None:
                event = make(event)
        except SkippedError:
            raise
        except (ValueError, TypeError, OverflowError, msgspec.MsgspecError):
            return None
        if not good[event.__class__](event):
            return None
        if event.occurred_at.tzinfo is not UTC:  # as it will be after the first coder
            msgspec.structs.force_setattr(event, "occurred_at", event.occurred_at.astimezone(UTC))
        return event  # type: ignore[no-any-return]

    return decode


def quick_check(spec: PlanSpec | None, latest: Micros | None) -> Callable[[Signal], bool] | None:
    """Whether a signal plainly says nothing that the plan does not know; None without the compiled form."""
    kernel = find("decoding", KERNEL)
    if kernel is None:
        return None
    vocabulary = spec.vocabulary if spec else None
    check: Callable[[Signal], bool] = kernel.Vocabulary(
        Signal,
        START,
        last_moment(latest),
        _facts(vocabulary.attributes if vocabulary else {}),
        _facts(customer_facts(spec) if spec else {}),
        _names(spec) if spec else None,
        [name for name, field in vocabulary.attributes.items() if field.required] if vocabulary else (),
        vocabulary is not None and vocabulary.page_required,
        PROFILE,
    )
    return check


def _names(spec: PlanSpec) -> tuple[frozenset[str], ...]:
    known = spec.vocabulary
    types = {*known.signal_types, PROFILE}
    return tuple(map(frozenset, (types, spec.channels, spec.brands, known.pages, spec.placements)))


def _facts(declared: Mapping[str, FieldSpec]) -> dict[str, tuple[Any, ...]]:
    """By name: kind, bounds of whole numbers, bounds of others, known texts."""
    return {name: _fact(field) for name, field in declared.items()}


def _fact(field: FieldSpec) -> tuple[Any, ...]:
    low = -math.inf if field.minimum is None else field.minimum
    high = math.inf if field.maximum is None else field.maximum
    whole = low <= _MOST and high >= _LEAST and low <= high  # not so of what is no number
    least, most = (math.ceil(max(low, _LEAST)), math.floor(min(high, _MOST))) if whole else _NOTHING
    return field.type, least, most, float(low), float(high), frozenset(field.one_of)
