"""The request that would start the job on Dataflow: what is in it, and what is refused before there is one."""

import argparse
import json
import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio
import pytest
from apache_beam.runners.dataflow.dataflow_runner import DataflowPipelineResult
from deployed_job import FLAGS, PLAN, ROOT, changed, deployed, flags
from discovery import violations
from google.cloud.dataflow import Job

from pipelines import streaming
from pipelines.cli import main
from pipelines.decisioning import main as job_main
from pipelines.deploy.image import BY_DIGEST
from pipelines.deploy.job_flags import JobFlags
from pipelines.deploy.network import NetworkUsedError, no_network
from pipelines.deploy.refusals import ELEMENT_TIMEOUT_MIN, REFUSALS, refused
from pipelines.deploy.request import RUNNING, build_request
from pipelines.deploy.settings import EXPANSION_SERVICE
from pipelines.flags import add_arguments
from pipelines.locate import UsageError
from pipelines.options import beam_options
from pipelines.stream_flags import add_stream_arguments
from transforms.bigquery import WriteBigQuery

DIGEST = "0" * 64


def _options() -> dict:
    return deployed().environment["sdkPipelineOptions"]["options"]


def test_it_streams_and_counts_every_message_once():
    job = deployed().job
    assert job["type"] == "JOB_TYPE_STREAMING"
    assert job["environment"]["version"]["job_type"] == "FNAPI_STREAMING"
    assert job["environment"]["serviceOptions"] == ["streaming_mode_exactly_once"]
    assert {"enable_streaming_engine", "enable_windmill_service", "use_runner_v2"} <= set(
        job["environment"]["experiments"]
    )


def test_workers_have_no_public_address_an_identity_a_key_and_a_cap():
    request = deployed()
    assert request.workers["ipConfiguration"] == "WORKER_IP_PRIVATE"
    assert request.workers["subnetwork"] == "regions/europe-west2/subnetworks/nextbeam"
    assert request.environment["serviceAccountEmail"].startswith("nextbeam-worker@")
    assert request.environment["serviceKmsKeyName"].endswith("/cryptoKeys/dataflow")
    assert request.workers["autoscalingSettings"]["maxNumWorkers"] == 10


def test_workers_run_one_image_by_digest_and_install_nothing():
    request = deployed()
    images = [each["containerImage"] for each in request.workers["sdkHarnessContainerImages"]]
    assert len(images) == 1
    assert images[0].endswith(f"@sha256:{DIGEST}")
    assert "packages" not in request.workers
    assert [name.rpartition("/")[2] for name in request.staged] == ["pipeline.pb"]
    assert _options()["sdk_location"] == "container"
    assert _options()["save_main_session"] is False


def test_the_job_says_what_it_is():
    job = deployed().job
    assert job["name"] == "nextbeam-decisioning"
    assert job["labels"] == {"app": "nextbeam", "env": "check", "release": "0-1-0"}


def test_a_bundle_that_waits_for_bigquery_does_not_end_its_worker():
    patience_min = WriteBigQuery.__init__.__kwdefaults__["patience_s"] / 60
    assert patience_min < ELEMENT_TIMEOUT_MIN == _options()["element_processing_timeout_minutes"]


def test_it_reads_and_writes_what_the_flags_say():
    text = deployed().graph.SerializeToString()
    for name in (b"subscriptions/signals-decisioning", b"subscriptions/outcomes-decisioning"):
        assert text.count(b"projects/nextbeam-check/" + name) >= 1
    assert {t.unique_name for t in deployed().graph.components.transforms.values()} >= {
        "Publish_decisions",
        "Publish_feedback",
        "Publish_dead_letters",
        "Write_decisions",
        "Write_feedback",
        "Write_sessions",
        "Write_dead_letters",
    }


def test_dataflow_knows_every_field_of_it():
    assert violations("dataflow.v1b3", "Job", deployed().job) == []


@pytest.mark.parametrize(
    ("wrong", "place"),
    [({"ipConfig": "x"}, "ipConfig"), ({"ipConfiguration": "WORKER_IP_SECRET"}, "WORKER_IP_SECRET")],
)
def test_dataflow_would_refuse_what_it_does_not_know(wrong, place):
    job = deployed().job
    environment = {**job["environment"], "workerPools": [{**deployed().workers, **wrong}]}
    [found] = violations("dataflow.v1b3", "Job", {**job, "environment": environment})
    assert place in found


