"""What a job on Dataflow is told: what we set for it, and what the operator has to; refused whole if it is unsafe."""

import ast
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from apache_beam.options.pipeline_options import (
    DebugOptions,
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    WorkerOptions,
)

import models
from pipelines.deploy.image import BY_DIGEST
from pipelines.deploy.refusals import ELEMENT_TIMEOUT_MIN, refused
from pipelines.deploy.release import release
from pipelines.locate import UsageError
from pipelines.stream_flags import StreamConfig

IMAGE = "NEXTBEAM_IMAGE"
"""Set in our image: there, a path names the same file for the launcher and for the workers."""
EXPANSION_SERVICE = "sdks:java:io:google-cloud-platform:expansion-service:build"
"""Beam's name for the service that knows the Storage Write API."""
EXACTLY_ONCE = "streaming_mode_exactly_once"
STATE_KEY = "enable_kms_on_streaming_engine"
"""Without it a key of ours is that of disks only, and the state of customers is not on them."""
NO_FREEZE = "disable_logging_submission_environment"
"""Without it the launcher stages a list of its packages, for workers to log."""

_ACCOUNT = re.compile(r"[a-z][a-z0-9-]+@[a-z0-9.-]+\.iam\.gserviceaccount\.com")
_KEY = re.compile(r"projects/[^/]+/locations/(?P<place>[^/]+)/keyRings/[^/]+/cryptoKeys/[^/]+")
_SUBNET = re.compile(
    r"(https://www\.googleapis\.com/compute/v1/)?(projects/[^/]+/)?regions/(?P<place>[^/]+)/subnetworks/[^/]+"
)
_FOLDER = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[^/\s]+)+/?")
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}=[a-z0-9_-]{0,63}")


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
    for experiment in (NO_FREEZE, STATE_KEY):
        if not debug.lookup_experiment(experiment):
            debug.add_experiment(experiment)
    modes = [each for each in cloud.dataflow_service_options or [] if each.startswith("streaming_mode_")]
    if not modes:
        cloud.dataflow_service_options = [*(cloud.dataflow_service_options or []), EXACTLY_ONCE]
    labels = {"app": "nextbeam", "release": release().replace(".", "-")} | labels_of(cloud.labels)
    cloud.labels = [f"{name}={value}" for name, value in labels.items()]


def labels_of(given: Sequence[str] | None) -> dict[str, str]:
    """Labels as Beam reads them: `name=value`, or a dict as the launcher of a template writes it.

    Raises:
      UsageError: One is neither.
    """
    found: dict[str, str] = {}
    for label in given or ():
        if "{" in label:
            found |= _labels_in(label)
        elif "=" in label:
            name, value = label.split("=", 1)
            found[name] = value
        else:
            raise UsageError(f"--labels: {label!r} is not NAME=VALUE")
    return found


def _labels_in(text: str) -> dict[str, str]:
    try:
        return {str(name): str(value) for name, value in ast.literal_eval(text).items()}
    except (ValueError, SyntaxError, AttributeError):
        raise UsageError(f"--labels: {text!r} is not NAME=VALUE") from None


def check(options: PipelineOptions, config: StreamConfig) -> None:
    """Refuse a job that is not fit for production, with all that is wrong with it.

    Args:
      options: As settled.
      config: Our own flags, checked.

    Raises:
      UsageError: Something is missing or unsafe.
    """
    given = options.get_all_options()
    found = list(_of_shape(given))
    if not found:
        found = [*_of_flags(given), *refused(given), *_of_job(given, config)]
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
    _Rule("temp_location", "a folder of a bucket", _FOLDER.fullmatch, "is not gs://BUCKET/FOLDER"),
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
        BY_DIGEST.fullmatch,
        "names no digest (HOST/PROJECT/REPOSITORY/NAME@sha256:...): a tag can be moved while the job runs",
    ),
    _Rule("max_num_workers", "it is the cap of what the job can cost", str.isdecimal, "is no number"),
)


def _of_flags(given: Mapping[str, Any]) -> Iterator[str]:
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
    staging = given["staging_location"]
    if staging and not _FOLDER.fullmatch(staging):
        yield f"--staging_location: {staging!r} is not gs://BUCKET/FOLDER; leave it out, and it is --temp_location"
    for name, value in labels_of(given["labels"]).items():
        if not _LABEL.fullmatch(f"{name}={value}"):
            yield f"--labels: {name}={value} is not NAME=VALUE, in lower case: letters, digits, _ and -"


def _of_shape(given: Mapping[str, Any]) -> Iterator[str]:
    """What Beam reads as JSON and does not look at."""
    for flag in ("transform_name_mapping", "sdk_harness_log_level_overrides", "beam_services"):
        value = given[flag]
        if value is not None and not (
            isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
        ):
            yield f"--{flag}: {value!r} is no JSON of names to texts"


def _of_job(given: Mapping[str, Any], config: StreamConfig) -> Iterator[str]:
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
        yield from _of_storage_write(given)


def _of_storage_write(given: Mapping[str, Any]) -> Iterator[str]:
    jar = (given["beam_services"] or {}).get(EXPANSION_SERVICE)
    if not jar or not Path(jar).is_file():
        yield (
            "--bigquery_method=storage_write_api: Beam would download the jar of its Java sink (beam-sdks-java-io-"
            f"google-cloud-platform-expansion-service-{_beam()}.jar) as the job is launched, and there is "
            f"{'none at ' + repr(jar) if jar else 'no way to it'}. The image's target storage-write has it; elsewhere "
            f"""give it by --beam_services='{{"{EXPANSION_SERVICE}": "/path/to.jar"}}'"""
        )
    if not shutil.which("java") and not os.environ.get("JAVA_HOME"):
        yield "--bigquery_method=storage_write_api: there is no Java here to run the jar with"
    overrides = given["sdk_harness_container_image_overrides"] or []
    if not any("java" in each and BY_DIGEST.fullmatch(each.partition(",")[2]) for each in overrides):
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
