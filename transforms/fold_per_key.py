"""FoldPerKey: one transform that hosts any fold, on bounded and on unbounded input."""

from collections.abc import Mapping
from typing import Any, Literal

import apache_beam as beam
from apache_beam.pvalue import DoOutputsTuple, PCollection
from apache_beam.transforms.window import GlobalWindows
from apache_beam.typehints import typehints
from apache_beam.typehints.decorators import no_annotations

from transforms.discreet import Discreet
from transforms.fold_hosts import FoldGroupFn, FoldSource, FoldStateFn, FoldTogetherFn, together
from transforms.gathering import Gather
from transforms.one_process import check_one_process

Host = Literal["stateful", "grouped"]

_KEYED = typehints.Tuple[bytes, bytes]


def is_grouped(host: Host | None, *events: PCollection[Any]) -> bool:
    """Whether a host is `grouped`, or is for such input if none was chosen."""
    return host == "grouped" or (host is None and all(each.is_bounded for each in events))


class FoldPerKey(beam.PTransform[PCollection[tuple[bytes, bytes]], DoOutputsTuple]):
    """Folds the events of each key, `(key, event)` in bytes, and routes what comes out by its type.

    Args:
      fold: The fold, or a function that yields it.
      outputs: Name of an output and the one contract it carries. `Counted` and `Noticed` go to counters;
        an output of any other type is a mistake in the fold and stops the pipeline.
      step: Name that dead letters of this step carry.
      host: `stateful` keeps one state cell and one event-time timer per key and folds events as they arrive;
        `grouped` collects each key and folds its events by `fold.order`. None: stateful for unbounded input.
      forwarded: Types of events that a step before this one has accounted for already.
      together: Whether what the fold does with one key depends on what it did with others. Then bounded input is
        folded as one group, by one worker, in the order of event time over all keys, with a fold of its own.
        Unbounded input is folded as it arrives, by one process.
      gathered: Whether bounded input went through `Gather` already. It does here if it did not.

    A state that cannot be decoded is left as it is, for repair: events that meet it become dead letters. So do events
    that one cannot go on with, if the fold has `examine`, which raises ValueError for a state that is damaged.

    Raises:
      TypeError: The elements are not declared as tuple[bytes, bytes].
      ValueError: The input is windowed, or unbounded and to be grouped, or to be folded together by many processes.
    """

    def __init__(
        self,
        fold: FoldSource,
        outputs: Mapping[str, type],
        *,
        step: str = "FoldPerKey",
        host: Host | None = None,
        forwarded: tuple[type, ...] = (),
        together: bool = False,
        gathered: bool = False,
    ) -> None:
        super().__init__()
        self._gathered = gathered
        self._host = host
        self._together = together
        self._outputs = dict(outputs)
        self._arguments = (fold, self._outputs, step, forwarded)

    @no_annotations  # Beam knows no type for several outputs; each has its own.
    def expand(self, events: PCollection[tuple[bytes, bytes]]) -> DoOutputsTuple:
        """One output per entry of `outputs`."""
        _check(events, self._host)
        if is_grouped(self._host, events):
            gathered = events if self._gathered else events | "Gather" >> Gather()
            if self._together:
                one = gathered | "KeyTogether" >> beam.Map(Discreet(together)).with_output_types(_KEYED)
                group = one | "GroupByKey" >> beam.GroupByKey()
                return group | "Fold" >> self._routed(FoldTogetherFn(*self._arguments))
            groups = gathered | "GroupByKey" >> beam.GroupByKey()
            return groups | "Fold" >> self._routed(FoldGroupFn(*self._arguments))
        if self._together:
            check_one_process(events.pipeline)
        return events | "Fold" >> self._routed(FoldStateFn(*self._arguments))

    def _routed(self, fold_fn: beam.DoFn) -> Any:
        main, *others = self._outputs
        typed = beam.ParDo(fold_fn).with_output_types(
            self._outputs[main], **{tag: self._outputs[tag] for tag in others}
        )
        typed.label = "ParDo"  # else it is named after our class, and step names have to stay
        return typed.with_outputs(*others, main=main)


def _check(events: PCollection[Any], host: Host | None) -> None:
    if events.element_type != _KEYED:
        raise TypeError(
            f"FoldPerKey takes tuple[bytes, bytes], got {events.element_type}: declare the element type, "
            "or keys and events would be pickled"
        )
    if not isinstance(events.windowing.windowfn, GlobalWindows):
        raise ValueError("FoldPerKey keeps one state per key: put its input into GlobalWindows first")
    if host == "grouped" and not events.is_bounded:
        raise ValueError(
            "unbounded input never ends, so it cannot be grouped; leave `host` out or say stateful"
        )