@pytest.mark.parametrize(
    ("missing", "why"),
    [
        ("project", "--project is missing"),
        ("region", "--region is missing"),
        ("job_name", "--job_name is missing"),
        ("temp_location", "--temp_location is missing"),
        ("service_account_email", "--service_account_email is missing"),
        ("dataflow_kms_key", "--dataflow_kms_key is missing"),
        ("subnetwork", "--subnetwork is missing"),
        ("sdk_container_image", "--sdk_container_image is missing"),
        ("max_num_workers", "--max_num_workers is missing"),
        ("plan_keys", "--plan_keys is missing"),
    ],
)
def test_a_job_without_what_production_needs_is_refused(missing, why):
    full = flags(without=(missing,))
    if missing == "project":  # names without one are refused before
        full = [re.sub(r"(_subscription|_topic)=", r"\1=projects/p-one-two/\1s/", flag) for flag in full]
        full = [flag.replace("/_", "/").replace("dataset=", "dataset=p-one-two.") for flag in full]
    with pytest.raises(UsageError, match=why):
        build_request(full, PLAN)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("--use_public_ips", "public addresses"),
        ("--use_public_ips=true", "public addresses"),
        ("--network=default", "the subnetwork says"),
        ("--worker_region=us-central1", "stay in --region=europe-west2"),
        ("--worker_zone=us-central1-a", "stay in --region=europe-west2"),
        ("--worker_zone=europe-west23-a", "stay in --region=europe-west2"),
        ("--zone=us-central1-a", "stay in --region=europe-west2"),
        ("--pubsub_root_url=http://127.0.0.1:1", "not of Google"),
        ("--impersonate_service_account=a@p.iam.gserviceaccount.com", "approved for"),
        ("--files_to_stage=x.py", "as workers start"),
        ("--worker_harness_container_image=x:latest", "the old name"),
        ("--sdk_harness_container_image_overrides=.*,x:latest", "can be moved"),
        ("--pickle_library=dill", "cloudpickle"),
        ("--experiments=enable_streaming_java_runner", "runner v2"),
        ("--create_from_snapshot=s", "docs/dataflow.md"),
        ('--transform_name_mapping={"Old": "New"}', "for an update"),
        ('--transform_name_mapping=["Old"]', "no JSON of names"),
        ("--transform_name_mapping={", "--transform_name_mapping"),
        ("--sdk_harness_log_level_overrides=[1]", "cannot be read"),
        ('--sdk_harness_log_level_overrides={"apache_beam":"DEBUG"}', "customers' events"),
        ('--sdk_harness_log_level_overrides={"apache_beam":5}', "no JSON of names"),
        ("--default_sdk_harness_log_level=DEBUG", "customers' events"),
        ("--default_sdk_harness_log_level=10", "customers' events"),
        ("--default_sdk_harness_log_level=LOUD", "customers' events"),
        ("--runtime_type_check", "repeat elements"),
        ("--performance_runtime_type_check", "repeat elements"),
        ("--profile_cpu", "in memory"),
        ("--profile_memory", "in memory"),
        ("--profile_location=gs://b/x", "in memory"),
        ("--profiler_agent=tcmalloc", "in memory"),
        ("--num_workers=999", "at most the 10"),
        ("--num_workers=0", "at least 1"),
        ("--labels=BAD", "is not NAME=VALUE"),
        ("--labels=Bad=1", "in lower case"),
        ("--labels={bad", "is not NAME=VALUE"),
        ("--setup_file=./setup.py", "as workers start"),
        ("--requirements_file=requirements.txt", "as workers start"),
        ("--extra_package=x.tar.gz", "as workers start"),
        ("--sdk_location=sdk.tar.gz", "as workers start"),
        ("--save_main_session", "nothing of the launcher"),
        ("--dataflow_service_options=streaming_mode_at_least_once", "count twice"),
        ("--experiments=streaming_mode_at_least_once", "count twice"),
        ("--enable_hot_key_logging", "keys are customers"),
        ("--experiments=enable_data_sampling", "shown in the console"),
        ("--flexrs_goal=COST_OPTIMIZED", "batches"),
        ("--no_auth", "nobody's"),
        ("--dataflow_endpoint=http://127.0.0.1:1", "not of Google"),
        ("--allow_non_deterministic_key_coders", "needs neither"),
        ("--allow_unsafe_triggers", "needs neither"),
        ("--element_processing_timeout_minutes=10", "may wait longer"),
        ("--prebuild_sdk_container_engine=local_docker", "before"),
        ("--bigquery_method=storage_write_api", "expansion-service-2.77.0.jar"),
        ("--mapping=deploy/check.flags", "not in the image"),
    ],
)
def test_a_job_that_is_unsafe_is_refused(more, why):
    with pytest.raises(UsageError, match=re.escape(why)):
        build_request(flags(more), PLAN)


def test_every_refusal_is_tried():
    """By the table above, but for what we set ourselves: a rule that nothing breaks would be none."""
    marks = test_a_job_that_is_unsafe_is_refused.pytestmark
    [tried] = [mark.args[1] for mark in marks if mark.name == "parametrize"]
    given = JobFlags.of(flags()).options.get_all_options()
    texts = [rule.text.format_map(given) for rule in REFUSALS]
    untried = [text for text in texts if not any(why in text for _, why in tried)]
    assert [text.partition(" ")[0] for text in untried] == ["--experiments=enable_kms_on_streaming_engine"]


