"""The local runner while Pub/Sub is away: it waits, says so once, and gives up only where there is no hope."""

import logging

import pytest
from google.api_core.exceptions import (
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ServiceUnavailable,
)

from pipelines.local import direct_runner
from pipelines.local.direct_runner import _Patience, _patient_flush


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
    monkeypatch.setattr(direct_runner, "time", clock)
    return clock


def test_it_waits_longer_each_time_but_never_long(clock):
    patience = _Patience()
    pauses = [patience.after(ServiceUnavailable("away"), "topic") for _ in range(10)]
    assert pauses == sorted(pauses)
    assert pauses[0] <= 0.1
    assert pauses[-1] == 2.0
    patience.over("topic")
    assert patience.after(DeadlineExceeded("away"), "topic") == pauses[0]


def test_it_is_said_once_that_it_is_away_and_once_that_it_is_back(clock, caplog):
    patience = _Patience()
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            clock.sleep(patience.after(ServiceUnavailable("away"), "the topic"))
        patience.over("the topic")
        patience.over("the topic")
    assert [record.getMessage() for record in caplog.records] == [
        "the topic: ServiceUnavailable 503; trying again until it answers",
        "the topic answers again after 33 s",
    ]


@pytest.mark.parametrize("error", [PermissionDenied("no"), InvalidArgument("no")])
def test_what_no_waiting_mends_is_raised_at_once(clock, error):
    patience = _Patience()
    patience.over("topic")
    with pytest.raises(type(error)):
        patience.after(error, "topic")


def test_what_never_was_there_is_missing(clock):
    with pytest.raises(NotFound):
        _Patience().after(NotFound("topic"), "topic")


def test_what_was_there_may_come_back_for_five_minutes(clock):
    patience = _Patience()
    patience.over("topic")
    gone, gave_up = NotFound("topic"), clock.now + 300
    while clock.now < gave_up:
        clock.sleep(patience.after(gone, "topic"))
    with pytest.raises(NotFound):
        patience.after(gone, "topic")


class Publisher:
    """As Beam's: keeps its buffer until all of it is published."""

    _topic = "topic"

    def __init__(self, fails):
        self._buffer = [b"one", b"two"]
        self.fails = fails
        self.published = []

    def flush(self):
        self.published += self._buffer
        if self.fails:
            raise self.fails.pop()
        self._buffer = []


def test_a_bundle_is_published_again_until_it_is_taken(clock, monkeypatch):
    monkeypatch.setattr(direct_runner, "_STOCK_FLUSH", Publisher.flush)
    publisher = Publisher([ServiceUnavailable("away"), TimeoutError(), ServiceUnavailable("away")])
    _patient_flush(publisher)
    assert publisher.published == [b"one", b"two"] * 4
    assert publisher._buffer == []


def test_a_bundle_that_cannot_be_published_fails(clock, monkeypatch):
    monkeypatch.setattr(direct_runner, "_STOCK_FLUSH", Publisher.flush)
    with pytest.raises(PermissionDenied):
        _patient_flush(Publisher([PermissionDenied("no")]))
