"""Beam as tutorials write it: elements are dictionaries, a step for each concept, a scikit-learn model for each action.

PYTHON main.py DATA OUT
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import naive, policies
from common.beam_steps import ParseEvent, TrackSession, by_customer
from common.naive import Record
from common.running import options


class Decide(beam.DoFn):
    """Remember outcomes and contacts of each customer; decide what is asked for."""

    PAUSES = ReadModifyWriteStateSpec("pauses", beam.coders.PickleCoder())
    CONTACTS = BagStateSpec("contacts", beam.coders.PickleCoder())

    def __init__(self, data: str) -> None:
        self._data = data

    def setup(self) -> None:
        """Load what does not change, once a worker."""
        self._strategy = naive.Strategy(self._data)

    def process(
        self,
        element: tuple[str, Record],
        pauses_state: Any = beam.DoFn.StateParam(PAUSES),
        contacts_state: Any = beam.DoFn.StateParam(CONTACTS),
    ) -> Iterator[Record]:
        """One event with its session."""
        customer, seen = element
        event, memory, strategy = seen["event"], seen["memory"], self._strategy
        pauses = dict(pauses_state.read() or {})
        naive.pause(pauses, event, strategy.config)
        pauses_state.write(pauses)
        if not naive.asks(event, strategy.config):
            return
        contacts = list(contacts_state.read())
        inputs = naive.features(event, memory, strategy.customers[customer], strategy.config)
        free, policy = policies.available(event, memory, contacts, pauses, strategy)
        scores = policies.propensities(free, inputs, strategy)
        placements = policies.arbitrate(event, inputs, scores, strategy)
        contacts_state.clear()
        for contact in policies.contacted(contacts, event, placements, strategy):
            contacts_state.add(contact)
        yield naive.decision(event, memory, placements, policy)


def main(data: str, out: str) -> None:
    """Decide all lines."""
    with beam.Pipeline(options=options()) as pipeline:
        parsed = (
            pipeline
            | "Read" >> beam.io.ReadFromText(f"{data}/events.ndjson")
            | "Parse" >> beam.ParDo(ParseEvent(data)).with_outputs("dead", main="events")
        )
        decisions = (
            parsed.events
            | "KeyByCustomer" >> beam.Map(by_customer)
            | "TrackSession" >> beam.ParDo(TrackSession(data))
            | "Decide" >> beam.ParDo(Decide(data))
        )
        written: Iterable[Any] = (decisions, parsed.dead)
        (
            written
            | "Merge" >> beam.Flatten()
            | "ToJson" >> beam.Map(json.dumps)
            | "Write" >> beam.io.WriteToText(out, num_shards=1, shard_name_template="")
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
