"""Steps that the naive Beam peer and the one with RunInference share."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec
from common import naive
from common.naive import Record


def by_customer(event: Record) -> tuple[str, Record]:
    """With the key of its state."""
    return event["customer_id"], event


def _copy(memory: Record) -> Record:
    """A copy of what the next event changes in place: Beam may hand out the same object with it."""
    session = memory["session"]
    counts, latest = dict(session["counts"]), dict(session["latest"])
    return {**memory, "session": {**session, "counts": counts, "latest": latest}}


class _WithConfig(beam.DoFn):
    """Knows the strategy's configuration."""

    def __init__(self, data: str) -> None:
        self._data = data

    def setup(self) -> None:
        """Read it, once a worker."""
        self._config: Record = json.loads(Path(self._data, "config.json").read_text())


class ParseEvent(_WithConfig):
    """Lines to events; what is malformed goes to `dead`."""

    def process(self, element: str) -> Iterator[Any]:
        """One line."""
        try:
            yield naive.parse(element, self._config)
        except naive.NotAnEventError as error:
            yield beam.pvalue.TaggedOutput("dead", naive.dead_letter(element, error))


class TrackSession(_WithConfig):
    """Keep each customer's session, and send it along with events that the next step needs."""

    MEMORY = ReadModifyWriteStateSpec("memory", beam.coders.PickleCoder())

    def process(
        self, element: tuple[str, Record], state: Any = beam.DoFn.StateParam(MEMORY)
    ) -> Iterator[tuple[str, Record]]:
        """One event."""
        customer, event = element
        memory = state.read() or naive.nobody()
        if not naive.observe(memory, event, self._config):
            return
        request = naive.asks(event, self._config)
        if request or event["type"] in self._config["suppress_days"]:
            yield customer, {"event": event, "memory": _copy(memory)}
        memory["session"]["decisions"] += request
        state.write(memory)
