"""`nextbeam provision`: make what the job reads and writes, on emulators or in the cloud."""

import argparse
import sys
from typing import TYPE_CHECKING

from pipelines.commands import add_command
from pipelines.locate import UsageError, find_plan
from pipelines.place import BIGQUERY_EMULATOR, DATASET, WHERE, add_names, checked_dataset, place

if TYPE_CHECKING:
    from pipelines.commands import Commands
    from pipelines.sql.limits import PlanLimit

_EXAMPLE = f"""examples:
  nextbeam provision
  nextbeam provision --project my-project --dataset nextbeam --plan uk_bank --dry-run

What is there stays: what is missing is made, and settings, labels and new columns are brought into line. What differs
otherwise is refused, with what to do. A second run changes nothing. In production terraform/ makes the same, and more.
{WHERE}"""


def add_provision(commands: "Commands") -> None:
    """Add the command."""
    text = "make the topics, subscriptions, tables and views that the job needs"
    parser = add_command(commands, "provision", _provision, text, _EXAMPLE)
    add_names(parser)
    parser.add_argument(
        "--dataset", default=DATASET, metavar="DATASET", help="of tables and views (default: %(default)s)"
    )
    parser.add_argument(
        "--plan", metavar="PLAN", help="also write its limits, which the view cap_breaches holds decisions to"
    )
    parser.add_argument(
        "--dry-run", "--dry_run", action="store_true", help="make nothing, say what would be made"
    )


def _provision(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.provisioning.dry import DryEndpoints  # noqa: PLC0415  (help must be quick)
    from pipelines.provisioning.provision import provision_all  # noqa: PLC0415
    from pipelines.provisioning.resources import Resources  # noqa: PLC0415

    project, dataset = checked_dataset("--dataset", args.dataset)
    if project:
        raise UsageError(f"--dataset: {args.dataset!r} names a project; name it by --project")
    limits = _limits(args.plan) if args.plan else []
    endpoints, names = place(args, "Pub/Sub", dataset=dataset)
    tables = bool(args.project or endpoints.bigquery)
    _say(f"Pub/Sub: {endpoints.pubsub or 'the cloud'}, project {names.project}")
    _say(
        f"BigQuery: {endpoints.bigquery or 'the cloud'}, dataset {names.project}.{dataset}"
        if tables
        else _NONE
    )
    if args.dry_run:
        endpoints = DryEndpoints(endpoints.pubsub, endpoints.bigquery)
    changes = provision_all(Resources.of(names), endpoints, limits, tables=tables, say=_say)
    would = "would be " if args.dry_run else ""
    for change in changes:
        print(f"{change.name}: {would}{change.what}")
    print(f"{len(changes)} {would}made or changed" if changes else "all is there, and as it should be")
    return 0


_NONE = f"BigQuery: {BIGQUERY_EMULATOR} is not set, so there are no tables"


def _limits(name: str) -> "list[PlanLimit]":
    from models.plan.load import PlanError, load_plan  # noqa: PLC0415
    from pipelines.sql.limits import plan_limits  # noqa: PLC0415

    try:
        loaded = load_plan(find_plan(name))
    except PlanError as error:
        raise UsageError(str(error)) from error
    return plan_limits(loaded.spec, loaded.digest)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
