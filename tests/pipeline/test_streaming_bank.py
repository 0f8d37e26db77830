"""The shipped bank between servers decides what a bounded run over the same arrivals decides.

A bounded run takes a customer's events in the order of their times, whatever that of its files; so none is late here.
"""

import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
import uk_bank
from google.cloud.pubsub_v1.types import PublisherOptions
from hosting import BOUNDED
from live_job import Reader, job, stopped

from models.plan.compiled import Plan
from models.simulation.living import LivingConfig, Sending, sendings
from pipelines.flags import Config
from pipelines.launch import launch
from pipelines.options import beam_options
from pipelines.provisioning import Names, Resources
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import DEAD_LETTER, DECISIONS, SIGNALS, SUBSCRIPTIONS
from pipelines.provisioning.topics import provision_topics
from pipelines.records import parquet_files
from schemas import DeadLetter, Decision
from schemas.rows import from_row

FEED = LivingConfig(rate=200, customers=60, malformed=0.05, duplicates=0.05, disorder=0.0)
_json = msgspec.json.Encoder(order="deterministic").encode


@pytest.fixture(scope="module")
def arrivals() -> list[Sending]:
    """Signals of now, some unreadable in several ways, some twice."""
    spec = Plan.load(uk_bank.FOLDER).spec
    return list(islice(sendings(FEED, spec, time.time_ns() // 1_000), 600))


@pytest.fixture(scope="module")
def bounded(arrivals, tmp_path_factory) -> Path:
    """The folder of a bounded run over them."""
    folder = tmp_path_factory.mktemp("bounded")
    file = folder / "signals.jsonl"
    file.write_bytes(b"".join(each.payload + b"\n" for each in arrivals))
    config = Config(signals=(str(file),), outcomes=(), plan=Path(uk_bank.FOLDER), out=folder / "run")
    assert launch(config, beam_options(BOUNDED)).accounted
    return config.out


def _records(run: Path, name: str, contract: type) -> Iterator:
    for file in parquet_files(run, name):
        for row in pq.read_table(file, partitioning=None).to_pylist():
            yield from_row(contract, row)


def _key(payload: bytes) -> str:
    """Whose arrivals have an order."""
    try:
        return str(msgspec.json.decode(payload)["customer_id"])
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError):
        return "nobody"


def test_a_stream_decides_what_a_bounded_run_decides(arrivals, bounded, pubsub_server, tmp_path):
    decided = Counter(_json(each) for each in _records(bounded, "decisions", Decision))
    refused = Counter(each.reason for each in _records(bounded, "dead_letters", DeadLetter))
    assert decided.total() > 150
    assert len(refused) >= 3
    endpoints = Endpoints(pubsub=pubsub_server.endpoint)
    names = Names("local-dev", prefix="asbounded-")
    provision_topics(Resources.of(names, watchers=("test",)), endpoints, lambda _: None)
    subscriber = endpoints.subscriber()
    _read_in_order(subscriber, names)
    publisher = endpoints.publisher(publisher_options=PublisherOptions(enable_message_ordering=True))
    reader = Reader(
        subscriber, {name: names.subscription(f"{name}-test") for name in (DECISIONS, DEAD_LETTER)}
    )
    with job(names, endpoints, str(uk_bank.FOLDER), tmp_path / "log") as process:
        topic = names.topic(SIGNALS)
        for each in [publisher.publish(topic, s.payload, ordering_key=_key(s.payload)) for s in arrivals]:
            each.result(60)
        assert reader.until(
            lambda found: (
                len(found[DECISIONS]) >= decided.total() and len(found[DEAD_LETTER]) >= refused.total()
            ),
            120,
        ), (tmp_path / "log").read_text()
        assert stopped(process) == 0
    streamed = [msgspec.json.decode(data, type=Decision) for data, _ in reader.found[DECISIONS]]
    assert Counter(map(_json, streamed)) == decided
    letters = [msgspec.json.decode(data, type=DeadLetter) for data, _ in reader.found[DEAD_LETTER]]
    assert Counter(each.reason for each in letters) == refused


def _read_in_order(subscriber, names: Names) -> None:
    """So that a customer's signals arrive as they were sent; the pipeline itself asks for no order."""
    for each in SUBSCRIPTIONS[:2]:
        path = names.subscription(each.name)
        subscriber.delete_subscription(subscription=path)
        asked = {"name": path, "topic": names.topic(each.topic), "enable_message_ordering": True}
        subscriber.create_subscription(request={**asked, "ack_deadline_seconds": 60})
