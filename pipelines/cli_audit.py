"""`nextbeam replay` and `nextbeam explain`: what happened, proved and told."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipelines.commands import add_command
from pipelines.locate import UsageError, run_folder

if TYPE_CHECKING:
    from pipelines.commands import Commands
    from pipelines.replaying import Report
    from pipelines.replaying_one import OneReport

REPLAY_EXAMPLE = """examples:
  nextbeam replay out/day
  nextbeam replay out/day --decision 1f7724c4fbb2

Every decision and feedback is recomputed from what was recorded, and compared byte by byte. Exit 0: all are what they
have to be. Exit 1: something is not; it is named by file, record and field. Exit 2: the run cannot be replayed."""

EXPLAIN = """examples:
  nextbeam explain 1f7724c4fbb2 --out out/day
  nextbeam explain 1f7724c4fbb2 --out out/day --technical

The text is what one could read to the customer. Exit 2: there is no such decision."""

_SHOWN = 20


def add_audit(commands: "Commands") -> None:
    """Add the commands."""
    _add_explain(commands)
    _add_replay(commands)


def _add_replay(commands: "Commands") -> None:
    parser = add_command(
        commands, "replay", _replay, "recompute every decision of a run from its own records", REPLAY_EXAMPLE
    )
    parser.add_argument("run", metavar="DIR", help="folder of the run")
    parser.add_argument("--decision", metavar="ID", help="only this one: its id, or as much as is unique")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument(
        "--jobs", type=int, default=2, metavar="N", help="worker processes (default: %(default)s)"
    )


def _replay(args: argparse.Namespace, _: list[str]) -> int:
    import msgspec  # noqa: PLC0415

    from pipelines.report import printable  # noqa: PLC0415

    if args.jobs < 1:
        raise UsageError("--jobs: at least 1")
    report, lines = _all(args) if args.decision is None else _one(args)
    if args.json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        print(printable("\n".join(lines)))
    return 0 if report.clean else 1


def _one(args: argparse.Namespace) -> tuple["OneReport", Iterator[str]]:
    from pipelines.replaying_one import replay_one, told  # noqa: PLC0415

    report = replay_one(run_folder(args.run), args.decision)
    return report, told(report)


def _all(args: argparse.Namespace) -> tuple["Report", Iterator[str]]:
    from pipelines.manifest import read_manifest  # noqa: PLC0415
    from pipelines.progress import counting  # noqa: PLC0415
    from pipelines.replay_parts import TABLES  # noqa: PLC0415
    from pipelines.replaying import replay  # noqa: PLC0415

    out = run_folder(args.run)
    rows = sum(read_manifest(out)[0].rows.get(name, 0) for name in TABLES)
    with counting("records", 2 * rows) as progress:  # each is read, then replayed
        report = replay(out, jobs=args.jobs, progress=progress)
    return report, _told(report)


def _told(report: "Report") -> Iterator[str]:
    yield f"{report.plan}, plan {report.plan_digest}"
    yield (
        f"  {report.decisions:,} decisions and {report.feedback:,} feedback in {report.ledgers:,} contact ledgers "
        f"recomputed: {report.mismatching_bytes:,} bytes differ"
    )
    each = 1e3 * report.cpu_s / max(report.decisions, 1)
    yield f"  {report.wall_s:.1f} s, {report.cpu_s:.1f} CPU s: {each:.2f} ms per decision"
    for finding in report.findings[:_SHOWN]:
        yield f"  {finding}"
    more = sum(report.found.values()) - _SHOWN
    if more > 0:
        yield f"  and {more:,} findings more; --json tells the first {len(report.findings):,}"


def _add_explain(commands: "Commands") -> None:
    parser = add_command(
        commands, "explain", _explain, "tell why a decision is what it is, and why not anything else", EXPLAIN
    )
    parser.add_argument(
        "decision_id", metavar="DECISION_ID", help="the id, or as much of its start as is unique"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the run")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--technical", action="store_true", help="with ids, factors, rules and contributions")
    how.add_argument(
        "--json", action="store_true", help="as JSON: every action with all contributions, and the record"
    )


def _explain(args: argparse.Namespace, _: list[str]) -> int:
    import msgspec  # noqa: PLC0415

    from models.explain_customer import explain_to_customer  # noqa: PLC0415
    from models.explain_record import explained  # noqa: PLC0415
    from models.explain_technical import explain_technically  # noqa: PLC0415
    from pipelines.records import compiled_plan_of, find_decision  # noqa: PLC0415
    from pipelines.report import printable  # noqa: PLC0415

    out = run_folder(args.out)
    decision, plan = find_decision(out, args.decision_id), compiled_plan_of(out)
    if args.json:
        print(msgspec.json.format(msgspec.json.encode(explained(decision, plan)), indent=2).decode())
    elif args.technical:
        print(printable(explain_technically(decision, plan.spec)), end="")
    else:
        print(printable(explain_to_customer(decision, plan)), end="")
    return 0
