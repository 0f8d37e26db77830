"""`nextbeam plan diff A B`: what another plan would have done with the events of a recorded history."""

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.commands import add_command
from pipelines.locate import UsageError, find_mapping, find_plan

if TYPE_CHECKING:
    from pipelines.commands import Commands

EXAMPLE = """example:
  nextbeam simulate --customers 2000 --days 7 --out out/week
  nextbeam plan diff uk_bank drafts/uk_bank --history out/week --html out/diff.html

The history holds signals*.jsonl and outcomes*.jsonl (also .gz and .parquet), or is the folder of a run, which
says what it read. Exit 1: something was found that should stop a release, e.g. more marketing to customers in care."""

_DIGEST = re.compile(r"[0-9a-f]{16}")


def add_diff(commands: "Commands") -> None:
    """Add `diff` to the commands of `plan`."""
    text = "run two plans over the same recorded events and show what they do differently"
    parser = add_command(commands, "diff", _diff, text, EXAMPLE)
    parser.add_argument(
        "a", metavar="A", help="the plan as it is: a YAML file, its folder, or a shipped plan"
    )
    parser.add_argument("b", metavar="B", help="the plan as it might be")
    parser.add_argument(
        "--history", metavar="DIR", help="folder of recorded signals and outcomes, or of a run that read some"
    )
    parser.add_argument(
        "--signals", nargs="+", default=[], metavar="FILE", help="signals, instead of a folder"
    )
    parser.add_argument("--outcomes", nargs="+", default=[], metavar="FILE", help="outcomes, with --signals")
    parser.add_argument(
        "--mapping",
        metavar="MAPPING",
        help="how rows of another format become signals, as for `nextbeam run`",
    )
    parser.add_argument(
        "--live",
        metavar="PLAN",
        help="the plan that was live when the events were recorded, or its digest (default: A, else B)",
    )
    parser.add_argument(
        "--cohort",
        action="append",
        metavar="FACT",
        help="compare customers by this fact of their profile; can be repeated (default: age)",
    )
    parser.add_argument(
        "--html", metavar="FILE", help="write the comparison as one page that needs nothing else"
    )
    parser.add_argument("--json", metavar="FILE", help="write it for machines; - is standard output")
    parser.add_argument("--quiet", action="store_true", help="nothing on the terminal but errors and alarms")


def _diff(args: argparse.Namespace, _: list[str]) -> int:
    import msgspec  # noqa: PLC0415

    from pipelines.diffing import Question, diff  # noqa: PLC0415
    from pipelines.diffing_text import show  # noqa: PLC0415
    from pipelines.history import find_history  # noqa: PLC0415
    from pipelines.report import wide_console  # noqa: PLC0415

    history = find_history(args.history, args.signals, args.outcomes)
    question = Question(
        plans=(find_plan(args.a), find_plan(args.b)),
        history=history,
        mapping=find_mapping(args.mapping) if args.mapping else history.mapping,
        live=_live(args.live) if args.live else history.live,
        cohorts=tuple(args.cohort) if args.cohort else None,
    )
    for flag, name in (("--html", args.html), ("--json", args.json)):
        if name and name != "-":
            _check_target(flag, Path(name))
    comparison = diff(question)
    if args.json:
        _write(args.json, msgspec.json.format(msgspec.json.encode(comparison), indent=2).decode() + "\n")
    if args.html:
        from pipelines.diffing_page import page  # noqa: PLC0415

        _write(args.html, page(comparison))
    if args.quiet:
        for finding in comparison.findings:
            if finding.level == "alarm":
                print(f"ALARM  {finding.text}", file=sys.stderr)
    elif args.json != "-":
        show(comparison, wide_console())
        for name in filter(None, (args.html, args.json)):
            print(f"\nwritten: {name}")
    return 1 if comparison.alarmed else 0


def _live(name: str) -> str:
    """The digest that is named, or that of the plan that is."""
    if _DIGEST.fullmatch(name):
        return name
    from models.plan.load import PlanError, load_plan  # noqa: PLC0415

    try:
        return load_plan(find_plan(name)).digest
    except PlanError as error:
        raise UsageError(f"--live: the plan is refused; give its digest instead:\n{error}") from None


def _check_target(flag: str, path: Path) -> None:
    """Refuse before the work is done, not after."""
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{flag}: {str(path)!r} cannot be written; name a file in a folder that exists")


def _write(name: str, text: str) -> None:
    if name == "-":
        sys.stdout.write(text)
        return
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{name!r} cannot be written ({error.strerror})") from error
