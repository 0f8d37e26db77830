"""The four files of the workload, written as they are made."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from benchmarks.decide50.generate import customers, strategy
from benchmarks.decide50.generate.draws import Draws
from benchmarks.decide50.generate.events import Told, lines
from benchmarks.decide50.generate.visits import Crowd

SEED = 7
MOST_ACTIONS, MOST_DAYS = 2500, 10_000
_CHUNK = 8192
_TELL_EVERY_S = 2.0

T = TypeVar("T")


def write(folder: Path, crowd: Crowd, actions: int = 50, seed: int = SEED) -> Told:
    """Write config.json, models.npz, customers.ndjson and events.ndjson; the same bytes for the same arguments.

    Raises:
      ValueError: Some number is out of its range.
    """
    if not 1 <= actions <= MOST_ACTIONS:
        raise ValueError(f"actions: 1 to {MOST_ACTIONS:,}, not {actions:,}")
    if crowd.customers < 1 or crowd.events < 1 or seed < 0:
        raise ValueError("customers and events are at least 1, the seed at least 0")
    if not 0.0 <= crowd.skew < 1.0:
        raise ValueError(f"skew: a share from 0 to below 1, not {crowd.skew}")
    if not 1 <= crowd.days <= MOST_DAYS:
        raise ValueError(f"days: 1 to {MOST_DAYS:,}, not {crowd.days:,}")
    folder.mkdir(parents=True, exist_ok=True)
    draws, told = Draws(seed), Told()
    (folder / "config.json").write_text(json.dumps(strategy.config(draws, actions), indent=1))
    weights, bias = strategy.models(draws, actions)
    np.savez(folder / "models.npz", W=weights, b=bias)
    people = map(msgspec.json.encode, _people(draws, crowd.customers))
    _write(folder / "customers.ndjson", _telling(people, "customers", crowd.customers))
    events = lines(draws, crowd, actions, told)
    _write(folder / "events.ndjson", _telling(events, "event lines", crowd.events))
    return told


def _people(draws: Draws, count: int) -> Iterator[dict[str, object]]:
    for first in range(0, count, _CHUNK):
        yield from customers.facts(draws, np.arange(first, min(first + _CHUNK, count)))


def _write(path: Path, texts: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(text + b"\n" for text in texts)


def _telling(items: Iterable[T], what: str, total: int) -> Iterator[T]:
    """The items; how far it is on stderr, when it takes long."""
    told = time.monotonic()
    for number, item in enumerate(items):
        yield item
        if number % 1000 == 0 and time.monotonic() - told > _TELL_EVERY_S:
            told = time.monotonic()
            print(f"  {number:,} of {total:,} {what}", file=sys.stderr, flush=True)
