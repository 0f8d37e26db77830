"""Names of what is not there, or cannot be: one sentence that says which, and what to do; and nothing was started."""

import logging
import threading
from uuid import uuid4

import pytest
from google.cloud.pubsub_v1.types import PushConfig

from pipelines.cli import main
from pipelines.decisioning import main as job
from pipelines.local.ports import HOST, claim_port
from pipelines.locate import UsageError
from pipelines.provisioning import Names, Resources, provision
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.presence import await_subscriptions, await_topics, check_tables
from pipelines.provisioning.topics import provision_topics
from pipelines.stream_flags import READY
from transforms.bigquery_client import Connect

PLAN = "tests/plans/small"
SERVERS = ("PUBSUB_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST")


@pytest.fixture(scope="module")
def place(pubsub_server, bigquery_server):
    """Everything of one prefix and dataset."""
    name = f"w{uuid4().hex[:8]}"
    endpoints = Endpoints(pubsub=pubsub_server.endpoint, bigquery=bigquery_server.url)
    names = Names("local-dev", dataset=name, prefix=f"{name}-")
    provision(Resources.of(names), endpoints, say=lambda _: None)
    return endpoints, names


@pytest.fixture
def emulators(place, monkeypatch):
    """As the environment names them."""
    endpoints, _ = place
    for variable, value in zip(SERVERS, (endpoints.pubsub, endpoints.bigquery), strict=True):
        monkeypatch.setenv(variable, value)


def _said(capsys, code):
    """The one line that a command said, but for what went well before."""
    assert code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("plan ")]
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize(
    ("command", "named", "remedy"),
    [
        ("watch --prefix nope-", "projects/local-dev/topics/nope-signals", "nextbeam provision"),
        ("signals --prefix nope-", "projects/local-dev/topics/nope-signals", "nextbeam provision"),
        ("channels --prefix nope-", "subscriptions/nope-decisions-channels", "nextbeam provision"),
        ("watch --project Bad", "--project: 'Bad'", "lower-case"),
        ("signals --prefix a/b", "--prefix: 'a/b'", "letters"),
        ("signals --prefix googly", "--prefix: 'googly'", "not goog"),
        ("watch --watcher a/b", "--watcher: 'a/b'", "letters"),
        ("dead-letters list --subscription nope", "subscriptions/nope", "nextbeam provision"),
        ("dead-letters list --subscription a/b", "--subscription: 'a/b'", "letters"),
        ("dead-letters list --dataset nope", "local-dev.nope.dead_letters", "--dataset nope"),
        ("dead-letters list --dataset a-b", "--dataset: 'a-b'", "PROJECT.DATASET"),
        (
            f"dead-letters replay --subscription nope --plan {PLAN}",
            "subscriptions/nope",
            "nextbeam provision",
        ),
    ],
)
def test_a_command_says_which_name_is_wrong(emulators, capsys, command, named, remedy):
    said = _said(capsys, main(command.split()))
    assert named in said
    assert remedy in said


@pytest.mark.parametrize(
    ("command", "variable", "value"),
    [
        ("dead-letters list --subscription x", "PUBSUB_EMULATOR_HOST", None),
        ("dead-letters list --dataset x", "BIGQUERY_EMULATOR_HOST", None),
        ("dead-letters list --dataset x", "BIGQUERY_EMULATOR_HOST", "127.0.0.1:1"),
        ("watch", "PUBSUB_EMULATOR_HOST", "http://127.0.0.1:1"),
        ("signals", "PUBSUB_EMULATOR_HOST", None),
    ],
)
def test_a_command_says_which_emulator_is_not_named_well(
    emulators, capsys, monkeypatch, command, variable, value
):
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    assert variable in _said(capsys, main(command.split()))


@pytest.mark.parametrize("command", ["watch", "dead-letters list --dataset x"])
def test_a_command_without_credentials_says_how_to_get_some(capsys, monkeypatch, tmp_path, command):
    for variable in SERVERS:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    assert "gcloud auth" in _said(capsys, main([*command.split(), "--project", "some-project"]))


def _flags(names, **other):
    given = {
        "project": names.project,
        "plan": PLAN,
        "signals_subscription": names.subscription("signals-decisioning"),
        "outcomes_subscription": names.subscription("outcomes-decisioning"),
        "decisions_topic": names.topic("decisions"),
        "feedback_topic": names.topic("feedback"),
        "dead_letters_topic": names.topic("dead-letter"),
        "bigquery_dataset": names.dataset,
        **other,
    }
    return [part for name, value in given.items() for part in (f"--{name}", value)]


