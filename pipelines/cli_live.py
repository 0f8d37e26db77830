"""`nextbeam live` and its parts: signals, channels, watch."""

import argparse
import secrets
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from pipelines.amounts import COUNT, HASTE, RATE, SECONDS, SHARE
from pipelines.commands import Command, add_command
from pipelines.locate import UsageError, find_plan
from pipelines.place import WHERE, add_names, checked_part, place

if TYPE_CHECKING:
    from models.plan.compiled import Plan
    from pipelines.commands import Commands

Made = TypeVar("Made")

_SERVER_PORTS = {
    "pubsub_port": "the Pub/Sub emulator",
    "bigquery_port": "the BigQuery emulator",
    "bigquery_grpc_port": "the BigQuery emulator's gRPC",
}


def add_live(commands: "Commands") -> None:
    """Add the commands that run between topics."""
    _add_live(commands)
    _add_signals(commands)
    _add_channels(commands)
    _add_watch(commands)


def _parser(
    commands: "Commands", name: str, command: Command, text: str, epilog: str
) -> argparse.ArgumentParser:
    parser = add_command(commands, name, command, text, epilog)
    parser.add_argument(
        "--plan", default="uk_bank", metavar="PLAN", help="the plan in force (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=7, metavar="S", help="which bank is simulated (default: %(default)s)"
    )
    parser.add_argument(
        "--for", dest="for_s", type=SECONDS, metavar="SECONDS", help="end after so long (default: never)"
    )
    return parser


def _add_rate(parser: argparse.ArgumentParser, rate: float) -> None:
    parser.add_argument(
        "--rate",
        type=RATE,
        default=rate,
        metavar="R",
        help="good signals a second, whether or not anybody keeps up (default: %(default)s)",
    )
    parser.add_argument(
        "--customers",
        type=COUNT,
        default=2_000,
        metavar="N",
        help="how many live (default: %(default)s)",
    )


def _add_haste(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--haste",
        type=HASTE,
        default=60.0,
        metavar="H",
        help="delays of answers beyond ten seconds pass so many times as fast; 60: an hour in a minute "
        "(default: %(default)g)",
    )


def _add_signals(commands: "Commands") -> None:
    text = "publish what customers of the simulated bank do now, at a chosen rate"
    parser = _parser(commands, "signals", _signals, text, WHERE)
    add_names(parser)
    _add_rate(parser, 25.0)
    shares = {
        "malformed": (0.005, "unreadable messages added"),
        "duplicates": (0.01, "messages that come twice"),
        "disorder": (0.02, "messages held back, so that later ones come first"),
        "busiest": (0.0, "signals that are of one customer"),
    }
    for name, (default, what) in shares.items():
        parser.add_argument(
            f"--{name}", type=SHARE, default=default, metavar="SHARE", help=f"{what} (default: %(default)s)"
        )
    parser.add_argument(
        "--arrivals",
        choices=("poisson", "paced"),
        default="poisson",
        help="at random, or one every 1/R seconds (default: %(default)s)",
    )
    parser.add_argument(
        "--run",
        metavar="NAME",
        help="part of every signal's id; the same name and seed repeat the same events (default: a new one)",
    )


def _signals(args: argparse.Namespace, _: list[str]) -> int:
    from models.simulation.living import LivingConfig  # noqa: PLC0415  (help must be quick)
    from pipelines.live.source import send  # noqa: PLC0415
    from pipelines.live.wire import Topic  # noqa: PLC0415
    from pipelines.provisioning.presence import await_topics  # noqa: PLC0415
    from pipelines.provisioning.resources import SIGNALS  # noqa: PLC0415

    shares = {name: getattr(args, name) for name in ("malformed", "duplicates", "disorder", "busiest")}
    run = args.run or secrets.token_hex(4)
    named = {"rate": args.rate, "customers": args.customers, "seed": args.seed, "arrivals": args.arrivals}
    config = _checked(lambda: LivingConfig(run=run, **named, **shares))
    endpoints, names = place(args, "Pub/Sub")
    spec = _plan(args.plan).spec
    with _stopping() as stop:
        if not await_topics(endpoints, {SIGNALS: names.topic(SIGNALS)}, stop):
            return 0
        topic = Topic(endpoints, names.topic(SIGNALS), stop)
        _say(f"signals to {names.topic(SIGNALS)}: {args.rate:g} a second, run {run}; Ctrl-C stops")
        sent = send(config, spec, topic, stop, for_s=args.for_s, say=_say)
    _say(sent.told())
    return 0


def _add_channels(commands: "Commands") -> None:
    text = "show decisions to the simulated bank's customers and publish how they answer"
    parser = _parser(commands, "channels", _channels, text, WHERE)
    add_names(parser)
    _add_haste(parser)
    parser.add_argument("--quiet", action="store_true", help="do not print every offer that is shown")


