"""`nextbeam report`: what was offered, what worked, for whom, and whether anything is wrong."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.commands import add_command
from pipelines.locate import UsageError, run_folder

if TYPE_CHECKING:
    from pipelines.commands import Commands

EXAMPLE = """example:
  nextbeam report out/week --html out/week.html --cohort region

The page is one file and needs nothing else. Exit 1: a contact limit was broken, or the accounts do not balance."""


def add_report(commands: "Commands") -> None:
    """Add the command."""
    text = "report on a run: what was offered, what worked, for whom, and whether anything is wrong"
    parser = add_command(commands, "report", _report, text, EXAMPLE)
    parser.add_argument("run", metavar="DIR", help="folder of the run")
    parser.add_argument("--html", metavar="FILE", help="write it as one page, with plots")
    parser.add_argument(
        "--cohort",
        action="append",
        metavar="FACT",
        help="tell customers apart by this fact of their profile; can be repeated (default: age and segment)",
    )
    parser.add_argument("--quiet", action="store_true", help="nothing on the terminal but alarms")


def _report(args: argparse.Namespace, _: list[str]) -> int:
    out = run_folder(args.run)
    target = Path(args.html) if args.html else None
    if target and (target.is_dir() or not target.parent.is_dir()):
        raise UsageError(f"--html: {args.html!r} cannot be written; name a file in a folder that exists")
    from pipelines.report import wide_console  # noqa: PLC0415  (help must be quick)
    from pipelines.reporting.numbers import report_on  # noqa: PLC0415
    from pipelines.reporting.telling import show, show_alarms  # noqa: PLC0415

    report = report_on(out, args.cohort)
    if target:
        from pipelines.reporting.page import page  # noqa: PLC0415

        try:
            target.write_text(page(report), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--html: {args.html!r} cannot be written ({error.strerror})") from error
    console = wide_console()
    (show_alarms if args.quiet else show)(report, console)
    if target and not args.quiet:
        print(f"\nwritten: {target}")
    return 1 if any(finding.level == "alarm" for finding in report.findings) else 0
