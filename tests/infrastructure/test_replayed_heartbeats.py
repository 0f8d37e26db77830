"""A job that replays in silence, and heartbeats: who waits for an answer hears of those that are new."""

from datetime import UTC, datetime, timedelta

import apache_beam as beam
import msgspec
import pytest
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import TimestampedValue
from checking import ROOT
from hosting import Tally
from twin import ToFiles, heard_in

from models.observability.heartbeats import SENDER, TYPE
from pipelines import decisioning
from pipelines.stream_flags import StreamConfig
from schemas import Signal
from transforms import heartbeats, messages


class _Arrived(beam.PTransform):
    """Messages of a subscription, each with the time of its publication, as Beam's own source has it."""

    def __init__(self, messages):
        super().__init__()
        self._messages = messages

    def expand(self, pbegin):
        """A stream, so that each is folded as it arrives."""
        one = pbegin | "One" >> beam.Create(self._messages, reshuffle=False)
        each = one | "Each" >> beam.Map(_published).with_output_types(PubsubMessage)
        each.is_bounded = False
        return each


def _published(told):
    payload, at = told
    return TimestampedValue(PubsubMessage(payload, {}, publish_time=at), at.timestamp())


def _heartbeat(number):
    about = {"customer_id": f"{SENDER}x", "type": TYPE, "channel": "heartbeat", "brand": "heartbeat"}
    return msgspec.json.encode(Signal(signal_id=f"{number:032x}", occurred_at=TAKES_OVER, **about))


TAKES_OVER = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
REPLAYED = 20  # below the sixty lines a minute that a process may log


@pytest.mark.parametrize(("until", "answered"), [(TAKES_OVER, 2), (None, REPLAYED + 2)])
def test_heartbeats_that_are_replayed_are_neither_answered_nor_counted_nor_logged(
    until, answered, monkeypatch, tmp_path, caplog
):
    """A month of them is 43,200: who waits for answers, and alerts, hear of those only that the job is to answer."""
    count = Tally()
    monkeypatch.setattr(heartbeats, "HEARTBEATS_ANSWERED", count)

    def sink(topic, **_):
        return ToFiles(topic, str(tmp_path))

    monkeypatch.setattr(heartbeats, "WriteToPubSub", sink)
    monkeypatch.setattr(messages, "WriteToPubSub", sink)
    arrived = [(_heartbeat(n), TAKES_OVER - timedelta(minutes=REPLAYED - n)) for n in range(REPLAYED + 2)]
    sources = {"signals": arrived, "outcomes": []}
    monkeypatch.setattr(decisioning, "ReadSubscription", lambda name: _Arrived(sources[name]))
    topics = {
        f"{name}_topic": f"projects/p/topics/{name}"
        for name in ("decisions", "feedback", "dead_letters", "heartbeats")
    }
    config = StreamConfig(
        plan=str(ROOT / "tests" / "plans" / "small" / "plan.yaml"),
        signals_subscription="signals",
        outcomes_subscription="outcomes",
        dataset=None,
        silent_until=until,
        **topics,
    )
    with caplog.at_level("INFO"):
        pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
        decisioning.connect_topics(pipeline, config)
        pipeline.run().wait_until_finish()
    heard = heard_in(tmp_path)
    assert heard.keys() == {"topic heartbeats"}
    assert heard["topic heartbeats"].total() == count.count == answered
    lines = [
        record for record in caplog.records if '"event":"heartbeat"' in record.getMessage().replace(" ", "")
    ]
    assert len(lines) == answered
