"""`nextbeam plan`: check a plan before it runs, tell it in plain English, compare two, sign one, publish its limits."""

import argparse
from collections import Counter
from datetime import date, datetime, time
from typing import TYPE_CHECKING

from pipelines.cli_diff import add_diff
from pipelines.cli_limits import add_limits
from pipelines.cli_sign import add_sign
from pipelines.commands import add_command, add_group
from pipelines.locate import UsageError, find_plan

if TYPE_CHECKING:
    from pipelines.commands import Commands

SEVERITIES = ("error", "warning", "note")

CHECK_EXAMPLE = """example:
  nextbeam plan check uk_bank --today 2026-11-21

Errors: the plan is refused, or a part of it can never do what it says. Warnings: parts without effect. Notes: what
nothing uses. Exit 0: no errors and no warnings; 1: there are some (or notes, with --strict); 2: it cannot be read."""

EXPLAIN_EXAMPLE = """example:
  nextbeam plan explain uk_bank --action personal-loan"""


def add_plan(commands: "Commands") -> None:
    """Add `plan` with its own commands: check, explain, diff, sign, verify, limits."""
    text = "check, explain, compare and sign decision plans before they run"
    of_plan = add_group(commands, "plan", text, "plan_command")
    _add_check(of_plan)
    _add_explain(of_plan)
    add_diff(of_plan)
    add_sign(of_plan)
    add_limits(of_plan)


def _add_check(commands: "Commands") -> None:
    text = "find what is wrong with a plan, or can have no effect"
    parser = add_command(commands, "check", _check, text, CHECK_EXAMPLE)
    parser.add_argument("plan", metavar="PLAN", help="a plan's YAML file, its folder, or a shipped plan")
    parser.add_argument("--strict", action="store_true", help="exit 1 if there are notes, too")
    parser.add_argument(
        "--today",
        metavar="DATE",
        help="also find what is over on this date, e.g. 2026-12-01 (default: dates are not)",
    )
    parser.add_argument("--json", action="store_true", help="the findings as JSON")


def _check(args: argparse.Namespace, _: list[str]) -> int:
    import msgspec  # noqa: PLC0415

    from models.plan.lint import check_plan  # noqa: PLC0415  (the solver takes a moment to import)
    from pipelines.report import printable  # noqa: PLC0415

    remarks = check_plan(find_plan(args.plan), _date("--today", args.today))
    counts = Counter[str](remark.severity for remark in remarks)
    if args.json:
        found = {"plan": args.plan, "counts": {key: counts[key] for key in SEVERITIES}, "findings": remarks}
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        print(printable("".join(f"{remark}\n" for remark in remarks)), end="")
        print(f"{args.plan}: {_counted(counts)}")
    if any(remark.code == "unreadable" for remark in remarks):
        return 2
    return int(counts["error"] + counts["warning"] + args.strict * counts["note"] > 0)


def _counted(counts: Counter[str]) -> str:
    """`1 error, 2 warnings, no notes`."""
    return ", ".join(f"{counts[key] or 'no'} {key}{'s' * (counts[key] != 1)}" for key in SEVERITIES)


def _date(flag: str, text: str | None) -> datetime | None:
    """Midnight of a date, on the clocks of the plan."""
    try:
        return None if text is None else datetime.combine(date.fromisoformat(text), time())
    except ValueError:
        raise UsageError(f"{flag}: {text!r} is no date; write e.g. 2026-12-01") from None


def _add_explain(commands: "Commands") -> None:
    parser = add_command(commands, "explain", _explain, "tell a plan in plain English", EXPLAIN_EXAMPLE)
    parser.add_argument("plan", metavar="PLAN", help="a plan's YAML file, its folder, or a shipped plan")
    parser.add_argument(
        "--action", metavar="ID", help="only this action, and all of the plan that is about it"
    )


def _explain(args: argparse.Namespace, _: list[str]) -> int:
    from models.plan.english import tell_action, tell_plan  # noqa: PLC0415
    from models.plan.load import PlanError, load_plan  # noqa: PLC0415
    from models.plan.wording import nearest  # noqa: PLC0415
    from pipelines.report import printable  # noqa: PLC0415

    try:
        loaded = load_plan(find_plan(args.plan))
    except PlanError as error:
        raise UsageError(f"the plan is refused:\n{error}") from None
    known = [action.id for action in loaded.spec.actions]
    if args.action is not None and args.action not in known:
        close = nearest(args.action, known)
        hint = f"did you mean {close}?" if close else "`nextbeam plan explain PLAN` tells them all"
        raise UsageError(f"--action: the plan has no action {args.action!r}; {hint}")
    text = tell_plan(loaded) if args.action is None else tell_action(loaded, args.action)
    print(printable(text), end="")
    return 0
