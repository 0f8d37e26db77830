"""`nextbeam plan limits`: tell BigQuery what a plan promises, before the plan begins to decide."""

import argparse
from typing import TYPE_CHECKING

from pipelines.commands import add_command
from pipelines.locate import UsageError, find_plan
from pipelines.place import DATASET, checked_dataset, place

if TYPE_CHECKING:
    from models.plan.compiled import Plan
    from pipelines.commands import Commands

_EXAMPLE = """example:
  nextbeam plan limits plans/current --keys signing.pem --project my-project --dataset nextbeam

The view cap_breaches holds decisions to the limits of the plan that made them, as the table plan_limits has them. A
local job writes them itself; for a job in the cloud say this whenever a plan is published, before it is copied to the
bucket. It needs no right but to append to that table. Said again, it adds nothing: what is there is there already."""


def add_limits(commands: "Commands") -> None:
    """Add the command."""
    text = "publish a plan's limits, which the view cap_breaches holds decisions to"
    parser = add_command(commands, "limits", _limits, text, _EXAMPLE)
    parser.add_argument(
        "plan", metavar="PLAN", help="a plan's YAML file, its folder here or in a bucket, or its name"
    )
    parser.add_argument("--project", metavar="PROJECT", help="of the table; without it an emulator's")
    parser.add_argument("--dataset", default=DATASET, metavar="DATASET", help="(default: %(default)s)")
    parser.add_argument("--keys", metavar="PEM", nargs="+", help="only if one of these approved the plan")
    parser.set_defaults(prefix="")


def _limits(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.provisioning.promises import append_limits  # noqa: PLC0415  (help must be quick)
    from pipelines.sql.limits import PLAN_LIMITS, plan_limits  # noqa: PLC0415

    project, dataset = checked_dataset("--dataset", args.dataset)
    if project:
        raise UsageError(f"--dataset: {args.dataset!r} names a project; name it by --project")
    endpoints, names = place(args, "BigQuery", dataset=dataset)
    plan = _plan(args)
    limits = plan_limits(plan.spec, plan.digest)
    written = append_limits(limits, names, endpoints)
    told = f"{written} of {len(limits)} limits written" if written else f"all {len(limits)} limits are there"
    print(f"{names.table(PLAN_LIMITS)}: {told if limits else 'the plan has no limits'}, plan {plan.digest}")
    return 0


def _plan(args: argparse.Namespace) -> "Plan":
    from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415

    from pipelines.plan_keys import find_keys  # noqa: PLC0415
    from transforms.plan_files import PLAN_FAULTS, plan_at  # noqa: PLC0415

    path = args.plan if "://" in args.plan else str(find_plan(args.plan))
    try:
        return plan_at(path, find_keys("--keys", args.keys) if args.keys else ())
    except PLAN_FAULTS as error:
        raise UsageError(f"the plan is refused:\n{error}") from None
    except (OSError, GoogleAPIError) as error:
        raise UsageError(f"{path} cannot be read ({type(error).__name__}); try again later") from None
