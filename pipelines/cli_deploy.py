"""`nextbeam deploy ...`: what an operator, or a build, asks before and when a job starts on Dataflow."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.commands import add_command
from pipelines.locate import UsageError

if TYPE_CHECKING:
    from pipelines.commands import Commands
    from pipelines.deploy.fingerprint import Fingerprint
    from pipelines.deploy.request import JobRequest

_FLAGS = """The flags are those of `python -m pipelines.decisioning` and of Beam; a file holds one a line, and flags
here come on top of it. deploy/check.flags is an example."""

_REQUEST_EXAMPLE = f"""example:
  nextbeam deploy request --flags deploy/check.flags --plan-here uk_bank --out job.json

{_FLAGS} Exit 2: the job is not fit for Dataflow."""

_FINGERPRINT_EXAMPLE = f"""example:
  nextbeam deploy fingerprint --flags deploy/check.flags --plan-here uk_bank --out deploy/fingerprints/0.1.0.json

{_FLAGS}"""

_CHECK_EXAMPLE = """example:
  nextbeam deploy update-check deploy/fingerprints/0.1.0.json deploy/fingerprints/0.2.0.json

BREAK: a running job cannot be updated, or loses what it keeps. WARN: it can, and somebody should know. The way back is
told, too: a release that cannot be left again is rolled forward only. Exit 1: one of the two breaks, and the new
release does not say so itself (fingerprint --breaking WHY)."""


def add_deploy(commands: "Commands") -> None:
    """Add the command and its own commands."""
    text = "build, check and launch a job on Dataflow"
    parser = commands.add_parser("deploy", help=text, description=f"{text.capitalize()}.", allow_abbrev=False)
    own = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="name")
    _add_request(own)
    _add_fingerprint(own)
    _add_update_check(own)


def _add_request(commands: "Commands") -> None:
    text = "build the whole request for the job, without a cloud"
    parser = add_command(commands, "request", _request, text, _REQUEST_EXAMPLE)
    _add_job(parser)
    parser.add_argument("--out", metavar="FILE", help="write the request there, as JSON")


def _add_fingerprint(commands: "Commands") -> None:
    text = "write down what a running job keeps of this release"
    parser = add_command(commands, "fingerprint", _fingerprint, text, _FINGERPRINT_EXAMPLE)
    _add_job(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help="where to; - prints it")
    parser.add_argument(
        "--breaking",
        default="",
        metavar="WHY",
        help="why no job of the release before can be updated to this one",
    )


def _add_update_check(commands: "Commands") -> None:
    text = "say whether a running job can be updated, and taken back"
    parser = add_command(commands, "update-check", _update_check, text, _CHECK_EXAMPLE)
    parser.add_argument("old", metavar="OLD", help="fingerprint of what runs")
    parser.add_argument("new", metavar="NEW", help="fingerprint of what is to run")
    parser.add_argument(
        "--mapping", metavar="FILE", help="JSON of --transform_name_mapping: old names of steps to new ones"
    )


def _add_job(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(takes_flags=True)
    parser.add_argument("--flags", metavar="FILE", help="flags of the job, one a line")
    parser.add_argument(
        "--plan-here",
        required=True,
        metavar="PLAN",
        help="the plan at --plan, on this machine: the graph depends on it",
    )


def _job(args: argparse.Namespace, rest: list[str]) -> "JobRequest":
    from pipelines.deploy.flags_file import read_flags  # noqa: PLC0415  (help must be quick)
    from pipelines.deploy.request import build_request  # noqa: PLC0415

    return build_request([*(read_flags(Path(args.flags)) if args.flags else []), *rest], args.plan_here)


def _request(args: argparse.Namespace, rest: list[str]) -> int:
    import json  # noqa: PLC0415

    from pipelines.deploy.telling import told_request  # noqa: PLC0415

    request = _job(args, rest)
    if args.out:
        Path(args.out).write_text(json.dumps(request.job, indent=2, sort_keys=True) + "\n", "utf-8")
    print("\n".join(told_request(request)))
    return 0


def _fingerprint(args: argparse.Namespace, rest: list[str]) -> int:
    import msgspec  # noqa: PLC0415

    from pipelines.deploy.fingerprint import fingerprint  # noqa: PLC0415
    from pipelines.deploy.release import release  # noqa: PLC0415

    found = fingerprint(_job(args, rest).graph, release(), breaking=args.breaking)
    text = msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n"
    if args.out == "-":
        print(text, end="")
    else:
        Path(args.out).write_text(text, "utf-8")
        print(
            f"{len(found.steps)} steps, {sum(step.keyed for step in found.steps.values())} of them keep something"
        )
    return 0


def _update_check(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.deploy.telling import told_update  # noqa: PLC0415
    from pipelines.deploy.updating import breaks, changes, reversed_mapping  # noqa: PLC0415

    old, new = _read(args.old), _read(args.new)
    mapping = _mapping(args.mapping) if args.mapping else {}
    there, back = changes(old, new, mapping), changes(new, old, reversed_mapping(mapping))
    print("\n".join(told_update(old, new, there, back)))
    broken = breaks(there) or breaks(back)
    if broken and new.breaking:
        print(f"{new.release} says itself that it breaks: {new.breaking}")
    return 1 if broken and not new.breaking else 0


def _read(name: str) -> "Fingerprint":
    import msgspec  # noqa: PLC0415

    from pipelines.deploy.fingerprint import Fingerprint  # noqa: PLC0415

    try:
        return msgspec.json.decode(Path(name).read_bytes(), type=Fingerprint)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{name!r} is no fingerprint of a release: {error}") from None


def _mapping(name: str) -> dict[str, str]:
    import msgspec  # noqa: PLC0415

    try:
        return msgspec.json.decode(Path(name).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"--mapping: {name!r} is no JSON of old names to new ones: {error}") from None
