"""The flex template: its spec says what the options say, and a launch says what the flags say."""

import http.server
import json
import re
import threading
from typing import ClassVar

import pytest
from deployed_job import FLAGS, ROOT, changed, flags
from discovery import violations
from requests import Session

from pipelines.cli import main
from pipelines.decisioning import main as job_main
from pipelines.deploy.job_flags import JobFlags
from pipelines.deploy.launching import launch_body, send
from pipelines.deploy.template import container_spec
from pipelines.locate import UsageError
from pipelines.options import beam_options

IMAGE = "europe-west2-docker.pkg.dev/nextbeam-check/nextbeam/nextbeam@sha256:" + "0" * 64
SPEC = "gs://nextbeam-check-releases/0.1.0/spec.json"
PARAMETERS = {each["name"]: each for each in container_spec(IMAGE)["metadata"]["parameters"]}
ON_THIS_MACHINE = {"signals", "outcomes", "out", "metrics_port"}


def _help(capsys) -> dict[str, str]:
    """What `--help` of the job says of each flag, without its line breaks."""
    with pytest.raises(SystemExit):
        job_main(["--help"])
    text = capsys.readouterr().out.partition("options:")[2]
    found = re.findall(r"^  --(\w+) [^\n]*?(?:  +|\n +)(\S.*?)(?=^  -|\Z)", text, re.M | re.S)
    return {name: " ".join(words.split()) for name, words in found}


def test_the_template_takes_what_the_job_takes_and_says_the_same_of_it(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    said = _help(capsys)
    assert set(PARAMETERS) == set(said) - ON_THIS_MACHINE
    assert {name: each["helpText"] for name, each in PARAMETERS.items()} == {
        name: said[name] for name in PARAMETERS
    }


def test_dataflow_knows_every_field_of_the_spec():
    assert violations("dataflow.v1b3", "ContainerSpec", container_spec(IMAGE)) == []


@pytest.mark.parametrize("wrong", [{"paramType": "PUBSUB_SUBS"}, {"helptext": "x"}])
def test_dataflow_would_refuse_a_parameter_that_it_does_not_know(wrong):
    spec = container_spec(IMAGE)
    spec["metadata"]["parameters"][0] |= wrong
    assert len(violations("dataflow.v1b3", "ContainerSpec", spec)) == 1


def test_it_streams_exactly_once_and_in_no_other_way():
    spec = container_spec(IMAGE)
    assert spec["metadata"]["streaming"] is True
    assert spec["metadata"]["supportsExactlyOnce"] is True
    assert spec["metadata"]["supportsAtLeastOnce"] is False
    assert spec["defaultEnvironment"]["streamingMode"] == "STREAMING_MODE_EXACTLY_ONCE"
    assert spec["defaultEnvironment"]["ipConfiguration"] == "WORKER_IP_PRIVATE"
    assert spec["image"] == spec["defaultEnvironment"]["sdkContainerImage"] == IMAGE


@pytest.mark.parametrize(
    ("name", "kind", "optional", "default"),
    [
        ("plan", "GCS_READ_FOLDER", False, None),
        ("plan_keys", "TEXT", False, None),
        ("signals_subscription", "PUBSUB_SUBSCRIPTION", False, None),
        ("dead_letters_topic", "PUBSUB_TOPIC", False, None),
        ("heartbeats_topic", "PUBSUB_TOPIC", True, None),
        ("bigquery_method", "ENUM", True, "streaming_inserts"),
        ("plan_refresh", "NUMBER", True, "60.0"),
        ("mapping", "TEXT", True, None),
    ],
)
def test_parameters_have_their_type(name, kind, optional, default):
    found = PARAMETERS[name]
    assert (found["paramType"], found["isOptional"], found.get("defaultValue")) == (kind, optional, default)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("plan", "gs://b/plans/current", "uk_bank"),
        ("signals_subscription", "signals-decisioning", "s"),
        ("signals_subscription", "projects/p/subscriptions/signals-decisioning", "projects/p/topics/signals"),
        ("decisions_topic", "projects/p/topics/decisions", "projects/p/subscriptions/decisions"),
        ("bigquery_dataset", "nextbeam", "next-beam"),
        ("bigquery_dataset", "some-bank.nextbeam", "a.b.c"),
    ],
)
def test_the_pattern_of_a_parameter_takes_what_the_job_takes(name, good, bad):
    [pattern] = PARAMETERS[name]["regexes"]
    assert re.search(pattern, good)
    assert not re.search(pattern, bad)
    JobFlags.of(changed(**{name: good}))
    with pytest.raises(UsageError):
        JobFlags.of(changed(**{name: bad}))


