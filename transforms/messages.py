"""PublishRecords: contracts to a Pub/Sub topic, as JSON, with attributes to route by."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.io.gcp.pubsub import PubsubMessage, WriteToPubSub
from apache_beam.pvalue import PCollection, TaggedOutput

from schemas import DeadLetter, Reason
from schemas.routing import attributes
from transforms import tally
from transforms.discreet import DiscreetFn
from transforms.logs import LogPolicy
from transforms.metrics import UNPUBLISHED

MAX_MESSAGE_BYTES = 9_500_000
"""Pub/Sub takes 10 MB with attributes."""


class PublishRecords(beam.PTransform[PCollection[Any], PCollection[DeadLetter]]):
    """Records of one contract to a topic; yields a dead letter for each that Pub/Sub would not take.

    This is also where the log hears of them: of dead letters, and of some decisions.

    Args:
      topic: `projects/PROJECT/topics/TOPIC`.
      step: Name that dead letters carry.
      log: What is told of them.
    """

    def __init__(self, topic: str, *, step: str, log: LogPolicy | None = None) -> None:
        super().__init__()
        self._topic = topic
        self._step = step
        self._log = log or LogPolicy()

    def expand(self, records: PCollection[Any]) -> PCollection[DeadLetter]:
        """Encode, then Beam's own sink."""
        out = records | "Encode" >> beam.ParDo(_MessageFn(self._step, self._log)).with_output_types(
            PubsubMessage, refused=DeadLetter
        ).with_outputs("refused", main="messages")
        _ = out.messages | "Publish" >> WriteToPubSub(self._topic, with_attributes=True)
        refused: PCollection[DeadLetter] = out.refused
        return refused


class _MessageFn(DiscreetFn):
    """Beam adapter for `attributes`."""

    def __init__(self, step: str, log: LogPolicy) -> None:
        self._step = step
        self._log = log

    def setup(self) -> None:
        self._encode = msgspec.json.Encoder().encode

    def process(self, record: Any) -> Iterator[Any]:
        data = self._encode(record)
        if len(data) > MAX_MESSAGE_BYTES:
            UNPUBLISHED.inc()
            yield TaggedOutput("refused", _too_large(data, record, self._step))
            return
        tally.add("published")
        self._log.tell_of(record)
        yield PubsubMessage(data, attributes(record))


def _too_large(data: bytes, record: Any, step: str) -> DeadLetter:
    return DeadLetter.of(
        data,
        reason=Reason.RECORD_TOO_LARGE,
        step=step,
        detail=f"{type(record).__name__}: a message holds at most {MAX_MESSAGE_BYTES} bytes",
        occurred_at=None,
        customer_id=getattr(record, "customer_id", None),
    )
