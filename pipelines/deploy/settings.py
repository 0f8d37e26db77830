"""What a job on Dataflow is told: what we set for it, and what the operator has to; refused whole if it is unsafe."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from apache_beam.options.pipeline_options import (
    CrossLanguageOptions,
    DebugOptions,
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    TypeOptions,
    WorkerOptions,
)

import models
from pipelines.deploy.release import release
from pipelines.locate import UsageError
from pipelines.stream_flags import StreamConfig

IMAGE = "NEXTBEAM_IMAGE"
"""Set in our image: there, a path names the same file for the launcher and for the workers."""
EXPANSION_SERVICE = "sdks:java:io:google-cloud-platform:expansion-service:build"
"""Beam's name for the service that knows the Storage Write API."""
ELEMENT_TIMEOUT_MIN = 20
"""Longer than a bundle waits for BigQuery, which is no reason to end a worker."""

EXACTLY_ONCE = "streaming_mode_exactly_once"
NO_FREEZE = "disable_logging_submission_environment"
"""Without it the launcher stages a list of its packages, for workers to log."""

_DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")
_ACCOUNT = re.compile(r"[a-z][a-z0-9-]+@[a-z0-9.-]+\.iam\.gserviceaccount\.com")
_KEY = re.compile(r"projects/[^/]+/locations/(?P<place>[^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+")
_SUBNET = re.compile(
    r"(https://www\.googleapis\.com/compute/v1/)?(projects/[^/]+/)?regions/(?P<place>[^/]+)/subnetworks/[^/]+"
)
_ENDPOINT = re.compile(r"https://([a-z0-9-]+\.)*googleapis\.com/?")


def on_dataflow(runner: str | None) -> bool:
    """Whether Beam would take the name of this runner for Dataflow's."""
    return "dataflow" in (runner or "").lower()


def settle(options: PipelineOptions) -> None:
    """Set what is always so in production, where the operator has not said otherwise.

    Exactly once is what Dataflow does by default: at least once would apply a contact to a ledger twice. It is said so
    that it is seen in the request.
    """
    setup, worker = options.view_as(SetupOptions), options.view_as(WorkerOptions)
    cloud, debug = options.view_as(GoogleCloudOptions), options.view_as(DebugOptions)
    if setup.sdk_location == "default":
        setup.sdk_location = "container"
    if setup.save_main_session is None:
        setup.save_main_session = False
    if worker.use_public_ips is None:
        worker.use_public_ips = False
    if worker.element_processing_timeout_minutes is None:
        worker.element_processing_timeout_minutes = ELEMENT_TIMEOUT_MIN
    if not debug.lookup_experiment(NO_FREEZE):
        debug.add_experiment(NO_FREEZE)
    modes = [each for each in cloud.dataflow_service_options or [] if each.startswith("streaming_mode_")]
    if not modes:
        cloud.dataflow_service_options = [*(cloud.dataflow_service_options or []), EXACTLY_ONCE]
    labels = {"app": "nextbeam", "release": release().replace(".", "-")}
    given = list(cloud.labels or [])
    named = {label.split("=", 1)[0] for label in given}
    cloud.labels = given + [f"{name}={value}" for name, value in labels.items() if name not in named]


def check(options: PipelineOptions, config: StreamConfig) -> None:
    """Refuse a job that is not fit for production, with all that is wrong with it.

    Args:
      options: As settled.
      config: Our own flags, checked.

    Raises:
      UsageError: Something is missing or unsafe.
    """
    found = [*_of_flags(options), *_of_job(options, config)]
    if found:
        raise UsageError("not fit for Dataflow:" + "".join(f"\n  {each}" for each in found))


class _Rule(NamedTuple):
    """A flag that has to have a value, and one that fits."""

    flag: str
    missing: str
    fits: Callable[[str], object]
    else_: str


_RULES = (
    _Rule("project", "whose job it is", str.strip, ""),
    _Rule(
        "region",
        "data stay in one; e.g. europe-west2",
        re.compile(r"[a-z]+-[a-z]+\d+").fullmatch,
        "is no region",
    ),
    _Rule(
        "job_name",
        "a running job is updated by its name",
        re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?").fullmatch,
        "is no name of a job: lower case, digits and hyphens, 63 at most",
    ),
    _Rule("temp_location", "a folder of a bucket", re.compile(r"gs://.+").fullmatch, "is not gs://..."),
    _Rule(
        "service_account_email",
        "workers have an identity of their own, not the project's default",
        _ACCOUNT.fullmatch,
        "is no service account made for this job (NAME@PROJECT.iam.gserviceaccount.com)",
    ),
    _Rule(
        "dataflow_kms_key",
        "state and shuffled data are encrypted by a key of yours",
        _KEY.fullmatch,
        "is not projects/.../locations/.../keyRings/.../cryptoKeys/...",
    ),
    _Rule(
        "subnetwork",
        "workers have no way to the internet",
        _SUBNET.fullmatch,
        "is not regions/.../subnetworks/...",
    ),
    _Rule(
        "sdk_container_image",
        "workers run the image that was tested",
        _DIGEST.fullmatch,
        "names no digest (...@sha256:...): a tag can be moved while the job runs",
    ),
    _Rule("max_num_workers", "it is the cap of what the job can cost", str.isdecimal, "is no number"),
)