@pytest.mark.parametrize(
    "image", ["nextbeam:latest", "nextbeam", IMAGE[:-1], IMAGE.replace("@", ":1@") + "0", ""]
)
def test_an_image_without_a_digest_is_refused(image):
    with pytest.raises(UsageError, match="a tag can be moved"):
        container_spec(image)


def test_the_command_writes_the_spec(tmp_path):
    assert main(["deploy", "template", "--image", IMAGE, "--out", str(tmp_path / "spec.json")]) == 0
    assert json.loads((tmp_path / "spec.json").read_text()) == container_spec(IMAGE)


# --- launch ---


def _body(*more: str, **options) -> dict:
    return launch_body(JobFlags.of(flags(*more)), SPEC, **options)


def test_dataflow_knows_every_field_of_a_launch():
    mapping = '--transform_name_mapping={"Old": "New"}'
    body = _body(
        "--update", mapping, "--experiments=use_network_tags=worker", "--num_workers=2", validate_only=True
    )
    assert violations("dataflow.v1b3", "LaunchFlexTemplateRequest", body) == []
    parameter = body["launchParameter"]
    assert (parameter["update"], parameter["transformNameMappings"]) == (True, {"Old": "New"})
    assert parameter["environment"]["additionalExperiments"] == [
        "enable_kms_on_streaming_engine",
        "use_network_tags=worker",
    ]
    assert parameter["environment"]["numWorkers"] == 2
    assert body["validateOnly"] is True


def test_a_launch_says_all_that_the_flags_say():
    """What the launcher makes of the request is the job that the flags describe."""
    parameter = _body("--disk_size_gb=50", "--dataflow_service_options=min_num_workers=2")["launchParameter"]
    environment = parameter["environment"]
    assert parameter["parameters"].keys() <= PARAMETERS.keys()
    assert all(isinstance(value, str) for value in parameter["parameters"].values())
    assert environment["additionalPipelineOptions"] == [
        "dataflow_service_options=min_num_workers=2",
        "disk_size_gb=50",
    ]
    assert environment["maxWorkers"] == 10
    assert environment["sdkContainerImage"] == IMAGE
    assert environment["additionalUserLabels"] == {"env": "check"}
    told = {"--" + flag.partition("=")[0].removeprefix("--") for flag in flags()}
    ours = {f"--{name}" for name in parameter["parameters"]}
    beams = {
        "--project",
        "--region",
        "--job_name",
        "--temp_location",
        "--staging_location",
        "--service_account_email",
        "--dataflow_kms_key",
        "--subnetwork",
        "--sdk_container_image",
        "--max_num_workers",
        "--experiments",
        "--labels",
    }
    assert told == ours | beams


def test_options_of_beam_without_a_place_come_back_as_they_were():
    more = _body(
        "--disk_size_gb=50", "--element_processing_timeout_minutes=30", "--enable_bucket_read_metric_counter"
    )
    options = [f"--{each}" for each in more["launchParameter"]["environment"]["additionalPipelineOptions"]]
    read = beam_options(options).get_all_options()
    assert (read["disk_size_gb"], read["element_processing_timeout_minutes"]) == (50, 30)
    assert read["enable_bucket_read_metric_counter"] is True


def test_a_launch_says_that_state_is_under_our_key_though_the_flags_do_not():
    body = launch_body(JobFlags.of(flags(without=("experiments",))), SPEC)
    assert body["launchParameter"]["environment"]["additionalExperiments"] == [
        "enable_kms_on_streaming_engine"
    ]


