"""Watch a job after its update: python -m pipelines.releases.watching --help."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from models.releases.burning import Limits, burning, silent
from models.releases.growth import Growth
from pipelines.deploy.launching import default_session
from pipelines.locate import UsageError
from pipelines.releases.monitoring import growth

LOOK_BACK_S = 300
"""As the short window of the fast burn."""
_MOST_UNANSWERED = 5

Look = Callable[[], Growth]


def watch(
    look: Look, looks: int, every_s: float, *, limits: Limits, pause: Callable[[float], None]
) -> list[str]:
    """Why to go back; empty: after all looks there is no reason.

    Args:
      look: How far counters have grown in the last minutes.
      looks: How many.
      every_s: Seconds between them.
      limits: When to go back.
      pause: Sleeps.
    """
    seen: list[Growth] = []
    unanswered = 0
    for _ in range(looks):
        pause(every_s)
        try:
            seen.append(look())
            unanswered = 0
        except UsageError as error:  # to go back for that would be a change while nobody sees
            unanswered += 1
            print(error, file=sys.stderr)
        if unanswered >= _MOST_UNANSWERED:
            raise UsageError(f"nobody has seen the job for {unanswered} looks; look yourself, and decide")
        if found := burning(seen, limits):
            return list(found)
    return ["nothing came in"] if silent(seen) else []


def main(argv: Sequence[str] | None = None) -> int:
    """0: nothing burns; 1: go back; 2: it could not be found out."""
    args = _parser().parse_args(argv)
    looks = max(round(args.minutes * 60 / args.every), Limits.looks)
    try:
        session = default_session()
        found = watch(
            lambda: growth(session, args.project, args.job, LOOK_BACK_S),
            looks,
            args.every,
            limits=Limits(rate=args.rate),
            pause=time.sleep,
        )
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(found) if found else f"nothing burns after {args.minutes:g} minutes")
    return int(bool(found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0], allow_abbrev=False)
    parser.add_argument("--project", required=True, help="whose job it is")
    parser.add_argument("--job", required=True, metavar="NAME", help="the job")
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default: %(default)s)")
    parser.add_argument(
        "--every", type=float, default=60.0, metavar="SECONDS", help="between looks (default: %(default)s)"
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=Limits.rate,
        help="of the budget, from which to go back (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