@pytest.mark.parametrize(
    "more",
    [
        "--worker_zone=europe-west2-b",
        "--worker_region=europe-west2",
        "--default_sdk_harness_log_level=WARNING",
        "--default_sdk_harness_log_level=30",
        '--sdk_harness_log_level_overrides={"apache_beam":"ERROR"}',
        "--num_workers=10",
        "--disk_size_gb=50",
        "--autoscaling_algorithm=NONE",
        "--dataflow_service_options=min_num_workers=2",
        "--labels={'goog-template': 'x', 'y': '1'}",
    ],
)
def test_a_job_that_is_safe_is_not_refused(more):
    JobFlags.of(flags(more))


def test_labels_are_texts_in_whichever_form_they_come():
    """A launcher of templates writes a dict; Beam takes its values as they are, and Dataflow texts only."""
    options = JobFlags.of(flags("--labels={'goog': 'x', 'y': 1}", "--labels=z=2")).options
    assert options.get_all_options()["labels"] == [
        "app=nextbeam",
        "release=0-1-0",
        "env=check",
        "goog=x",
        "y=1",
        "z=2",
    ]


def test_the_state_of_customers_is_under_our_key_whatever_is_said():
    """Only disks would be, without the experiment."""
    assert "enable_kms_on_streaming_engine" in deployed().environment["experiments"]
    options = JobFlags.of(flags(without=("experiments",))).options
    given = options.get_all_options()
    assert "enable_kms_on_streaming_engine" in given["experiments"]
    [told] = refused({**given, "experiments": ["beam_fn_api"]})
    assert "would not be under your key" in told


def test_what_an_image_is_called_is_the_same_for_python_terraform_and_the_scripts():
    text = (ROOT / "terraform" / "variables.tf").read_text("utf-8")
    [pattern] = re.findall(r'var\.image == null \|\| can\(regex\("\^([^"]+)\$", var\.image\)', text)
    assert pattern == BY_DIGEST.pattern
    script = (ROOT / "scripts" / "lib.sh").read_text("utf-8")
    assert f"[[ $image =~ ^{BY_DIGEST.pattern}$ ]]" in script


def test_an_update_is_asked_for_without_asking_which_job_runs():
    mapping = '--transform_name_mapping={"Old": "New"}'
    request = build_request(flags("--update", mapping), PLAN)
    assert request.job["replaceJobId"] == RUNNING
    assert request.job["transformNameMapping"] == {"Old": "New"}
    assert violations("dataflow.v1b3", "Job", request.job) == []
    assert "replaceJobId" not in deployed().job


@pytest.mark.parametrize(
    ("command", "more"),
    [
        (["request", "--plan-here=uk_bank"], ["--num_workers=999"]),
        (["request", "--plan-here=uk_bank"], ['--transform_name_mapping={"Old": "New"}']),
        (["request", "--plan-here=uk_bank"], ["--pickle_library=dill"]),
        (["request", "--plan-here=uk_bank"], ["--dataflow_service_options=use_gbek"]),
        (["launch", "--spec=gs://b/spec.json"], ["--num_workers=999"]),
        (["launch", "--spec=gs://b/spec.json"], ['--transform_name_mapping={"Old": "New"}']),
        (["launch", "--spec=gs://b/spec.json"], ["--labels=BAD"]),
    ],
)
def test_what_is_refused_ends_with_2_and_a_line(command, more, capsys):
    assert main(["deploy", *command, f"--flags={FLAGS}", *more]) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    "command",
    [
        ["request", "--plan-here=uk_bank", f"--flags={FLAGS}"],
        ["fingerprint", "--plan-here=uk_bank", f"--flags={FLAGS}"],
        ["template", f"--image=europe-west2-docker.pkg.dev/p/r/n@sha256:{DIGEST}"],
        ["launch", "--spec=gs://b/spec.json", f"--flags={FLAGS}"],
    ],
    ids=lambda command: command[0],
)
def test_what_cannot_be_written_ends_with_2_and_a_line(command, tmp_path, capsys):
    assert main(["deploy", *command, f"--out={tmp_path / 'missing' / 'x.json'}"]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"sdk_container_image": "europe-west2-docker.pkg.dev/p/r/nextbeam:latest"}, "names no digest"),
        (
            {"service_account_email": "123-compute@developer.gserviceaccount.com"},
            "no service account made for",
        ),
        ({"dataflow_kms_key": "my-key"}, "is not projects/"),
        ({"subnetwork": "default"}, "is not regions/"),
        ({"region": "europe-west1"}, "it is in europe-west2, the job in europe-west1"),
        ({"temp_location": "/tmp/x"}, "is not gs://"),
        ({"temp_location": "gs:///"}, "is not gs://"),
        ({"staging_location": "/tmp/x"}, "is not gs://"),
        ({"sdk_container_image": f"EUROPE/x@sha256:{DIGEST}"}, "names no digest"),
        ({"job_name": "Job_1"}, "is no name of a job"),
        ({"plan": "uk_bank"}, "workers read the plan themselves"),
        ({"max_num_workers": "0"}, "--max_num_workers is missing"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(values, why):
    with pytest.raises(UsageError, match=re.escape(why)):
        build_request(changed(**values), PLAN)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(UsageError) as refusal:
        build_request(flags("--use_public_ips", without=("dataflow_kms_key", "subnetwork")), PLAN)
    assert len(str(refusal.value).splitlines()) == 4


def test_a_plan_whose_capacity_is_shared_is_refused():
    """A book of capacity is one process's: on many workers each would spend all of it."""
    with pytest.raises(UsageError, match="volume constraints"):
        build_request(flags(), "tests/plans/capacity")


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)  # of Beam's watch on the service
def test_the_jar_that_is_given_is_the_one_that_is_run_and_none_is_fetched(monkeypatch, tmp_path):
    """As far as it goes here: the jar is not that of Beam, and so its service does not start."""
    jar, asked = tmp_path / "service.jar", tmp_path / "asked"
    jar.write_bytes(b"")
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {asked}\nexit 1\n')
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{java.parent}:{os.environ['PATH']}")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    image = f"europe-west2-docker.pkg.dev/p/r/beam_java@sha256:{DIGEST}"
    given = [
        "--bigquery_method=storage_write_api",
        "--beam_services=" + json.dumps({EXPANSION_SERVICE: str(jar)}),
        f"--sdk_harness_container_image_overrides=.*java.*,{image}",
    ]
    with pytest.raises(UsageError, match="failed to start up"):
        build_request(flags(*given), PLAN)
    assert asked.read_text().splitlines()[:2] == ["-jar", str(jar)]