def _channels(args: argparse.Namespace, _: list[str]) -> int:
    from models.simulation.answering import Answering  # noqa: PLC0415
    from pipelines.live.channels import Channels, serve  # noqa: PLC0415
    from pipelines.live.showing import Showing  # noqa: PLC0415
    from pipelines.live.wire import Subscription, Topic  # noqa: PLC0415
    from pipelines.provisioning.presence import await_subscriptions, await_topics  # noqa: PLC0415
    from pipelines.provisioning.resources import DECISIONS, OUTCOMES, SIGNALS  # noqa: PLC0415

    endpoints, names = place(args, "Pub/Sub")
    plan = _plan(args.plan)
    answering = _checked(lambda: Answering(plan.spec, args.seed, haste=args.haste))
    channels = Channels(answering)
    with _stopping() as stop:
        decisions = names.subscription("decisions-channels")
        told = {name: names.topic(name) for name in (OUTCOMES, SIGNALS)}
        if not (
            await_subscriptions(endpoints, {DECISIONS: decisions}, stop)
            and await_topics(endpoints, told, stop)
        ):
            return 0
        _say(f"decisions from {decisions}, outcomes to {told[OUTCOMES]}; Ctrl-C stops")
        serve(
            channels,
            Subscription(endpoints, decisions, stop),
            Topic(endpoints, told[OUTCOMES], stop),
            Topic(endpoints, told[SIGNALS], stop),
            stop,
            for_s=args.for_s,
            show=None if args.quiet else Showing(plan.spec, print).show,
            say=_say,
        )
    _say(f"{channels.told()}; decisions that wait will be delivered again")
    return 0


def _add_watch(commands: "Commands") -> None:
    text = "serve a page on this machine that shows a running pipeline"
    epilog = f"It reads along on subscriptions of its own (`TOPIC-WATCHER`).\n\n{WHERE}"
    parser = _parser(commands, "watch", _watch, text, epilog)
    add_names(parser)
    _add_haste(parser)
    _add_port(parser)
    parser.add_argument(
        "--watcher", default="live", metavar="NAME", help="of its subscriptions (default: %(default)s)"
    )
    parser.add_argument(
        "--no-truth", action="store_true", help="the customers are real: nobody knows the truth about them"
    )


def _add_port(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=int, metavar="P", help="of the page, on this machine only (default: a free one)"
    )


def _watch(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.live.watching import watch  # noqa: PLC0415

    endpoints, names = place(args, "Pub/Sub")
    watcher, plan = checked_part("--watcher", args.watcher), find_plan(args.plan)
    _plan(args.plan)
    with _stopping() as stop:
        watch(
            endpoints,
            names,
            plan,
            stop,
            watcher=watcher,
            seed=None if args.no_truth else args.seed,
            haste=args.haste,
            port=args.port,
            for_s=args.for_s,
            say=_say,
        )
    return 0


def _add_live(commands: "Commands") -> None:
    text = "start a whole bank on this machine, and a page to watch it on"
    epilog = """example:
  nextbeam live --rate 50 --customers 5000

It starts the emulators, pipeline, customers, channels and page. Ctrl-C ends all. The Pub/Sub emulator is that of the
Cloud SDK, and needs Java; the BigQuery emulator is installed on first use, and needs Python 3.13. Where both are is
printed, so that `nextbeam dead-letters`, other commands and SQL can ask them."""
    parser = _parser(commands, "live", _live, text, epilog)
    _add_rate(parser, 25.0)
    _add_haste(parser)
    _add_port(parser)
    for name, what in _SERVER_PORTS.items():
        parser.add_argument(f"--{name}", type=int, metavar="P", help=f"of {what} (default: a free one)")
    parser.add_argument(
        "--no-bigquery", action="store_true", help="without tables (default: where they cannot be had)"
    )


def _live(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.live.stage import LiveConfig, live  # noqa: PLC0415

    plan = find_plan(args.plan)
    config = LiveConfig(
        plan=plan,
        rate=args.rate,
        customers=args.customers,
        seed=args.seed,
        haste=args.haste,
        for_s=args.for_s,
        port=args.port,
        bigquery=not args.no_bigquery,
        **{name: getattr(args, name) for name in _SERVER_PORTS},
    )
    _checked(config.source)
    _plan(args.plan)
    return live(config, say=_say)


def _plan(name: str) -> "Plan":
    from models.plan.compiled import Plan  # noqa: PLC0415
    from models.plan.load import PlanError  # noqa: PLC0415
    from models.propensity.artifact import ArtifactError  # noqa: PLC0415

    try:
        return Plan.load(find_plan(name))
    except (PlanError, ArtifactError) as error:
        raise UsageError(str(error)) from error


def _checked(make: Callable[[], Made]) -> Made:
    try:
        return make()
    except ValueError as error:
        raise UsageError(str(error)) from error


def _stopping() -> AbstractContextManager[Event]:
    from pipelines.stopping import stop_requested  # noqa: PLC0415

    return stop_requested()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
