"""Keys: events of one customer, or of one household, meet in one place, as bytes."""

from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import DoOutputsTuple, PCollection

from models.ledger import key_of
from schemas import CandidateSet, Outcome, Signal
from transforms.discreet import DiscreetFn
from transforms.fold_hosts import FoldSource, load_fold
from transforms.fold_per_key import FoldPerKey, is_grouped
from transforms.gathering import Gather

Event = Signal | Outcome | CandidateSet
Keyed = tuple[bytes, bytes]


class KeyByCustomer(beam.PTransform[PCollection[Event], PCollection[Keyed]]):
    """Events as `(customer, event)`, both in bytes: what `FoldPerKey` of the same fold takes.

    The key is the household of the event, where the plan has to be folded by household.

    Args:
      fold: The fold.
      gather: Whether to `Gather` them too, for `FoldPerKey(gathered=True)`.
    """

    def __init__(self, fold: FoldSource, *, gather: bool = False) -> None:
        super().__init__()
        self._fold = fold
        self._gather = gather

    def expand(self, events: PCollection[Event]) -> PCollection[Keyed]:
        """The event is encoded by the fold that will decode it."""
        keyed = events | "Encode" >> beam.ParDo(_KeyFn(self._fold)).with_output_types(Keyed)
        return keyed | "Gather" >> Gather() if self._gather else keyed


class _KeyFn(DiscreetFn):
    """Beam adapter for `key_of` and the fold's own encoding."""

    def __init__(self, fold: FoldSource) -> None:
        self._source = fold

    def start_bundle(self) -> None:
        self._fold = load_fold(self._source)
        self._encode = self._fold.encode_event

    def process(self, event: Event) -> Iterable[Keyed]:
        return ((key_of(self._fold, event).encode(), self._encode(event)),)


def fold_by_customer(
    fold: FoldSource, events: Mapping[str, PCollection[Any]], outputs: Mapping[str, type], **options: Any
) -> DoOutputsTuple:
    """`FoldPerKey` over several inputs, each keyed by customer in a step of its own name; not a step itself.

    Args:
      fold: What folds, and encodes the events.
      events: Inputs by the name of the step that keys them. Names of steps are part of a running job: they stay.
      outputs: As for `FoldPerKey`.
      options: The other arguments of `FoldPerKey`.
    """
    grouped = is_grouped(options.get("host"), *events.values())
    keyed = tuple(each | name >> KeyByCustomer(fold, gather=grouped) for name, each in events.items())
    flat = keyed | "Flatten" >> beam.Flatten()  # between stages: the local runner keeps it whole
    return flat | "FoldPerKey" >> FoldPerKey(fold, outputs, gathered=grouped, **options)
