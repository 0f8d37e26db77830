"""The simulated bank on a real service: decisions are answered once and in full, whoever is stopped in between."""

import os
import threading
import time
from itertools import islice
from uuid import uuid4

import msgspec
import pytest
import uk_bank

from models.folds import advance
from models.plan.compiled import Plan
from models.simulation.answering import Answering
from models.simulation.living import LivingConfig, signals
from models.times import SECOND, moment
from pipelines.live.channels import Channels, serve
from pipelines.live.source import send
from pipelines.live.wire import StoppedError, Subscription, Topic
from pipelines.local.ports import HOST, claim_port
from pipelines.local.pubsub import PubsubEmulator
from pipelines.locate import UsageError
from pipelines.provisioning import Names, Resources
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.topics import provision_topics
from schemas import Decision, Outcome, Signal

SOON = 1e9
"""Such haste that everything is answered within ten seconds."""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan.load(uk_bank.FOLDER)


@pytest.fixture(scope="module")
def decisions(plan) -> list[Decision]:
    fold, states, made = plan.decide_fold(), {}, []
    begins = time.time_ns() // 1_000
    for _, signal in islice(signals(LivingConfig(customers=100), plan.spec, begins), 1_500):
        state = states.get(signal.customer_id, fold.initial())
        states[signal.customer_id], outputs = advance(fold, state, signal)
        made += [output for output in outputs if isinstance(output, Decision)]
    return made


def _ago(decisions, seconds):
    """The decisions as if they had been made so long ago."""
    at = moment(time.time_ns() // 1_000 - seconds * SECOND)
    return [msgspec.structs.replace(each, decided_at=at) for each in decisions]


@pytest.fixture
def place(pubsub_server):
    """Topics and subscriptions of a test's own."""
    endpoints = Endpoints(pubsub=pubsub_server.endpoint)
    names = Names("local-dev", prefix=f"t{uuid4().hex[:8]}-")
    provision_topics(Resources.of(names, watchers=("test",)), endpoints, lambda _: None)
    return endpoints, names


def _channels(plan):
    return Channels(Answering(plan.spec, 7, haste=SOON))


def _serve(channels, place, for_s):
    endpoints, names = place
    stop = threading.Event()
    subscription = Subscription(endpoints, names.subscription("decisions-channels"), stop)
    topics = (Topic(endpoints, names.topic(name), stop) for name in ("outcomes", "signals"))
    serve(channels, subscription, *topics, stop, for_s=for_s, say=lambda _: None)


def _drain(place, name):
    """Everything on a subscription, until nothing more comes."""
    endpoints, names = place
    subscription = Subscription(endpoints, names.subscription(f"{name}-test"), threading.Event())
    found = []
    while batch := subscription.pull():
        subscription.acknowledge([each.ack_id for each in batch])
        found += [each.data for each in batch]
    return found


def test_channels_that_are_stopped_leave_the_rest_to_others_who_answer_the_same(plan, decisions, place):
    """Some answers are due at first, others are not."""
    endpoints, names = place
    decisions = _ago(decisions, 6)
    topic = Topic(endpoints, names.topic("decisions"), threading.Event())
    topic.publish([(msgspec.json.encode(each), {}) for each in decisions])
    first, second = _channels(plan), _channels(plan)
    _serve(first, place, 1.0)
    assert first.held > 0
    answering = Answering(plan.spec, 7, haste=SOON)
    expected = [reply for each in decisions for reply in answering.replies(each)]
    wanted, published, ends = set(map(repr, expected)), set(), time.monotonic() + 90
    while published < wanted and time.monotonic() < ends:
        _serve(second, place, 3.0)
        for name, contract in (("outcomes", Outcome), ("signals", Signal)):
            published |= {repr(msgspec.json.decode(data, type=contract)) for data in _drain(place, name)}
    assert sorted(published) == sorted(wanted)
    assert second.held == 0


def test_nothing_is_left_of_decisions_that_were_answered(plan, decisions, place):
    endpoints, names = place
    answered = Topic(endpoints, names.topic("decisions"), threading.Event())
    answered.publish([(msgspec.json.encode(each), {}) for each in _ago(decisions, 60)])
    _serve(_channels(plan), place, 3.0)
    left = Subscription(endpoints, names.subscription("decisions-channels"), threading.Event())
    assert left.pull() == []


def test_what_the_source_says_it_sent_has_arrived(plan, place):
    endpoints, names = place
    topic = Topic(endpoints, names.topic("signals"), threading.Event())
    config = LivingConfig(rate=200, malformed=0.1, duplicates=0.1, disorder=0.0)
    sent = send(config, plan.spec, topic, threading.Event(), for_s=1.5, say=lambda _: None)
    assert len(_drain(place, "signals")) == sent.marks.total()
    assert sent.behind_s < 5


def test_a_name_that_is_not_there_is_said(place):
    endpoints, names = place
    stop = threading.Event()
    with pytest.raises(UsageError, match=r"subscriptions/.*-nothing; check"):
        Subscription(endpoints, names.subscription("nothing"), stop).pull()
    with pytest.raises(UsageError, match=r"topics/.*-nothing; check"):
        Topic(endpoints, names.topic("nothing"), stop).publish([(b"{}", {})])


def test_an_emulator_that_has_forgotten_everything_is_given_time_to_be_told_anew(tmp_path, pubsub_server):
    """It is killed under a subscription that worked; the subscription goes on once it is there again."""
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_EMULATOR_HOST")}
    names, stop = Names("local-dev"), threading.Event()
    with PubsubEmulator(folder=tmp_path, environ=environ) as server:
        endpoints = Endpoints(pubsub=server.endpoint)
        provision_topics(Resources.of(names), endpoints, lambda _: None)
        topic = Topic(endpoints, names.topic("decisions"), stop)
        subscription = Subscription(endpoints, names.subscription("decisions-channels"), stop)
        topic.publish([(b"1", {})])
        assert [each.data for each in subscription.pull()] == [b"1"]
        server.kill()
        server.start()
        threading.Timer(1.0, provision_topics, (Resources.of(names), endpoints, lambda _: None)).start()
        batch = []
        for _ in range(20):  # the topic may be there before its subscription
            topic.publish([(b"2", {})])
            if batch := subscription.pull():
                break
        assert {each.data for each in batch} == {b"2"}


def test_who_waits_for_a_service_that_does_not_answer_can_be_stopped():
    stop = threading.Event()
    gone = Endpoints(pubsub=f"{HOST}:{claim_port(None, what='nothing', flag='-')}")
    threading.Timer(0.5, stop.set).start()
    with pytest.raises(StoppedError):
        Topic(gone, "projects/local-dev/topics/signals", stop).publish([(b"{}", {})])
