"""The job with other ends: its own graph, from messages in a list to files and to a table service of the test."""

import http.server
import json
import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import apache_beam as beam
import msgspec
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import PBegin, PCollection

from pipelines import decisioning
from pipelines.decisioning import connect_topics
from pipelines.stream_flags import StreamConfig
from schemas import Signal
from transforms import heartbeats, messages

PROJECT = "projects/some-bank"
TABLES = "some-bank.nextbeam"

Heard = dict[str, Counter[str]]
"""What came out, by topic and table."""


def run_twin(
    flags: Sequence[str], signals: Sequence[Signal], plan: Path, folder: Path, *, live: bool
) -> Heard:
    """Run the graph of `connect_topics`, and return all it published and wrote.

    Args:
      flags: Of Beam.
      signals: What arrives, in this order.
      plan: That decides.
      folder: An empty one.
      live: Whether the graph is that of a stream, with state, and not that of files.
    """
    config = StreamConfig(
        plan=str(plan),
        signals_subscription=f"{PROJECT}/subscriptions/signals",
        outcomes_subscription=f"{PROJECT}/subscriptions/outcomes",
        **{f"{name}_topic": f"{PROJECT}/topics/{name}" for name in ("decisions", "feedback", "dead_letters")},
        dataset=TABLES,
        ahead_s=1e9,
    )
    arrived = {"signals": [msgspec.json.encode(each) for each in signals] + [b"not JSON"], "outcomes": []}

    def source(subscription: str) -> beam.PTransform:
        return _Messages(arrived[subscription.rpartition("/")[2]], live=live)

    def sink(topic: str, **_: Any) -> beam.PTransform:
        return ToFiles(topic, str(folder))

    with (
        _table_service() as service,
        mock.patch.dict(os.environ, BIGQUERY_EMULATOR_HOST=service.url),
        mock.patch.object(decisioning, "ReadSubscription", source),
        mock.patch.object(messages, "WriteToPubSub", sink),
        mock.patch.object(heartbeats, "WriteToPubSub", sink),
    ):
        pipeline = beam.Pipeline(options=PipelineOptions(list(flags)))
        connect_topics(pipeline, config)
        pipeline.run().wait_until_finish()
    return {**service.rows, **heard_in(folder)}


class _Messages(beam.PTransform[PBegin, PCollection[PubsubMessage]]):
    """A subscription's messages, each published as it says."""

    def __init__(self, payloads: Sequence[bytes], *, live: bool) -> None:
        super().__init__()
        self._payloads = tuple(payloads)
        self._live = live

    def expand(self, pbegin: PBegin) -> PCollection[PubsubMessage]:
        """All of them in one bundle, so that they arrive in their order."""
        whole = pbegin | "Whole" >> beam.Create([self._payloads], reshuffle=False)
        each = whole | "Each" >> beam.FlatMap(_published).with_output_types(PubsubMessage)
        each.is_bounded = not self._live
        return each


def _published(payloads: Sequence[bytes]) -> Iterator[PubsubMessage]:
    for payload in payloads:
        yield PubsubMessage(payload, {})


class ToFiles(beam.PTransform[PCollection[PubsubMessage], None]):
    """A topic whose messages are lines of files."""

    def __init__(self, topic: str, folder: str) -> None:
        super().__init__()
        self._name = topic.rpartition("/")[2]
        self._folder = folder

    def expand(self, published: PCollection[PubsubMessage]) -> None:
        """One file a process."""
        published | beam.ParDo(_FileFn(self._name, self._folder))


class _FileFn(beam.DoFn):
    def __init__(self, name: str, folder: str) -> None:
        self._name = name
        self._folder = folder

    def process(self, message: PubsubMessage) -> None:
        """The message, and who had it."""
        said = {"topic": self._name, "data": message.data.decode(), "attributes": message.attributes}
        with Path(self._folder, f"{os.getpid()}.jsonl").open("a") as file:
            file.write(json.dumps(said, sort_keys=True) + "\n")


def heard_in(folder: Path) -> Heard:
    """What `ToFiles` wrote there."""
    found: Heard = {}
    for file in folder.glob("*.jsonl"):
        for line in file.read_text().splitlines():
            found.setdefault(f"topic {json.loads(line)['topic']}", Counter())[line] += 1
    return found


@contextmanager
def _table_service() -> Iterator[Any]:
    """Takes rows as BigQuery's insertAll does, and keeps those of each insert id once."""

    class Service(http.server.BaseHTTPRequestHandler):
        rows: dict[str, Counter[str]] = {}  # noqa: RUF012  (one service, one class)
        seen: set[tuple[str, str]] = set()  # noqa: RUF012
        url = ""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            table = "table " + self.path.partition("/tables/")[2].partition("/")[0]
            for row in body["rows"]:
                key = (table, row.get("insertId") or str(uuid4()))
                if key not in self.seen:
                    self.seen.add(key)
                    self.rows.setdefault(table, Counter())[json.dumps(row["json"], sort_keys=True)] += 1
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    Service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
