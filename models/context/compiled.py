"""`ContextFold.step` and `expire` in the kernel, for what nearly all events and customers are."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from models.context.profile import MAX_FACT, customer_of, decode_facts, encode_facts
from models.context.sessions import MAX_OPEN, OpenSession
from models.context.state import EVER, ContextState
from models.experiments.arms import NBA
from models.folds import Counted, Output
from models.kernel import find
from models.plan.expressions import filters_by_type
from models.times import CONTEXT_KERNEL, NEVER, Micros
from schemas import ContextSnapshot, DecisionRequest, Direction, SessionContext, SessionSummary, Signal
from schemas.session import FeatureValue, TypeCount

if TYPE_CHECKING:
    from models.context.fold import ContextFold

Step = Callable[[ContextState, Any], tuple[ContextState, list[Output]] | None]

Expire = Callable[[ContextState, Micros], tuple[ContextState, list[Output]] | None]

_TYPES = (Signal, ContextState, OpenSession, SessionSummary, ContextSnapshot, DecisionRequest)


def compiled_step(fold: "ContextFold", profile: str, reserved: frozenset[str]) -> Step | None:
    """The step of the kernel: the new state and the outputs, or None where `fold` has to say them.

    Args:
      fold: The Python form, of which it does the same.
      profile: The signal type that is no behaviour.
      reserved: Signal types that are left to Python.

    Returns:
      None where there is no kernel, or more to remember than it can.
    """
    kernel, program = find("context", CONTEXT_KERNEL), fold.program
    if kernel is None or program.feeds is None or not isinstance(program.values, kernel.Values):
        return None
    spec = fold.spec
    signals = [each.signal for each in spec.contact.suppressions if each.signal is not None]
    triggers = [] if fold.looks else [trigger.when for trigger in spec.triggers]
    by_type, of_others, _ = filters_by_type(["known(signal.type)", *program.texts, *signals, *triggers], spec)
    step: Step = kernel.Steps(
        late=fold.late,
        gap=fold.rules.gap,
        keep=spec.dedupe.keep,
        max_fact=MAX_FACT,
        max_open=MAX_OPEN,
        by_declared=fold.rules.declared,
        limited=fold.rules.declared and fold.rules.longest is not None,
        forgets=fold.ends.forget is not None,
        looks=fold.looks,
        types=_TYPES,
        observed=Counted.OBSERVED,
        profile=profile,
        reserved=reserved,
        declared=fold.declared,
        leads=fold.rules.leads,
        digest=fold.digest,
        decode_facts=decode_facts,
        encode_facts=encode_facts,
        customer_of=customer_of,
        by_type={name: kernel.Filter(each, each.__code__.co_names) for name, each in by_type.items()},
        of_others=kernel.Filter(of_others, of_others.__code__.co_names),
        triggers=fold.triggers,
        all_triggers=spec.triggers,
        arm=fold.requests.arms.arm if fold.requests.arms.arms else None,
        nobody=NBA,
        inbound=Direction.INBOUND,
        place_directions=fold.requests.place_directions,
        channel_directions=fold.requests.channel_directions,
        feeds=program.feeds.suppressing(len(signals)),
        values=program.values,
    ).step
    return step


def compiled_expire(fold: "ContextFold") -> Expire | None:
    """What is due, by the kernel: the new state and the outputs, or None where `fold` has to say them.

    Returns:
      None where there is no kernel, or more to remember than it can.
    """
    kernel, program = find("context", CONTEXT_KERNEL), fold.program
    if kernel is None or program.feeds is None or not isinstance(program.session_values, kernel.Values):
        return None
    expire: Expire = kernel.Ends(
        silence=fold.ends.silence,
        late=fold.late,
        forget=fold.ends.forget,
        ever=EVER,
        never=NEVER,
        initial=fold.initial(),
        types=(ContextState, SessionContext, TypeCount, FeatureValue),
        customer_of=customer_of,
        kept=program.kept,
        digest=fold.digest,
        feeds=program.feeds,
        values=program.session_values,
        columns=program.session_columns,
    ).expire
    return expire
