"""Folding a history under one plan: by customer, or all customers together where they share something."""

from collections.abc import Iterable, Iterator
from typing import Any

from models.decide import Event
from models.folds import Fold, fold_events
from models.replaying.watch import Watch


def replay(fold: Fold[Any, Event], events: Iterable[Event], watch: Watch) -> None:
    """Fold the events of one key, in the given order, as every host does; `watch` counts what comes out."""

    def heard() -> Iterator[Event]:
        for event in events:
            attached = watch.hear(event)
            if attached is not None:
                yield attached

    watch.take(fold_events(fold, heard()))
