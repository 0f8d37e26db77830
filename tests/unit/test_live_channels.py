"""Channels and the source without a network: what is published when, and what is acknowledged only after it."""

import io
import socket
import tempfile
import threading
import time
from contextlib import redirect_stderr
from itertools import islice

import msgspec
import pytest
import uk_bank

from models.folds import advance
from models.plan.compiled import Plan
from models.simulation.answering import Answering
from models.simulation.living import LivingConfig, signals
from models.times import DAY, SECOND, micros, moment
from pipelines.cli import main
from pipelines.live import channels as channels_module
from pipelines.live.channels import Channels, serve
from pipelines.live.showing import Showing
from pipelines.live.source import send
from pipelines.live.status import Status
from pipelines.live.wire import Received
from pipelines.provisioning.calls import batches
from schemas import Decision, Outcome, Signal

BEGINS = 1_795_279_615_000_000


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan.load(uk_bank.FOLDER)


@pytest.fixture(scope="module")
def decisions(plan) -> list[Decision]:
    fold, states, made = plan.decide_fold(), {}, []
    config = LivingConfig(customers=60, malformed=0, duplicates=0, disorder=0)
    for _, signal in islice(signals(config, plan.spec, BEGINS), 1_500):
        state = states.get(signal.customer_id, fold.initial())
        states[signal.customer_id], outputs = advance(fold, state, signal)
        made += [output for output in outputs if isinstance(output, Decision)]
    return made


def _received(decision, delivery=1):
    return Received(f"{decision.decision_id}/{delivery}", msgspec.json.encode(decision), {}, 0.0)


def _channels(plan):
    return Channels(Answering(plan.spec, 7))


def _after(decisions, seconds):
    return micros(max(each.decided_at for each in decisions)) + seconds * SECOND


# Channels


def test_a_decision_is_acknowledged_when_the_last_of_its_answers_is_published(plan, decisions):
    channels, answering = _channels(plan), Answering(plan.spec, 7)
    busy = max(decisions, key=lambda each: len(answering.replies(each)))
    replies = answering.replies(busy)
    channels.take(_received(busy))
    published = []
    for number, reply in enumerate(replies, 1):
        assert channels.published() == []
        assert channels.next_at == micros(reply.occurred_at)
        outcomes, others = channels.due(micros(reply.occurred_at))
        published += outcomes + others
        assert len(published) == number
    assert channels.published() == [f"{busy.decision_id}/1"]
    assert channels.held == 0
    assert [
        msgspec.json.decode(data, type=type(reply))
        for (data, _), reply in zip(published, replies, strict=True)
    ] == [*replies]


def test_a_decision_that_nobody_answers_is_acknowledged_at_once(plan, decisions):
    channels, answering = _channels(plan), Answering(plan.spec, 7)
    silent = next(each for each in decisions if not answering.replies(each))
    channels.take(_received(silent))
    assert channels.published() == [f"{silent.decision_id}/1"]


def test_answers_are_published_in_the_order_of_their_times(plan, decisions):
    channels = _channels(plan)
    for decision in decisions:
        channels.take(_received(decision))
    times = []
    while channels.next_at is not None:
        outcomes, others = channels.due(2**62, most=1)
        [(data, _)] = outcomes + others
        times.append(msgspec.json.decode(data)["occurred_at"])
    assert times == sorted(times)
    assert len(channels.published()) == len(decisions)


def test_a_decision_delivered_again_while_it_waits_is_held_by_its_newest_delivery(plan, decisions):
    channels, answering = _channels(plan), Answering(plan.spec, 7)
    answered = next(each for each in decisions if len(answering.replies(each)) > 1)
    channels.take(_received(answered, 1))
    channels.take(_received(answered, 2))
    assert channels.leases() == [f"{answered.decision_id}/2"]
    channels.due(2**62)
    assert channels.published() == [f"{answered.decision_id}/2"]


def test_channels_that_start_anew_publish_the_same_under_the_same_ids(plan, decisions):
    def told(taken):
        channels = _channels(plan)
        for decision in taken:
            channels.take(_received(decision))
        outcomes, others = channels.due(2**62, most=10**6)
        return {data for data, _ in outcomes + others}

    assert told(decisions) == told(decisions[::-1])
    assert told(decisions[:40]) <= told(decisions)


def test_what_is_no_decision_is_left_to_be_refused(plan):
    channels = _channels(plan)
    assert channels.take(Received("x", b"{}", {}, 0.0)) is None
    assert (channels.published(), channels.leases(), channels.counted["unreadable"]) == ([], [], 1)


class _Decisions:
    """A subscription in memory."""

    def __init__(self, waiting):
        self.waiting, self.acknowledged, self.extended = list(waiting), [], set()

    def pull(self, most):
        batch, self.waiting = self.waiting[:50], self.waiting[50:]
        if not batch:
            time.sleep(0.01)
        return batch

    def acknowledge(self, ids):
        self.acknowledged += ids

    def extend(self, ids, seconds):
        self.extended |= set(ids)


class _Topic:
    def __init__(self):
        self.published = []

    def publish(self, messages):
        self.published += messages


