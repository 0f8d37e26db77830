"""The container spec of the flex template, made of the options themselves.

Google's own builder of specs leaves out that a template streams, and in which mode: we write it.
"""

import argparse
from collections.abc import Iterator
from typing import Any

from pipelines.amounts import Amount
from pipelines.deploy.image import BY_DIGEST
from pipelines.flags import add_arguments
from pipelines.locate import UsageError
from pipelines.stream_flags import (
    DATASET,
    OPTIONAL_TOPICS,
    PATH,
    SHORT,
    SUBSCRIPTIONS,
    TOPICS,
    add_stream_arguments,
)

Spec = dict[str, Any]

NAME = "Nextbeam decisioning"
DESCRIPTION = (
    "Decides the next best action for each signal of a customer, and publishes decisions and feedback; "
    "rows of both go to BigQuery."
)

_ELSEWHERE = {"signals", "outcomes", "out", "metrics_port"}
"""Flags of a run between files, and of a job on one machine."""
_ALL_TOPICS = {*TOPICS, *OPTIONAL_TOPICS}
_REQUIRED = {"plan", "plan_keys", *SUBSCRIPTIONS, *TOPICS}


def container_spec(image: str) -> Spec:
    """What lies in the bucket that a template is launched from.

    Args:
      image: Of launcher and workers alike, by digest.

    Raises:
      UsageError: The image has no digest.
    """
    if not BY_DIGEST.fullmatch(image):
        raise UsageError(f"--image: {image!r} is not REGISTRY/NAME@sha256:DIGEST: a tag can be moved")
    return {
        "image": image,
        "sdkInfo": {"language": "PYTHON"},
        "metadata": {
            "name": NAME,
            "description": DESCRIPTION,
            "parameters": list(_parameters()),
            "streaming": True,
            "supportsExactlyOnce": True,
            "supportsAtLeastOnce": False,
        },
        "defaultEnvironment": {
            "sdkContainerImage": image,
            "ipConfiguration": "WORKER_IP_PRIVATE",
            "enableStreamingEngine": True,
            "streamingMode": "STREAMING_MODE_EXACTLY_ONCE",
        },
    }


def stream_options() -> list[argparse.Action]:
    """The options of a streaming job, in the order of its help."""
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    add_stream_arguments(parser)
    return [action for action in parser._actions if action.dest not in _ELSEWHERE]


def help_of(action: argparse.Action) -> str:
    """What `--help` says of an option."""
    formatter = argparse.HelpFormatter("")
    return formatter._expand_help(action)


def _parameters() -> Iterator[Spec]:
    for action in stream_options():
        made: Spec = {
            "name": action.dest,
            "label": action.dest.replace("_", " ").capitalize(),
            "helpText": help_of(action),
            "isOptional": action.dest not in _REQUIRED,
            "paramType": _type(action),
        }
        if action.default is not None:
            made["defaultValue"] = str(action.default)
        if action.choices:
            made["enumOptions"] = [{"value": choice, "label": choice} for choice in action.choices]
        pattern = _pattern(action.dest)
        if pattern:
            made["regexes"] = [pattern]
        yield made


def _type(action: argparse.Action) -> str:
    if action.choices:
        return "ENUM"
    if action.type in (int, float) or isinstance(action.type, Amount):
        return "NUMBER"
    if action.dest == "plan":
        return "GCS_READ_FOLDER"
    if action.dest in SUBSCRIPTIONS:
        return "PUBSUB_SUBSCRIPTION"
    return "PUBSUB_TOPIC" if action.dest in _ALL_TOPICS else "TEXT"


def _pattern(name: str) -> str:
    """What a value has to look like, in a form that every engine for regular expressions reads."""
    if name == "plan":
        return "^gs://.+$"
    if name in SUBSCRIPTIONS or name in _ALL_TOPICS:
        kind = "subscriptions" if name in SUBSCRIPTIONS else "topics"
        path = PATH.pattern.replace("(?P<kind>subscriptions|topics)", kind)
        return f"^({path}|{SHORT.pattern})$"
    return (
        f"^{DATASET.pattern.replace('?P<project>', '').replace('?P<dataset>', '')}$"
        if "dataset" in name
        else ""
    )
