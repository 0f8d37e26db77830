"""Folding a history under one plan: key by key, or all keys together where they share something."""

from collections.abc import Iterable, Iterator
from typing import Any

from models.decide import Event
from models.folds import Fold, fold_events, fold_together
from models.ledger import key_of
from models.replaying.watch import Watch


def replay(fold: Fold[Any, Event], events: Iterable[Event], watch: Watch) -> None:
    """Fold the events of one key, in the given order, as every host does; `watch` counts what comes out."""
    watch.take(fold_events(fold, _heard(events, watch)))


def replay_together(fold: Fold[Any, Event], events: Iterable[Event], watch: Watch) -> None:
    """Fold the events of all keys, in the order of event time, by a fold that shares something among them."""
    watch.take(fold_together(fold, ((key_of(fold, event), event) for event in _heard(events, watch))))


def _heard(events: Iterable[Event], watch: Watch) -> Iterator[Event]:
    """The events as the plan is to see them. Lazy: an outcome is looked at after what came before was decided."""
    for event in events:
        attached = watch.hear(event)
        if attached is not None:
            yield attached
