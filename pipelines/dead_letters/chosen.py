"""What the flags of `nextbeam dead-letters` choose: letters, what judges them, where they are and where they go."""

import argparse
import json
import os
from contextlib import ExitStack
from pathlib import Path
from threading import Event

from models.dead_letters import Choice, Judge, Target
from models.mapping import load_mapping
from models.mapping.load import MappingFileError
from models.plan.load import PlanError, load_plan
from models.plan.wording import nearest
from pipelines.dead_letters import NO_MAPPING, TABLE
from pipelines.dead_letters.journal import Journal
from pipelines.dead_letters.senders import FeedSender, NoSender, RowSender, Sender, Senders, TopicSender
from pipelines.dead_letters.sources import FolderSource, Source, SubscriptionSource, TableSource
from pipelines.locate import OUTPUTS, PLAN, UsageError, damaged, find_mapping, find_plan, run_folder
from pipelines.place import PUBSUB_EMULATOR, checked_dataset, checked_part, place
from pipelines.provisioning import Names
from pipelines.provisioning.endpoints import Endpoints
from pipelines.provisioning.resources import OUTCOMES, SIGNALS
from schemas import Reason


def choice_of(args: argparse.Namespace) -> Choice:
    """Which letters.

    Raises:
      UsageError: There is no such reason.
    """
    return Choice(
        reasons=frozenset(_reason(name) for name in args.reason),
        steps=frozenset(args.step),
        ids=tuple(vars(args).get("id") or ()),
        since=args.since,
        until=args.until,
    )


def _reason(name: str) -> str:
    known = [reason.value for reason in Reason]
    if name in known:
        return name
    close = nearest(name, known)
    hint = f"did you mean {close!r}?" if close else f"there are {', '.join(known)}"
    raise UsageError(f"--reason: {name!r} is none; {hint}")


def judge_of(args: argparse.Namespace) -> Judge:
    """Which of them can be sent again: what decodes under a plan, as a mapping reads it.

    Raises:
      UsageError: There is no such plan or mapping, or it cannot be used.
    """
    mapping = _mapping(args)
    try:
        plan = load_plan(_plan(args)).spec
        return Judge(plan, load_mapping(mapping).reshape if mapping else None, OUTPUTS)
    except (PlanError, MappingFileError) as error:
        raise UsageError(str(error)) from error


def _plan(args: argparse.Namespace) -> Path:
    if args.plan:
        return find_plan(args.plan)
    if not args.out:
        raise UsageError(
            "--plan is missing: only letters that decode under the plan in force can be sent again"
        )
    return run_folder(args.out) / PLAN


def _mapping(args: argparse.Namespace) -> Path | None:
    if args.mapping:
        return None if args.mapping == NO_MAPPING else find_mapping(args.mapping)
    own = _mapping_of_run(run_folder(args.out)) if args.out else None
    if own and not own.is_file():
        raise UsageError(f"the run was read by the mapping {str(own)!r}, which is gone; name it by --mapping")
    return own


def _mapping_of_run(out: Path) -> Path | None:
    try:
        own = json.loads((out / "summary.json").read_text("utf-8")).get("inputs", {}).get("mapping")
    except ValueError as error:
        raise damaged(out, f"summary.json: {error}") from error
    return (out / own).resolve() if own else None


def source_of(args: argparse.Namespace, stack: ExitStack, stop: Event | None = None) -> Source:
    """Where they are; `stack` closes it."""
    if args.out:
        return FolderSource(run_folder(args.out))
    source: TableSource | SubscriptionSource
    if args.dataset:
        endpoints, dataset = _table("--dataset", args.dataset, args)
        source = TableSource(endpoints, f"{dataset}.{TABLE}")
    else:
        endpoints, names = place(args, "Pub/Sub")
        source = SubscriptionSource(endpoints, _subscription(args.subscription, names), stop or Event())
    stack.callback(source.close)
    return source


def sender_of(args: argparse.Namespace, stop: Event) -> Sender:
    """Where they go.

    Raises:
      UsageError: Nobody said where to, and it is no dry run.
    """
    senders: list[Sender] = []
    if args.into:
        senders.append(FeedSender(Path(args.into)))
    elif not args.project and not os.environ.get(PUBSUB_EMULATOR):
        if not args.dry_run:
            raise UsageError(
                f"where to? name an emulator by {PUBSUB_EMULATOR}, or a project of the cloud by --project; "
                "`replay --into FILE` writes to a file instead"
            )
        senders.append(NoSender())
    else:
        endpoints, names = place(args, "Pub/Sub")
        topics = {Target.SIGNALS: names.topic(SIGNALS), Target.OUTCOMES: names.topic(OUTCOMES)}
        senders.append(TopicSender(endpoints, topics, stop))
    if args.rows_to:
        senders.append(RowSender(*_table("--rows-to", args.rows_to, args), OUTPUTS))
    return Senders(*senders)


def _table(flag: str, name: str, args: argparse.Namespace) -> tuple[Endpoints, str]:
    """Where BigQuery is, and the full name of a dataset there."""
    project, dataset = checked_dataset(flag, name)
    endpoints, names = place(args, "BigQuery")
    return endpoints, f"{project or names.project}.{dataset}"


def _subscription(name: str, names: Names) -> str:
    return name if name.startswith("projects/") else names.subscription(checked_part("--subscription", name))


def journal_file(args: argparse.Namespace) -> Path:
    """Where it is noted what was replayed."""
    if args.journal:
        return Path(args.journal)
    if args.out:
        folder = Path(args.out).resolve()
        return folder.with_name(f"{folder.name}.replayed.jsonl")
    return Path(f"{(args.subscription or args.dataset).rpartition('/')[2]}.replayed.jsonl")


def forget_missing(journal: Journal, path: Path) -> None:
    """Forget what was written to feeds that are gone."""
    for each in FeedSender(path).paths.values():
        if not each.exists():
            journal.forget(str(each.resolve()))


def flags(path: Path) -> str:
    """How a run is told of the feeds that were written."""
    feeds = FeedSender(path).paths.items()
    return " ".join(f"--{target} {feed}" for target, feed in feeds if feed.exists())
