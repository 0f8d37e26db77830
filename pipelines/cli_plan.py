"""`nextbeam plan`: check a plan before it runs, tell it in plain English, compare two."""

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from pipelines.locate import UsageError, find_plan

if TYPE_CHECKING:  # argparse has no public name for it
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

Command = Callable[[argparse.Namespace, list[str]], int]

CHECK_EXAMPLE = """example:
  nextbeam plan check uk_bank --today 2026-11-21

Errors (exit 2): the plan is refused, or a part of it can never do what it says. Warnings (exit 0, with --strict 1):
parts without effect. Notes: what nothing uses; they change no exit."""


def add_plan(commands: "Commands") -> None:
    """Add `plan` with its own commands: check, explain."""
    text = "check and explain decision plans before they run"
    parser = commands.add_parser(
        "plan", help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False
    )
    of_plan = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="plan_command")
    _add_check(of_plan)
    _add_explain(of_plan)


def _add(
    commands: "Commands", name: str, command: Command, text: str, epilog: str = ""
) -> argparse.ArgumentParser:
    added = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added.set_defaults(command=command)
    return added


def _add_check(commands: "Commands") -> None:
    parser = _add(
        commands, "check", _check, "find what is wrong with a plan, or can have no effect", CHECK_EXAMPLE
    )
    parser.add_argument("plan", metavar="PLAN", help="a plan's YAML file, its folder, or a shipped plan")


def _check(args: argparse.Namespace, _: list[str]) -> int:
    from models.plan.load import PlanError, load_plan  # noqa: PLC0415

    try:
        load_plan(find_plan(args.plan))
    except PlanError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _add_explain(commands: "Commands") -> None:
    parser = _add(commands, "explain", _explain, "tell the whole plan in plain English")
    parser.add_argument("plan", metavar="PLAN", help="a plan's YAML file, its folder, or a shipped plan")


def _explain(args: argparse.Namespace, _: list[str]) -> int:
    from models.plan.load import PlanError, load_plan  # noqa: PLC0415

    try:
        loaded = load_plan(find_plan(args.plan))
    except PlanError as error:
        raise UsageError(f"the plan is refused:\n{error}") from None
    print(f"{loaded.spec.name}, version {loaded.spec.version}, digest {loaded.digest}")
    return 0