@pytest.mark.parametrize(
    ("flag", "named"),
    [
        ("signals_subscription", "--signals_subscription: there is no subscription projects/local-dev/"),
        ("outcomes_subscription", "--outcomes_subscription: there is no subscription"),
        ("decisions_topic", "--decisions_topic: there is no topic projects/local-dev/topics/nope"),
        ("dead_letters_topic", "--dead_letters_topic: there is no topic"),
        ("bigquery_dataset", "there is no table local-dev.nope.decisions"),
    ],
)
def test_a_job_reads_only_once_all_that_it_names_is_there(place, emulators, capsys, flag, named):
    said = _said(capsys, job(_flags(place[1], **{flag: "nope"})))
    assert named in said
    assert "nextbeam provision" in said
    assert READY not in said


def test_a_job_says_which_address_is_wrong(place, emulators, capsys, monkeypatch):
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "127.0.0.1:1")
    said = _said(capsys, job(_flags(place[1])))
    assert "BIGQUERY_EMULATOR_HOST: '127.0.0.1:1'" in said
    with pytest.raises(ValueError, match="BIGQUERY_EMULATOR_HOST"):
        Connect()("local-dev")  # its workers make their own clients


def test_what_delivers_elsewhere_or_has_lost_its_topic_cannot_be_read(place):
    endpoints, names = place
    topic, pushed = names.topic("short"), names.subscription("pushed")
    with endpoints.publisher() as publisher, endpoints.subscriber() as subscriber:
        publisher.create_topic(name=topic)
        push = PushConfig(push_endpoint="http://127.0.0.1:1/")
        subscriber.create_subscription(request={"name": pushed, "topic": topic, "push_config": push})
        with pytest.raises(UsageError, match=r"--it: .*-pushed delivers to http"):
            await_subscriptions(endpoints, {"--it": pushed}, threading.Event())
        subscriber.modify_push_config(subscription=pushed, push_config=PushConfig())
        assert await_subscriptions(endpoints, {"--it": pushed}, threading.Event())
        publisher.delete_topic(topic=topic)
        with pytest.raises(UsageError, match="has lost its topic"):
            await_subscriptions(endpoints, {"--it": pushed}, threading.Event())


def test_a_table_must_have_the_columns_that_are_written_and_may_have_more(place):
    endpoints, names = place
    client = endpoints.tables(names.project)
    table = client.get_table(names.table("sessions"))
    check_tables(Resources.of(names), endpoints)
    more = Names(names.project, dataset=f"{names.dataset}m")
    client.create_dataset(more.dataset)
    for each in Resources.of(names).tables:
        have = client.get_table(names.table(each.name)).to_api_repr()
        extra = [{"name": "of_a_newer_release", "type": "STRING"}]
        lacking = have["schema"]["fields"][:-1] if each.name == table.table_id else have["schema"]["fields"]
        have["schema"]["fields"] = lacking + extra
        have["tableReference"]["datasetId"] = more.dataset
        client.create_table(type(table).from_api_repr(have))
    missing = table.schema[-1].name
    with pytest.raises(UsageError, match=rf"sessions is not as our contract has it: no column {missing};"):
        check_tables(Resources.of(more), endpoints)


def test_a_pubsub_that_is_away_is_waited_for_and_a_bigquery_is_not(place, caplog):
    _, names = place
    away = Endpoints(pubsub=f"{HOST}:{claim_port(None, what='nothing', flag='--port')}")
    stop = threading.Event()
    threading.Timer(1.0, stop.set).start()
    with caplog.at_level(logging.WARNING):
        assert await_topics(away, {"it": names.topic("signals")}, stop) is False
        check_tables(Resources.of(names), Endpoints(bigquery=f"http://{away.pubsub}"))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "trying again until it answers" in told[0]
    assert "its tables are not checked" in told[1]


def test_whoever_reads_along_waits_for_the_service_first(pubsub_server, place, capsys, monkeypatch):
    _, names = place
    provision_topics(Resources.of(names), Endpoints(pubsub=pubsub_server.endpoint), lambda _: None)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub_server.endpoint)
    assert main(["watch", "--prefix", names.prefix, "--plan", PLAN, "--no-truth", "--for", "0.5"]) == 0
    assert "the live page: http://" in capsys.readouterr().err
