"""Where a command works: on emulators that the environment names, or in a project of the cloud.

No client is imported here: help must be quick.
"""

import argparse
import os
import re
from typing import TYPE_CHECKING, Literal

from pipelines.locate import UsageError

if TYPE_CHECKING:
    from pipelines.provisioning import Names
    from pipelines.provisioning.endpoints import Endpoints

LOCAL_PROJECT = "local-dev"
"""Whose the topics and tables of emulators are."""
DATASET = "nextbeam"

WHERE = """PUBSUB_EMULATOR_HOST and BIGQUERY_EMULATOR_HOST name the emulators to use (`nextbeam live` prints its own);
without them --project names a project of the cloud."""

PUBSUB_EMULATOR, BIGQUERY_EMULATOR = "PUBSUB_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST"
Service = Literal["Pub/Sub", "BigQuery"]
_VARIABLES: dict[Service, str] = {"Pub/Sub": PUBSUB_EMULATOR, "BigQuery": BIGQUERY_EMULATOR}

_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_PREFIX = re.compile(r"(?!goog)[A-Za-z][\w.~%+-]{0,199}", re.ASCII)
_PART = re.compile(r"[\w.~%+-]{1,100}", re.ASCII)
_DATASET = re.compile(r"\w{1,1024}", re.ASCII)
_IDENTIFIER = "letters, digits and any of -_.~%+"


def add_names(parser: argparse.ArgumentParser) -> None:
    """`--project` and `--prefix`."""
    parser.add_argument("--project", metavar="PROJECT", help=f"(default with an emulator: {LOCAL_PROJECT})")
    parser.add_argument(
        "--prefix", default="", metavar="PREFIX", help="of the names of topics and subscriptions"
    )


def place(args: argparse.Namespace, *services: Service, dataset: str = DATASET) -> "tuple[Endpoints, Names]":
    """Where the servers are that the command needs, and how things are called there.

    Args:
      args: With `project` and `prefix`.
      services: What the command needs.
      dataset: Of the tables.

    Raises:
      UsageError: A name cannot be one, or it is not said where a service is.
    """
    from pipelines.provisioning import Names  # noqa: PLC0415  (help must be quick)
    from pipelines.provisioning.endpoints import Endpoints  # noqa: PLC0415

    project = args.project or LOCAL_PROJECT
    _check("--project", project, _PROJECT, "6 to 30 lower-case letters, digits and hyphens, a letter first")
    if args.prefix:
        _check("--prefix", args.prefix, _PREFIX, f"{_IDENTIFIER}, a letter first, not goog")
    missing = [] if args.project else [each for each in services if not os.environ.get(_VARIABLES[each])]
    if missing:
        raise UsageError(
            f"{_VARIABLES[missing[0]]} is not set: name an emulator of {missing[0]} there (`nextbeam live` prints its "
            "own), or a project of the cloud by --project"
        )
    return Endpoints.from_environment(), Names(project, dataset=dataset, prefix=args.prefix)


def checked_part(flag: str, name: str) -> str:
    """What becomes a part of the name of a topic or subscription.

    Raises:
      UsageError: It cannot.
    """
    return _check(flag, name, _PART, _IDENTIFIER)


def checked_dataset(flag: str, name: str) -> tuple[str | None, str]:
    """Project, if said, and dataset of `DATASET` or `PROJECT.DATASET`.

    Raises:
      UsageError: It is neither.
    """
    project, _, dataset = name.rpartition(".")
    if project:
        _check(
            flag,
            project,
            _PROJECT,
            "PROJECT.DATASET begins with 6 to 30 lower-case letters, digits and hyphens",
        )
    _check(flag, dataset, _DATASET, "DATASET or PROJECT.DATASET, the former of letters, digits and _")
    return project or None, dataset


def _check(flag: str, name: str, form: re.Pattern[str], rule: str) -> str:
    if not form.fullmatch(name):
        raise UsageError(f"{flag}: {name!r} cannot be a name; give {rule}")
    return name
