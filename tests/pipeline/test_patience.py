"""The local runner while Pub/Sub is away: it waits, says so once, and gives up only where there is no hope."""

import logging
from typing import ClassVar

import grpc
import pytest
from apache_beam.io.gcp.pubsub import PubsubMessage
from google.api_core.exceptions import (
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ServiceUnavailable,
)
from grpc import StatusCode

from pipelines.live import wire
from pipelines.live.wire import Topic
from pipelines.local import mail
from pipelines.local.mail import Outbox
from pipelines.locate import UsageError
from pipelines.provisioning import patience
from pipelines.provisioning.patience import Patience


@pytest.fixture
def clock(monkeypatch):
    """Time passes when somebody sleeps."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

        def time(self):
            return self.now

        def sleep(self, seconds):
            self.now += seconds

    clock = Clock()
    monkeypatch.setattr(mail, "time", clock)
    monkeypatch.setattr(patience, "time", clock)
    return clock


def test_it_waits_longer_each_time_but_never_long(clock):
    waiting = Patience()
    pauses = [waiting.after(ServiceUnavailable("away"), "topic") for _ in range(10)]
    assert pauses == sorted(pauses)
    assert pauses[0] <= 0.1
    assert pauses[-1] == 2.0
    waiting.over("topic")
    assert waiting.after(DeadlineExceeded("away"), "topic") == pauses[0]


def test_it_is_said_once_that_it_is_away_and_once_that_it_is_back(clock, caplog):
    waiting = Patience()
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            clock.sleep(waiting.after(ServiceUnavailable("away"), "the topic"))
        waiting.over("the topic")
        waiting.over("the topic")
    assert [record.getMessage() for record in caplog.records] == [
        "the topic: ServiceUnavailable 503; trying again until it answers",
        "the topic answers again after 33 s",
    ]


@pytest.mark.parametrize("error", [PermissionDenied("no"), InvalidArgument("no")])
def test_what_no_waiting_mends_is_raised_at_once(clock, error):
    waiting = Patience()
    waiting.over("topic")
    with pytest.raises(type(error)):
        waiting.after(error, "topic")


def test_what_never_was_there_is_missing(clock):
    with pytest.raises(NotFound):
        Patience().after(NotFound("topic"), "topic")


def test_what_was_there_may_come_back_for_five_minutes(clock):
    waiting = Patience()
    waiting.over("topic")
    gone, gave_up = NotFound("topic"), clock.now + 300
    while clock.now < gave_up:
        clock.sleep(waiting.after(gone, "topic"))
    with pytest.raises(NotFound):
        waiting.after(gone, "topic")


class Refused(grpc.RpcError):
    """As a channel raises it."""

    def __init__(self, code):
        self._code = code

    def code(self):
        return self._code

    def details(self):
        return "no"

    def trailing_metadata(self):
        return ()


@pytest.fixture
def published(monkeypatch):
    """What the service is asked to publish; it fails as often as there are codes in `fails`."""

    class Service(list):
        fails: ClassVar = []

        def __call__(self, request, timeout):
            self.append([each.data for each in request.messages])
            if self.fails:
                raise Refused(self.fails.pop())

    service = Service()
    monkeypatch.setattr(mail, "publish_call", lambda _: service)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    return service


MESSAGES = [PubsubMessage(data, {})._to_proto_str(for_publish=True) for data in (b"one", b"two")]


def test_a_bundle_is_published_again_until_it_is_taken(clock, published):
    published.fails = [StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED, StatusCode.UNAVAILABLE]
    Outbox().publish("topic", MESSAGES)
    assert published == [[b"one", b"two"]] * 4


def test_a_bundle_that_cannot_be_published_fails(clock, published):
    published.fails = [StatusCode.PERMISSION_DENIED]
    with pytest.raises(PermissionDenied):
        Outbox().publish("topic", MESSAGES)


class Stop:
    """Is never asked to stop; waiting passes the time."""

    def __init__(self, clock):
        self._clock = clock

    def wait(self, seconds):
        self._clock.sleep(seconds)
        return False


def test_who_reads_along_is_as_patient_as_the_job(clock, published, monkeypatch):
    monkeypatch.setattr(wire, "publish_call", lambda _: published)
    topic = Topic(mail.Endpoints.from_environment(), "projects/p/topics/it", Stop(clock))
    topic.publish([(b"one", {})])
    begun, published.fails = clock.now, [StatusCode.NOT_FOUND] * 100
    topic.publish([(b"two", {})])
    assert 100 < clock.now - begun < 300
    published.fails = [StatusCode.NOT_FOUND] * 1000
    with pytest.raises(UsageError, match=r"there is no topic projects/p/topics/it; .*provision --project p"):
        topic.publish([(b"three", {})])
    assert clock.now - begun > 400
