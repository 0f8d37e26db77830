"""The flags of a streaming job, and their frozen, checked form. No Beam: help must be quick."""

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipelines.amounts import SECONDS_OR_NONE, SHARE
from pipelines.locate import UsageError, find_mapping, find_plan
from pipelines.plan_keys import plan_keys

if TYPE_CHECKING:
    from models.signing import TrustedKey

Method = Literal["storage_write_api", "streaming_inserts"]
METHODS: tuple[Method, ...] = ("storage_write_api", "streaming_inserts")

SUBSCRIPTIONS = {
    "signals_subscription": "subscription that signals arrive on",
    "outcomes_subscription": "subscription that outcomes arrive on",
}
TOPICS = {
    "decisions_topic": "topic that decisions are published to",
    "feedback_topic": "topic that feedback is published to",
    "dead_letters_topic": "topic that dead letters are published to",
}

OPTIONAL_TOPICS = {
    "heartbeats_topic": "topic that heartbeats are answered on; without it they are only counted and logged",
}

READY = "reading; Ctrl-C stops"
"""What a local job says once it reads."""

PATH = re.compile(r"projects/[^/]+/(?P<kind>subscriptions|topics)/[A-Za-z][\w.~%+-]{2,254}")
SHORT = re.compile(r"[A-Za-z][\w.~%+-]{2,254}")
_PEPPER = re.compile(r"env:[A-Za-z_]\w*|projects/[^/]+/secrets/[\w-]+/versions/(\d+|latest)")
DATASET = re.compile(r"(?:(?P<project>[a-z][a-z0-9-]{4,28}[a-z0-9])[.:])?(?P<dataset>\w{1,1024})")


def add_stream_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of a job between topics and tables; with them, the inputs are unbounded."""
    for name, text in SUBSCRIPTIONS.items():
        parser.add_argument(
            f"--{name}", metavar="SUBSCRIPTION", help=f"{text}; a path, or a name in --project"
        )
    for name, text in {**TOPICS, **OPTIONAL_TOPICS}.items():
        parser.add_argument(f"--{name}", metavar="TOPIC", help=f"{text}; a path, or a name in --project")
    parser.add_argument(
        "--bigquery_dataset",
        metavar="DATASET",
        help="dataset that holds the tables; without it nothing is written to tables",
    )
    parser.add_argument(
        "--bigquery_method",
        choices=METHODS,
        default="streaming_inserts",
        help="streaming_inserts: our own sink; storage_write_api: Beam's, which needs Java (default: %(default)s)",
    )
    parser.add_argument(
        "--plan_refresh",
        type=SECONDS_OR_NONE,
        default=60.0,
        metavar="SECONDS",
        help="how often to look whether the plan has changed; 0: never (default: %(default)s)",
    )
    parser.add_argument(
        "--most_ahead",
        type=SECONDS_OR_NONE,
        metavar="SECONDS",
        help="how far event times may be ahead of publication; what is further is a dead letter "
        "(default: session.late of the plan)",
    )
    parser.add_argument(
        "--silent_until",
        metavar="TIME",
        help="publish and write nothing that follows from messages published before, e.g. 2026-11-21T09:30Z: for a job "
        "that replays them to take over from another (default: everything is told)",
    )
    _add_telling(parser)


def _add_telling(parser: argparse.ArgumentParser) -> None:
    """The flags of what a job tells of itself."""
    parser.add_argument(
        "--log_pepper",
        metavar="SOURCE",
        help="key of customers' pseudonyms in logs: env:NAME, or projects/PROJECT/secrets/SECRET/versions/VERSION; "
        "without it logs do not say whose a record was",
    )
    parser.add_argument(
        "--log_decisions",
        type=SHARE,
        default=0.01,
        metavar="SHARE",
        help="share of decisions that logs tell of, 0 to 1 (default: %(default)s)",
    )
    parser.add_argument(
        "--metrics_port",
        type=int,
        metavar="PORT",
        help="where a job on this machine serves its metrics, in the text format of Prometheus (default: nowhere)",
    )


@dataclass(frozen=True)
class StreamConfig:
    """What a streaming job is to do, checked. Topics and subscriptions are full paths."""

    plan: str
    signals_subscription: str
    outcomes_subscription: str
    decisions_topic: str
    feedback_topic: str
    dead_letters_topic: str
    dataset: str | None
    """`project.dataset`."""
    method: Method = "streaming_inserts"
    refresh_s: float | None = 60.0
    ahead_s: float | None = None
    """How far event times may be ahead of publication; None: by the plan's session.late."""
    mapping: Path | None = None
    composition: str = "fused"
    keys: "tuple[TrustedKey, ...]" = ()
    """Who may approve plans, the first and those that follow; none: anybody who can write there."""
    silent_until: datetime | None = None
    heartbeats_topic: str | None = None
    log_pepper: str | None = None
    log_decisions: float = 0.0
    metrics_port: int | None = None

    @classmethod
    def of(cls, args: argparse.Namespace, project: str | None) -> "StreamConfig":
        """Check the flags.

        Args:
          args: As parsed.
          project: The value of Beam's `--project`, for names that are no paths.

        Raises:
          UsageError: A flag is missing, or names nothing that could exist.
        """
        given = vars(args)
        _refuse_files(given)
        for name in [*SUBSCRIPTIONS, *TOPICS, "plan"]:
            if not given.get(name):
                raise UsageError(f"--{name} is missing; a streaming job needs all of its topics and a plan")
        refresh = float(args.plan_refresh)
        if refresh and args.composition == "chained":
            raise UsageError(
                "--plan_refresh: a chained job keeps its plan, as its steps would change at different events; say 0"
            )

        def subscription(name: str) -> str:
            return _path(name, given[name], "subscriptions", project)

        def topic(name: str) -> str:
            return _path(name, given[name], "topics", project)

        plan = args.plan if "://" in args.plan else str(find_plan(args.plan))
        return cls(
            plan=plan,
            keys=plan_keys(args.plan_keys, plan),
            mapping=find_mapping(args.mapping) if args.mapping else None,
            dataset=_dataset(args.bigquery_dataset, project) if args.bigquery_dataset else None,
            method=args.bigquery_method,
            refresh_s=refresh or None,
            ahead_s=args.most_ahead,
            composition=args.composition,
            signals_subscription=subscription("signals_subscription"),
            outcomes_subscription=subscription("outcomes_subscription"),
            decisions_topic=topic("decisions_topic"),
            feedback_topic=topic("feedback_topic"),
            dead_letters_topic=topic("dead_letters_topic"),
            silent_until=_moment(args.silent_until),
            heartbeats_topic=topic("heartbeats_topic") if args.heartbeats_topic else None,
            log_pepper=_pepper(args.log_pepper),
            log_decisions=args.log_decisions,
            metrics_port=args.metrics_port,
        )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--silent_until: {text!r} is no time; write 2026-11-21T09:30Z") from None
    if at.tzinfo is None:
        raise UsageError(f"--silent_until: {text!r} does not say of which zone; write {text}Z for UTC")
    return at