def test_nothing_is_sent_and_nothing_is_looked_up():
    with no_network():
        for ask in (
            lambda: socket.create_connection(("192.0.2.1", 80)),
            lambda: socket.getaddrinfo("a.test", 80),
        ):
            with pytest.raises(NetworkUsedError):
                ask()
    assert socket.getaddrinfo.__module__ == "socket"


def _reached(channel: grpc.Channel) -> bool:
    try:
        grpc.channel_ready_future(channel).result(timeout=5)
    except grpc.FutureTimeoutError:
        return False
    return True


@pytest.fixture
def listener():
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None)


@pytest.mark.parametrize("opened", [grpc.insecure_channel, grpc.aio.insecure_channel])
def test_grpc_is_off_too_though_it_has_sockets_of_its_own(opened, listener):
    """Google's clients talk by it."""
    with no_network(), pytest.raises(NetworkUsedError, match=re.escape(listener)):
        opened(listener)
    with grpc.insecure_channel(listener) as channel:
        assert _reached(channel)


def test_a_service_on_this_machine_can_be_let_in_and_no_other(listener):
    """Beam runs Java beside us, for the Storage Write API."""
    with no_network(services_here=True):
        with grpc.insecure_channel(listener) as channel:
            assert _reached(channel)
        for away in ("192.0.2.1:80", "localhost.a.test:80", "dns:///127.0.0.1:80"):
            with pytest.raises(NetworkUsedError):
                grpc.insecure_channel(away)


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--use_public_ips=false", False), ("--no_use_public_ips=true", False), ("--use_public_ips=TRUE", True)],
)
def test_switches_may_have_a_value_as_templates_give_them(flag, value):
    assert beam_options([flag]).get_all_options()["use_public_ips"] is value
    assert beam_options(["--update=false"]).get_all_options()["update"] is False


def test_help_tells_of_every_flag_of_ours():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    add_stream_arguments(parser)
    assert all(action.help for action in parser._actions)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("--use_public_ips", "public addresses"),
        ("--mapping=decide_50", "launched from its image"),
        ("--log_pepper=env:PEPPER", "not set in workers"),
        ("--metrics_port=9000", "nobody reaches a worker"),
    ],
)
def test_the_launcher_refuses_what_the_check_refuses(more, why, capsys):
    given = flags("--runner=DataflowRunner", more, without=("log_pepper",) if "pepper" in more else ())
    with no_network():
        assert job_main(given) == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    ("job", "told"),
    [(None, "who launched the template submits it"), (Job(id="2026-11-21_01"), "2026-11-21_01")],
)
def test_a_template_has_no_job_yet(job, told, monkeypatch, capsys):
    monkeypatch.setattr(streaming, "start", lambda *_: DataflowPipelineResult(job, None))
    streaming._submit(None, None)
    assert told in capsys.readouterr().out
