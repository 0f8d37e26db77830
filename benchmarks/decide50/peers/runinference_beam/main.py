"""Beam with RunInference, as tutorials score in Beam: a model handler, which Beam gives batches.

PYTHON main.py DATA OUT

What contact policies need lies behind the scores, in a stateful step of its own. So outcomes pass RunInference too,
with no features: else they would overtake the requests before them.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.ml.inference.base import ModelHandler, PredictionResult, RunInference
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import naive, policies
from common.beam_steps import ParseEvent, TrackSession, by_customer
from common.naive import Record
from common.running import options

Seen = tuple[str, Record]
_LARGEST_BATCH = 256


class Models:
    """One model for each action, in an object that Beam can refer to weakly."""

    def __init__(self, data: str) -> None:
        self.each = naive.Strategy(data).models


class ActionModels(ModelHandler[Seen, PredictionResult, Models]):
    """Ask each action's model once for a whole batch."""

    def __init__(self, data: str) -> None:
        super().__init__(max_batch_size=_LARGEST_BATCH)
        self._data = data

    def load_model(self) -> Models:
        """Once a worker."""
        return Models(self._data)

    def run_inference(
        self, batch: Sequence[Seen], model: Models, inference_args: Mapping[str, Any] | None = None
    ) -> Iterable[PredictionResult]:
        """Propensities of all actions for each request; none for outcomes."""
        del inference_args
        rows = [seen["inputs"] for _, seen in batch if "inputs" in seen]
        scores = iter(
            np.column_stack([each.predict_proba(rows)[:, 1] for each in model.each]) if rows else ()
        )
        return [PredictionResult(pair, next(scores) if "inputs" in pair[1] else None) for pair in batch]


class AddFeatures(beam.DoFn):
    """The inputs of the models, for each request."""

    def __init__(self, data: str) -> None:
        self._data = data

    def setup(self) -> None:
        """Load what does not change, once a worker."""
        self._strategy = naive.Strategy(self._data)

    def process(self, element: Seen) -> Iterator[Seen]:
        """One event with its session."""
        customer, seen = element
        event, config = seen["event"], self._strategy.config
        if naive.asks(event, config):
            person = self._strategy.customers[customer]
            seen = {**seen, "inputs": naive.features(event, seen["memory"], person, config)}
        yield customer, seen


class DecideScored(beam.DoFn):
    """Remember outcomes and contacts of each customer; decide by the scores."""

    STATE = ReadModifyWriteStateSpec("contacts", beam.coders.PickleCoder())

    def __init__(self, data: str) -> None:
        self._data = data

    def setup(self) -> None:
        """Load what does not change, once a worker."""
        self._strategy = naive.Strategy(self._data)

    def process(
        self, element: tuple[str, PredictionResult], state: Any = beam.DoFn.StateParam(STATE)
    ) -> Iterator[Record]:
        """One event with its session and scores."""
        example: Any = element[1].example
        seen: Record = example[1]
        scores: Any = element[1].inference
        event, memory, strategy = seen["event"], seen["memory"], self._strategy
        kept = state.read() or {"pauses": {}, "contacts": []}
        naive.pause(kept["pauses"], event, strategy.config)
        if scores is not None:
            free, policy = policies.available(event, memory, kept["contacts"], kept["pauses"], strategy)
            chances = {index: float(scores[index]) for index in free}
            placements = policies.arbitrate(event, seen["inputs"], chances, strategy)
            kept["contacts"] = policies.contacted(kept["contacts"], event, placements, strategy)
            yield naive.decision(event, memory, placements, policy)
        state.write(kept)


def by_example(result: PredictionResult) -> tuple[str, PredictionResult]:
    """With the key of its state again."""
    pair: Any = result.example
    return pair[0], result


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
            | "AddFeatures" >> beam.ParDo(AddFeatures(data))
            | "Score" >> RunInference(ActionModels(data))
            | "KeyScored" >> beam.Map(by_example)
            | "Decide" >> beam.ParDo(DecideScored(data))
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
