"""AnswerHeartbeats: what came through is counted, told and published, on a topic that no channel reads."""

import time
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.io.gcp.pubsub import PubsubMessage, WriteToPubSub
from apache_beam.pvalue import PCollection

from models.observability.traces import trace_context
from models.times import micros
from schemas import Heartbeat
from schemas.routing import attributes
from transforms.discreet import DiscreetFn
from transforms.logs import pipeline_version, tell
from transforms.metrics import HEARTBEATS_ANSWERED


class AnswerHeartbeats(beam.PTransform[PCollection[Heartbeat], None]):
    """Each heartbeat counts as `heartbeats_answered` and is one line of the log, with its age.

    Args:
      topic: `projects/PROJECT/topics/TOPIC` that answers go to; None: nobody waits for them.
    """

    def __init__(self, topic: str | None) -> None:
        super().__init__()
        self._topic = topic

    def expand(self, heartbeats: PCollection[Heartbeat]) -> None:
        """Encode, then Beam's own sink."""
        answer = beam.ParDo(_AnswerFn())  # type: ignore[no-untyped-call]  # Beam's own __init__
        answers = heartbeats | "Answer" >> answer.with_output_types(PubsubMessage)
        if self._topic is not None:
            _ = answers | "Publish" >> WriteToPubSub(self._topic, with_attributes=True)


class _AnswerFn(DiscreetFn):
    """Beam adapter for `attributes`, with a clock."""

    def process(self, heartbeat: Heartbeat) -> Iterator[PubsubMessage]:
        age_ms = max(0, round(time.time() * 1e3 - micros(heartbeat.sent_at) / 1e3))
        context = trace_context(heartbeat.trace)
        about: dict[str, Any] = {
            "plan_digest": heartbeat.plan_digest,
            **(context._asdict() if context else {}),
        }
        HEARTBEATS_ANSWERED.inc()
        tell("heartbeat", heartbeat=heartbeat.heartbeat_id, age_ms=age_ms, **about)
        told = {"age_ms": str(age_ms), "pipeline_version": pipeline_version()}
        yield PubsubMessage(msgspec.json.encode(heartbeat), {**attributes(heartbeat), **told})