def test_the_loop_publishes_what_is_due_and_keeps_the_rest(plan, decisions):
    """An hour passes in the loop's past: all but the slowest answers are due."""
    past = [
        msgspec.structs.replace(each, decided_at=moment(time.time_ns() // 1_000 - 60 * SECOND))
        for each in decisions
    ]
    subscription, outcomes, others, stop = (
        _Decisions(map(_received, past)),
        _Topic(),
        _Topic(),
        threading.Event(),
    )
    channels = _channels(plan)
    serve(channels, subscription, outcomes, others, stop, for_s=1.5, say=lambda _: None)
    assert stop.is_set()
    assert len(subscription.acknowledged) + channels.held == len(past)
    assert len(subscription.acknowledged) > 0.9 * len(past)
    assert len(outcomes.published) == channels.counted["outcomes"] > 100
    assert all(msgspec.json.decode(data, type=Outcome) for data, _ in outcomes.published)
    assert all(msgspec.json.decode(data, type=Signal) for data, _ in others.published)


def test_a_subscription_that_is_not_there_ends_the_loop_with_its_words(plan):
    class Gone(_Decisions):
        def pull(self, most):
            raise LookupError("no such subscription")

    with pytest.raises(LookupError, match="no such subscription"):
        serve(_channels(plan), Gone([]), _Topic(), _Topic(), threading.Event(), for_s=5, say=lambda _: None)


def test_no_more_is_pulled_than_can_be_held(plan, decisions, monkeypatch):
    monkeypatch.setattr(channels_module, "MOST_HELD", 10)
    later = [
        msgspec.structs.replace(each, decided_at=moment(time.time_ns() // 1_000 + DAY)) for each in decisions
    ]
    channels = _channels(plan)
    serve(
        channels,
        _Decisions(map(_received, later)),
        _Topic(),
        _Topic(),
        threading.Event(),
        for_s=0.6,
        say=lambda _: None,
    )
    assert 10 <= channels.held < 10 + 50


def test_offers_are_shown_without_what_a_terminal_would_obey(plan, decisions):
    lines = []
    offered = next(each for each in decisions if each.offers)
    Showing(plan.spec, lines.append).show(msgspec.structs.replace(offered, customer_id="c1\x1b[2J\nx"))
    assert len(lines) == len(offered.offers)
    assert all(line.isprintable() and "c1" in line for line in lines)


# The source


def test_the_source_sends_what_is_due_for_as_long_as_asked(plan):
    topic, config = _Topic(), LivingConfig(rate=300, arrivals="paced", malformed=0, duplicates=0, disorder=0)
    started = time.monotonic()
    sent = send(config, plan.spec, topic, threading.Event(), for_s=1.0, say=lambda _: None)
    assert 0.9 < time.monotonic() - started < 5
    assert sent.marks.total() == len(topic.published) == pytest.approx(300, abs=2)
    assert "300 good" in sent.told() or "299 good" in sent.told()


def test_the_source_stops_when_it_is_asked_to(plan):
    stop, topic = threading.Event(), _Topic()
    threading.Timer(0.3, stop.set).start()
    started = time.monotonic()
    send(LivingConfig(rate=50), plan.spec, topic, stop, say=lambda _: None)
    assert time.monotonic() - started < 3


def test_calls_hold_many_messages_but_not_too_many():
    messages = [b"x" * size for size in (1, 3_999_999, 2, 5_000_000, *[10] * 1_200)]
    calls = list(batches(messages, map(len, messages)))
    assert [message for call in calls for message in call] == messages
    assert all(len(call) == 1 or sum(map(len, call)) <= 4_000_000 for call in calls)
    assert max(map(len, calls)) == 500


# What is refused


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["signals"], "PUBSUB_EMULATOR_HOST is not set"),
        (["channels"], "PUBSUB_EMULATOR_HOST is not set"),
        (["watch"], "PUBSUB_EMULATOR_HOST is not set"),
        (["live", "--plan", "uk_bnak"], "did you mean 'uk_bank'"),
        (["live", "--port", "99999"], "99999 is no port"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(arguments, said, monkeypatch):
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    errors = io.StringIO()
    with redirect_stderr(errors):
        assert main(arguments) == 2
    assert said in errors.getvalue()


@pytest.mark.parametrize("flag", ["--port", "--pubsub_port", "--bigquery_port", "--bigquery_grpc_port"])
def test_a_port_that_is_taken_is_refused_before_anything_is_made(flag, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["live", flag, str(taken.getsockname()[1])]) == 2
    assert f"give another one by {flag}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_start_no_folder_is_left(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("PUBSUB_EMULATOR_JAR", "/nowhere.jar")
    assert main(["live", "--no-bigquery"]) == 2
    assert "there is no file '/nowhere.jar'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_the_last_words_have_a_line_of_their_own(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "40")
    status = Status("http://127.0.0.1:1/state")
    monkeypatch.setattr(status, "told", lambda: "many words " * 20)
    status.show()
    status.clear()
    shown, _, rest = screen.getvalue().rpartition("\r\x1b[K")
    assert rest == ""
    assert len(shown.removeprefix("\r\x1b[K")) == 39  # it does not wrap, so one line is cleared