def test_keys_in_a_file_are_sent_and_not_its_name(tmp_path):
    [key] = [flag for flag in flags() if flag.startswith("--plan_keys=")]
    spki = key.partition("=")[2]
    (tmp_path / "keys.pem").write_text(f"-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n")
    body = launch_body(JobFlags.of(changed(plan_keys=str(tmp_path / "keys.pem"))), SPEC)
    assert body["launchParameter"]["parameters"]["plan_keys"] == spki


@pytest.mark.parametrize("spec", ["spec.json", "gs://bucket/", "https://x/spec.json"])
def test_a_spec_that_is_no_file_in_a_bucket_is_refused(spec):
    with pytest.raises(UsageError, match="is not gs://"):
        launch_body(JobFlags.of(flags()), spec)


def test_a_job_that_is_not_fit_is_not_launched(capsys):
    assert main(["deploy", "launch", f"--flags={FLAGS}", f"--spec={SPEC}", "--use_public_ips", "--send"]) == 2
    assert "public addresses" in capsys.readouterr().err


def test_the_launch_of_a_breaking_release_is_one_that_is_taken():
    """As the page on it says it, on top of a file of flags."""
    page = (ROOT / "docs" / "dataflow.md").read_text("utf-8")
    [said] = re.findall(r"(?ms)^ +nextbeam deploy launch .*?--silent_until.*?(?=\n\n)", page)
    more = [
        flag
        for flag in re.findall(r"--[a-z]\S+", said)
        if re.match("--(job_name|silent|signals|outcomes)", flag)
    ]
    parameter = launch_body(JobFlags.of(flags(*more)), SPEC)["launchParameter"]
    assert parameter["jobName"] == "nextbeam-decisioning-b"
    assert parameter["parameters"]["silent_until"] == "2026-11-21T18:00Z"
    assert parameter["parameters"]["signals_subscription"] == "signals-decisioning-b"
    assert parameter["parameters"]["outcomes_subscription"] == "outcomes-decisioning-b"


def test_without_send_it_is_only_printed(capsys):
    assert main(["deploy", "launch", f"--flags={FLAGS}", f"--spec={SPEC}", "--validate-only"]) == 0
    assert json.loads(capsys.readouterr().out) == _body(validate_only=True)


class _Dataflow(http.server.BaseHTTPRequestHandler):
    """Answers as it is told, and keeps what it was asked."""

    answer = (200, "{}")
    asked: ClassVar[list] = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.path, json.loads(body)))
        code, text = self.answer
        self.send_response(code)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def dataflow():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Dataflow)
    _Dataflow.asked.clear()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("validate_only", "answer", "told"),
    [
        (False, '{"job": {"id": "2026-11-21_01", "name": "nextbeam-decisioning"}}', "job 2026-11-21_01"),
        (True, "{}", "Dataflow finds nothing wrong with it"),
    ],
)
def test_a_launch_is_one_request_with_that_body(validate_only, answer, told, dataflow, monkeypatch):
    monkeypatch.setattr(_Dataflow, "answer", (200, answer))
    body = _body(validate_only=validate_only)
    assert send(body, "nextbeam-check", "europe-west2", Session(), endpoint=dataflow) == told
    path = "/v1b3/projects/nextbeam-check/locations/europe-west2/flexTemplates:launch"
    assert _Dataflow.asked == [(path, body)]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((400, '{"error": {"message": "unknown parameter x"}}'), r"refuses it \(400\): unknown parameter x"),
        ((403, '{"error": {"message": "no actAs"}}'), r"refuses it \(403\): no actAs"),
        ((502, "<html>"), "does not answer"),
        ((200, '{"job": {}}'), "says nothing of a job"),
    ],
)
def test_a_refusal_is_told(answer, told, dataflow, monkeypatch):
    monkeypatch.setattr(_Dataflow, "answer", answer)
    with pytest.raises(UsageError, match=told):
        send(_body(), "p", "europe-west2", Session(), endpoint=dataflow)


def test_a_dataflow_that_is_away_is_told():
    with pytest.raises(UsageError, match="does not answer"):
        send(_body(), "p", "europe-west2", Session(), endpoint="http://127.0.0.1:1")