def _pepper(source: str | None) -> str | None:
    if source is not None and not _PEPPER.fullmatch(source):
        raise UsageError(
            f"--log_pepper: {source!r} is neither env:NAME nor projects/PROJECT/secrets/SECRET/versions/VERSION"
        )
    return source


def streams(args: argparse.Namespace) -> bool:
    """Whether the flags ask for a streaming job."""
    return any(vars(args).get(name) for name in [*SUBSCRIPTIONS, *TOPICS, *OPTIONAL_TOPICS])


def _refuse_files(given: Mapping[str, object]) -> None:
    for name in ("signals", "outcomes", "out"):
        if given.get(name):
            raise UsageError(f"--{name}: a job reads and writes either files or topics, not both")


def _path(flag: str, name: str, kind: str, project: str | None) -> str:
    found = PATH.fullmatch(name)
    if found and found["kind"] == kind:
        return name
    if not SHORT.fullmatch(name):
        raise UsageError(
            f"--{flag}: {name!r} is neither projects/PROJECT/{kind}/NAME nor a name of three characters or more"
        )
    if not project:
        raise UsageError(f"--{flag}: {name!r} needs --project, or write projects/PROJECT/{kind}/{name}")
    return f"projects/{project}/{kind}/{name}"


def _dataset(name: str, project: str | None) -> str:
    found = DATASET.fullmatch(name)
    if not found:
        raise UsageError(f"--bigquery_dataset: {name!r} is not DATASET or PROJECT.DATASET")
    if not (found["project"] or project):
        raise UsageError(f"--bigquery_dataset: {name!r} needs --project, or write PROJECT.{name}")
    return f"{found['project'] or project}.{found['dataset']}"
