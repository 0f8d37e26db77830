"""Flags of Beam and Dataflow that a job is refused for, each with the reason and what to do instead."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from pipelines.deploy.image import BY_DIGEST

ELEMENT_TIMEOUT_MIN = 20
"""Longer than a bundle waits for BigQuery, which is no reason to end a worker."""

_ENDPOINT = re.compile(r"https://([a-z0-9-]+\.)*googleapis\.com/?")
_SUFFIX = re.compile(r"-[a-z]")
_OTHER_RUNNERS = {
    "disable_portable_runner",
    "disable_prime_runner_v2",
    "disable_runner_v2",
    "disable_runner_v2_until_2023",
    "disable_runner_v2_until_v2.50",
    "enable_streaming_java_runner",
}

Given = Mapping[str, Any]
"""Options of Beam, by name, with their defaults."""


class Refusal(NamedTuple):
    """A rule."""

    text: str
    """The flag, why it is refused, and the remedy; `{flag}` stands for the value of a flag."""
    applies: Callable[[Given], object]


def refused(given: Given) -> Iterator[str]:
    """What is unsafe, a line each.

    Args:
      given: All options of the job, as settled.
    """
    yield from (rule.text.format_map(given) for rule in REFUSALS if rule.applies(given))


def is_on(given: Given, experiment: str) -> bool:
    """Whether an experiment is asked for, by its name alone or with a value."""
    return any(each.partition("=")[0] == experiment for each in given["experiments"] or ())


def _any(*flags: str) -> Callable[[Given], object]:
    return lambda given: any(given[flag] for flag in flags)


def _profiled(given: Given) -> bool:
    return any(
        given[flag] for flag in ("profile_cpu", "profile_memory", "profile_location", "profiler_agent")
    )


def _elsewhere(given: Given) -> bool:
    region = given["region"] or ""
    zones = [given[flag] for flag in ("worker_zone", "zone") if given[flag]]
    outside = [zone for zone in zones if not _SUFFIX.fullmatch(zone.removeprefix(region))]
    return bool(outside) or given["worker_region"] not in (None, region)


def _talkative(given: Given) -> bool:
    levels = given["sdk_harness_log_level_overrides"] or {}
    default = given["default_sdk_harness_log_level"]
    return any(
        _level(each) < logging.INFO for each in [*levels.values(), *([] if default is None else [default])]
    )


def _level(said: object) -> int:
    """A level of logging; what is none is below all."""
    text = str(said)
    return int(text) if text.isdecimal() else logging.getLevelNamesMapping().get(text, logging.NOTSET)


def _movable_images(given: Given) -> bool:
    overrides = given["sdk_harness_container_image_overrides"] or []
    return not all(BY_DIGEST.fullmatch(each.partition(",")[2]) for each in overrides)


def _twice(given: Given) -> bool:
    said = [*(given["experiments"] or []), *(given["dataflow_service_options"] or [])]
    return any("at_least_once" in each for each in said)


def _foreign(flag: str) -> Callable[[Given], object]:
    return lambda given: given[flag] and not _ENDPOINT.fullmatch(given[flag])


REFUSALS = (
    # Who reaches a worker, and where it is.
    Refusal(
        "--use_public_ips: workers would have public addresses; leave it out, they have private ones",
        _any("use_public_ips"),
    ),
    Refusal("--network={network}: the subnetwork says which network it is in; leave it out", _any("network")),
    Refusal(
        "--worker_region, --worker_zone, --zone: workers, and customers' data with them, stay in --region={region}; "
        "leave them out, or name a zone of it",
        _elsewhere,
    ),
    Refusal(
        "--dataflow_endpoint: {dataflow_endpoint!r} is not of Google; leave it out",
        _foreign("dataflow_endpoint"),
    ),
    Refusal("--pubsub_root_url: {pubsubRootUrl!r} is not of Google; leave it out", _foreign("pubsubRootUrl")),
    # As whom.
    Refusal("--no_auth: the job would be nobody's; leave it out", _any("no_auth")),
    Refusal(
        "--impersonate_service_account: the job would be launched as another than whom the release was approved for; "
        "workers have --service_account_email, and who launches has credentials of their own",
        _any("impersonate_service_account"),
    ),
    # What runs.
    Refusal(
        "--sdk_location={sdk_location}: something would be installed as workers start; leave it out",
        lambda given: given["sdk_location"] != "container",
    ),
    Refusal(
        "--setup_file, --requirements_file, --extra_package, --files_to_stage: something would be installed as workers "
        "start; build it into the image",
        _any("setup_file", "requirements_file", "extra_packages", "files_to_stage"),
    ),
    Refusal(
        "--prebuild_sdk_container_engine: the image is built and scanned before; leave it out",
        _any("prebuild_sdk_container_engine"),
    ),
    Refusal(
        "--worker_harness_container_image: the old name; say --sdk_container_image, by digest",
        _any("worker_harness_container_image"),
    ),
    Refusal(
        "--sdk_harness_container_image_overrides: an image without a digest can be moved; say PATTERN,IMAGE@sha256:...",
        _movable_images,
    ),
    Refusal(
        "--save_main_session: classes come from the image, and nothing of the launcher's is pickled; leave it out",
        _any("save_main_session"),
    ),
    Refusal(
        "--pickle_library={pickle_library}: the image has cloudpickle, Beam's default, alone; leave it out",
        lambda given: given["pickle_library"] not in (None, "default", "cloudpickle"),
    ),
    Refusal(
        "--experiments: {experiments} ask for another runner; Python streams on runner v2 only",
        lambda given: any(is_on(given, each) for each in _OTHER_RUNNERS),
    ),
    Refusal("--flexrs_goal is for batches; leave it out", _any("flexrs_goal")),
    # What is kept.
    Refusal(
        "at least once: a message that comes twice would count twice in a ledger; leave the mode out", _twice
    ),
    Refusal(
        "--experiments=enable_kms_on_streaming_engine is missing: the state of customers would not be under your key",
        lambda given: not is_on(given, "enable_kms_on_streaming_engine"),
    ),
    Refusal(
        "--create_from_snapshot: no fingerprint tells what a snapshot holds; update the running job, or replay "
        "(docs/dataflow.md)",
        _any("create_from_snapshot"),
    ),
    Refusal(
        "--transform_name_mapping is for an update; say --update, too, or leave it out",
        lambda given: given["transform_name_mapping"] and not given["update"],
    ),
    Refusal(
        "--allow_non_deterministic_key_coders, --allow_unsafe_triggers: the graph needs neither; leave them out",
        _any("allow_non_deterministic_key_coders", "allow_unsafe_triggers"),
    ),
    # Who sees it.
    Refusal(
        "--enable_hot_key_logging: keys are customers, and would be in the logs; leave it out",
        _any("enable_hot_key_logging"),
    ),
    Refusal(
        "--experiments=enable_data_sampling: customers' events would be shown in the console; leave it out",
        lambda given: is_on(given, "enable_data_sampling"),
    ),
    Refusal(
        "--default_sdk_harness_log_level, --sdk_harness_log_level_overrides: below INFO Beam logs elements, which are "
        "customers' events; say INFO, WARNING, ERROR or CRITICAL",
        _talkative,
    ),
    Refusal(
        "--runtime_type_check, --performance_runtime_type_check: their errors repeat elements, in the logs; leave them "
        "out, the graph is checked as it is built",
        _any("runtime_type_check", "performance_runtime_type_check"),
    ),
    Refusal(
        "--profile_cpu, --profile_memory, --profile_location, --profiler_agent: what workers have in memory is copied "
        "elsewhere; profile on a machine of yours, with customers that are made up",
        _profiled,
    ),
    # How much.
    Refusal(
        "--num_workers={num_workers}: at least 1, and at most the {max_num_workers} of --max_num_workers",
        lambda given: (
            given["num_workers"] is not None
            and not 1 <= given["num_workers"] <= (given["max_num_workers"] or 0)
        ),
    ),
    Refusal(
        "--element_processing_timeout_minutes={element_processing_timeout_minutes}: a bundle may wait longer than that "
        f"for BigQuery; say {ELEMENT_TIMEOUT_MIN} or more",
        lambda given: (given["element_processing_timeout_minutes"] or 0) < ELEMENT_TIMEOUT_MIN,
    ),
)
