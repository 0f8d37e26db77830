"""`nextbeam dead-letters list|show|replay`: look at what could not be processed, and try it again."""

import argparse
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.amounts import COUNT, RATE
from pipelines.commands import add_command, add_group
from pipelines.dead_letters import NO_MAPPING, TABLE
from pipelines.place import WHERE, add_names

if TYPE_CHECKING:
    from pipelines.commands import Commands

_LIST_EXAMPLE = f"""examples:
  nextbeam dead-letters list --out out/day
  nextbeam dead-letters list --subscription dead-letter-review --since 2026-11-20

Letters of a subscription are read and given back; what is listed has not been taken away.
{WHERE}"""

_REPLAY_EXAMPLE = f"""examples:
  nextbeam dead-letters replay --out out/day --plan fixed.yaml --into again.jsonl
  nextbeam dead-letters replay --subscription dead-letter-review --plan fixed.yaml --reason unknown_value --dry-run

Only what decodes under the plan is sent; the rest stays where it is, and is told of. A journal keeps what was sent
where, so that a second replay skips it. A letter of a subscription is acknowledged once its payload has arrived.
Exit 1: letters stay that were chosen.
{WHERE}"""


def add_dead_letters(commands: "Commands") -> None:
    """Add the command and its own commands."""
    text = "list, show and replay what could not be processed"
    own = add_group(commands, "dead-letters", text)
    _add_list(own)
    _add_show(own)
    _add_replay(own)


def _add_list(commands: "Commands") -> None:
    text = "count dead letters by reason, step and day, with an id of each"
    parser = add_command(commands, "list", _list, text, _LIST_EXAMPLE)
    _add_source(parser)
    _add_filters(parser)
    parser.add_argument(
        "--format",
        choices=("table", "csv", "json"),
        default="table",
        help="how to print (default: %(default)s)",
    )


def _add_show(commands: "Commands") -> None:
    parser = add_command(commands, "show", _show, "tell one dead letter", WHERE)
    parser.add_argument("id", metavar="ID", help="its id, or the beginning of it")
    _add_source(parser)
    _add_rules(parser)
    parser.add_argument(
        "--payload", action="store_true", help="print what came in, and whose it is; that may be personal"
    )


def _add_replay(commands: "Commands") -> None:
    text = "send the payloads of dead letters again, after a fix"
    parser = add_command(commands, "replay", _replay, text, _REPLAY_EXAMPLE)
    _add_source(parser)
    _add_filters(parser)
    _add_rules(parser)
    parser.add_argument(
        "--id", action="append", default=[], metavar="ID", help="only this one; can be repeated"
    )
    parser.add_argument("--limit", type=COUNT, metavar="N", help="send at most so many")
    parser.add_argument(
        "--rate",
        type=RATE,
        default=50.0,
        metavar="R",
        help="send at most so many a second (default: %(default)s)",
    )
    parser.add_argument("--dry-run", action="store_true", help="send nothing, say what would be sent")
    parser.add_argument(
        "--into",
        metavar="FILE",
        help="write them to a feed for `nextbeam run` instead of topics: signals to FILE.jsonl, "
        "outcomes to FILE.outcomes.jsonl",
    )
    parser.add_argument(
        "--rows-to",
        metavar="DATASET",
        help="write rows that tables refused into this dataset again (default: they stay)",
    )
    parser.add_argument(
        "--journal",
        metavar="FILE",
        help="what was replayed (default: DIR.replayed.jsonl, or NAME.replayed.jsonl here for a live place)",
    )
    parser.add_argument("--again", action="store_true", help="send those, too, that the journal has")


def _add_source(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--out", metavar="DIR", help="dead letters of a run: its folder")
    source.add_argument("--subscription", metavar="NAME", help="those that wait on a subscription")
    source.add_argument(
        "--dataset", metavar="DATASET", help=f"those in the table {TABLE} of a BigQuery dataset"
    )
    add_names(parser)


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reason", action="append", default=[], metavar="REASON", help="e.g. unknown_value; can be repeated"
    )
    parser.add_argument(
        "--step", action="append", default=[], metavar="STEP", help="e.g. DecodeSignals; can be repeated"
    )
    parser.add_argument(
        "--since", type=_time, metavar="TIME", help="from this day or time on, UTC; of those that have a time"
    )
    parser.add_argument("--until", type=_time, metavar="TIME", help="before it; likewise")


def _add_rules(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plan", metavar="PLAN", help="the plan they shall decode under (default: the run's own)"
    )
    parser.add_argument(
        "--mapping",
        metavar="MAPPING",
        help=f"how signals are read, as for `nextbeam run` (default: the run's own; {NO_MAPPING}: without)",
    )


def _list(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.dead_letters.chosen import choice_of, source_of  # noqa: PLC0415  (help must be quick)
    from pipelines.dead_letters.sources import all_letters  # noqa: PLC0415
    from pipelines.dead_letters.telling import listing  # noqa: PLC0415
    from pipelines.report import print_answer  # noqa: PLC0415

    choice = choice_of(args)
    with ExitStack() as stack:
        source = source_of(args, stack)
        print_answer(listing(all_letters(source, choice)), args.format)
    if source.unreadable:
        print(f"{source.unreadable} messages are no dead letters of this version", file=sys.stderr)
    return 0


def _show(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.dead_letters.chosen import judge_of, source_of  # noqa: PLC0415
    from pipelines.dead_letters.sources import one_letter  # noqa: PLC0415
    from pipelines.dead_letters.telling import told_letter  # noqa: PLC0415

    judge = judge_of(args)
    with ExitStack() as stack:
        letter = one_letter(source_of(args, stack), args.id)
    print("\n".join(told_letter(letter, judge.verdict(letter.letter), payload=args.payload)))
    return 0


def _replay(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.dead_letters import chosen  # noqa: PLC0415
    from pipelines.dead_letters.journal import Journal  # noqa: PLC0415
    from pipelines.dead_letters.replaying import Limits, Replay  # noqa: PLC0415
    from pipelines.dead_letters.telling import told_replay  # noqa: PLC0415
    from pipelines.stopping import stop_requested  # noqa: PLC0415

    judge, choice = chosen.judge_of(args), chosen.choice_of(args)
    limits = Limits(most=args.limit, rate=args.rate, dry=args.dry_run, again=args.again)
    with ExitStack() as stack:
        stop = stack.enter_context(stop_requested())
        sender = chosen.sender_of(args, stop)
        journal = stack.enter_context(Journal(chosen.journal_file(args), write=not args.dry_run))
        if args.into:
            chosen.forget_missing(journal, Path(args.into))
        told = Replay(judge, sender, journal, limits, stop).run(chosen.source_of(args, stack, stop), choice)
    print("\n".join(told_replay(told, dry=args.dry_run)))
    if args.into and told.total and not args.dry_run:
        print(f"the next run of the same events reads them, too: {chosen.flags(Path(args.into))}")
    return 1 if told.kept or told.unreadable else 0


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; write 2026-11-20 or 2026-11-20T14:30"
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