def _of_flags(options: PipelineOptions) -> Iterator[str]:
    given = options.get_all_options()
    for rule in _RULES:
        value = given.get(rule.flag)
        if not value:
            yield f"--{rule.flag} is missing: {rule.missing}"
        elif not rule.fits(str(value)):
            yield f"--{rule.flag}: {value!r} {rule.else_}"
    region = given.get("region")
    for flag, form in (("dataflow_kms_key", _KEY), ("subnetwork", _SUBNET)):
        place = form.fullmatch(given.get(flag) or "")
        if region and place and place["place"] != region:
            yield f"--{flag}: it is in {place['place']}, the job in {region}"
    yield from _unsafe(options)


def _unsafe(options: PipelineOptions) -> Iterator[str]:
    cloud, debug = options.view_as(GoogleCloudOptions), options.view_as(DebugOptions)
    setup, worker = options.view_as(SetupOptions), options.view_as(WorkerOptions)
    types = options.view_as(TypeOptions)
    experiments, services = debug.experiments or [], cloud.dataflow_service_options or []
    timeout = worker.element_processing_timeout_minutes
    wrong = {
        "--use_public_ips: workers would have public addresses": worker.use_public_ips,
        f"--sdk_location={setup.sdk_location}: something would be installed as workers start; leave it out": (
            setup.sdk_location != "container"
        ),
        "--setup_file, --requirements_file, --extra_package: something would be installed as workers start; "
        "build it into the image": setup.setup_file or setup.requirements_file or setup.extra_packages,
        "--prebuild_sdk_container_engine: the image is built and scanned before": setup.prebuild_sdk_container_engine,
        "--save_main_session: classes come from the image, and nothing of the launcher's is pickled": (
            setup.save_main_session
        ),
        "at least once: a message that comes twice would count twice in a ledger; leave the mode out": any(
            "at_least_once" in each for each in [*experiments, *services]
        ),
        "--enable_hot_key_logging: keys are customers, and would be in the logs": cloud.enable_hot_key_logging,
        "--experiments=enable_data_sampling: customers' events would be shown in the console": (
            debug.lookup_experiment("enable_data_sampling")
        ),
        "--flexrs_goal is for batches": cloud.flexrs_goal,
        "--no_auth: the job would be nobody's": cloud.no_auth,
        f"--dataflow_endpoint: {cloud.dataflow_endpoint!r} is not of Google": not _ENDPOINT.fullmatch(
            cloud.dataflow_endpoint
        ),
        "--allow_non_deterministic_key_coders, --allow_unsafe_triggers: the graph needs neither": (
            types.allow_non_deterministic_key_coders or types.allow_unsafe_triggers
        ),
        f"--element_processing_timeout_minutes={timeout}: a bundle may wait longer than that for BigQuery; "
        f"say {ELEMENT_TIMEOUT_MIN} or more": (timeout or 0) < ELEMENT_TIMEOUT_MIN,
    }
    yield from (text for text, found in wrong.items() if found)


def _of_job(options: PipelineOptions, config: StreamConfig) -> Iterator[str]:
    if not config.plan.startswith("gs://"):
        yield f"--plan: {config.plan!r} is not gs://...: workers read the plan themselves, and again when it changes"
    if not config.keys:
        yield "--plan_keys is missing: whoever can write to the plan's bucket would decide what customers are told"
    if (config.log_pepper or "").startswith("env:"):
        yield f"--log_pepper: {config.log_pepper!r} is not set in workers; name a secret"
    if config.metrics_port is not None:
        yield "--metrics_port: nobody reaches a worker; Dataflow's own metrics have the counters"
    if config.mapping and Path(models.__file__).parent not in config.mapping.resolve().parents:
        yield f"--mapping: {str(config.mapping)!r} is not in the image; name one that is shipped"
    if config.dataset and config.method == "storage_write_api":
        yield from _of_storage_write(options)


def _of_storage_write(options: PipelineOptions) -> Iterator[str]:
    jar = (options.view_as(CrossLanguageOptions).beam_services or {}).get(EXPANSION_SERVICE)
    if not jar or not Path(jar).is_file():
        yield (
            "--bigquery_method=storage_write_api: Beam would download the jar of its Java sink (beam-sdks-java-io-"
            f"google-cloud-platform-expansion-service-{_beam()}.jar) as the job is launched, and there is "
            f"{'none at ' + repr(jar) if jar else 'no way to it'}. The image's target storage-write has it; elsewhere "
            f"""give it by --beam_services='{{"{EXPANSION_SERVICE}": "/path/to.jar"}}'"""
        )
    if not shutil.which("java") and not os.environ.get("JAVA_HOME"):
        yield "--bigquery_method=storage_write_api: there is no Java here to run the jar with"
    overrides = options.view_as(WorkerOptions).sdk_harness_container_image_overrides or []
    if not any("java" in each and _DIGEST.fullmatch(each.partition(",")[2]) for each in overrides):
        yield (
            "--bigquery_method=storage_write_api: workers would pull Beam's Java image by its tag; "
            "say --sdk_harness_container_image_overrides='.*java.*,IMAGE@sha256:...'"
        )


def _beam() -> str:
    from apache_beam.version import __version__  # noqa: PLC0415  (it says itself what it is)

    return str(__version__)


def check_launcher(config: StreamConfig) -> None:
    """Refuse to submit what workers could not find, because they run in the image and the launcher does not.

    Raises:
      UsageError: The mapping is named by its path here.
    """
    if config.mapping and not os.environ.get(IMAGE):
        raise UsageError(
            "--mapping: a job with a mapping is launched from its image, where workers find it, too"
        )
