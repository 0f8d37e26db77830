"""`nextbeam heartbeat`: is the job there, and how long does it take?"""

import argparse
import json
from typing import TYPE_CHECKING

from pipelines.amounts import SECONDS
from pipelines.commands import add_command
from pipelines.place import WHERE, add_names, checked_part, place

if TYPE_CHECKING:
    from pipelines.commands import Commands
    from pipelines.observability.heartbeat import Beat, Heart

_EXAMPLE = f"""examples:
  nextbeam heartbeat --project bank-prod --once
  nextbeam heartbeat --every 60

One line of JSON per heartbeat. It is a signal of its own kind: it goes through decoding, the shuffle and the keyed
step, is decided by no rule and reaches no customer, table or limit. Exit 1: one was not answered in time.
{WHERE}"""


def add_heartbeat(commands: "Commands") -> None:
    """Add the command."""
    text = "send a synthetic signal through a running job, and wait for its answer"
    parser = add_command(commands, "heartbeat", _heartbeat, text, _EXAMPLE)
    often = parser.add_mutually_exclusive_group()
    often.add_argument("--once", action="store_true", help="one heartbeat (the default)")
    often.add_argument(
        "--every", type=SECONDS, metavar="SECONDS", help="one each so many seconds, until Ctrl-C"
    )
    add_names(parser)
    parser.add_argument(
        "--timeout",
        type=SECONDS,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait (default: %(default)s)",
    )
    parser.add_argument(
        "--sender", default="cli", metavar="NAME", help="whose heartbeat it is (default: %(default)s)"
    )


def _heartbeat(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.observability.heartbeat import Heart  # noqa: PLC0415  (it imports clients of the cloud)
    from pipelines.provisioning.resources import SIGNALS  # noqa: PLC0415

    endpoints, names = place(args, "Pub/Sub")
    answers = names.subscription("heartbeats-watch")
    heart = Heart(endpoints, names.topic(SIGNALS), answers, checked_part("--sender", args.sender))
    if args.every is None:
        return 0 if _told(heart.beat(args.timeout)) else 1
    return _keep_beating(heart, args.every, args.timeout)


def _keep_beating(heart: "Heart", every_s: float, timeout_s: float) -> int:
    from pipelines.stopping import stop_requested  # noqa: PLC0415

    missed = False
    with stop_requested() as stop:
        while not stop.is_set():
            missed |= not _told(heart.beat(min(timeout_s, every_s)))
            stop.wait(every_s)
    return 1 if missed else 0


def _told(beat: "Beat") -> bool:
    """Say what became of it; whether it was answered."""
    answer = beat.answer
    told = {"heartbeat": beat.heartbeat_id, "answered": answer is not None}
    if answer is not None and beat.age_ms is not None:
        told |= {"age_ms": round(beat.age_ms), "sequence": answer.sequence, "plan_digest": answer.plan_digest}
    print(json.dumps(told), flush=True)
    return answer is not None
