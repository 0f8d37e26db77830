"""`nextbeam deploy ...`: what an operator, or a build, asks before and when a job starts on Dataflow."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.commands import add_command, add_group
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


_TEMPLATE_EXAMPLE = """example:
  nextbeam deploy template --image europe-west2-docker.pkg.dev/PROJECT/REPOSITORY/nextbeam@sha256:... --out spec.json

The file goes to the bucket that templates are launched from, under a name of its own for each release."""

_LAUNCH_EXAMPLE = f"""examples:
  nextbeam deploy launch --flags prod.flags --spec gs://BUCKET/0.1.0/spec.json --validate-only --send
  nextbeam deploy launch --flags prod.flags --spec gs://BUCKET/0.1.0/spec.json --update --send

Without --send the request is only printed.
{_FLAGS}"""


def add_deploy(commands: "Commands") -> None:
    """Add the command and its own commands."""
    text = "build, check and launch a job on Dataflow"
    own = add_group(commands, "deploy", text)
    _add_request(own)
    _add_fingerprint(own)
    _add_update_check(own)
    _add_template(own)
    _add_launch(own)


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


def _add_template(commands: "Commands") -> None:
    text = "write the container spec of the flex template"
    parser = add_command(commands, "template", _template, text, _TEMPLATE_EXAMPLE)
    parser.add_argument("--image", required=True, metavar="IMAGE", help="of launcher and workers, by digest")
    parser.add_argument("--out", required=True, metavar="FILE", help="where to; - prints it")


def _add_launch(commands: "Commands") -> None:
    text = "launch the template, or have Dataflow look whether it could be"
    parser = add_command(commands, "launch", _launch, text, _LAUNCH_EXAMPLE)
    _add_flags(parser)
    parser.add_argument(
        "--spec", required=True, metavar="gs://FILE", help="where the template's container spec is"
    )
    parser.add_argument("--validate-only", action="store_true", help="Dataflow is to look at it only")
    parser.add_argument("--send", action="store_true", help="send it, with the credentials of this machine")
    parser.add_argument("--out", metavar="FILE", help="write the request there, as JSON")


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(takes_flags=True)
    parser.add_argument("--flags", metavar="FILE", help="flags of the job, one a line")


def _add_job(parser: argparse.ArgumentParser) -> None:
    _add_flags(parser)
    parser.add_argument(
        "--plan-here",
        required=True,
        metavar="PLAN",
        help="the plan at --plan, on this machine: the graph depends on it",
    )


def _job(args: argparse.Namespace, rest: list[str]) -> "JobRequest":
    from pipelines.deploy.request import build_request  # noqa: PLC0415  (help must be quick)

    return build_request(_flags(args, rest), args.plan_here)


def _flags(args: argparse.Namespace, rest: list[str]) -> list[str]:
    from pipelines.deploy.flags_file import read_flags  # noqa: PLC0415

    return [*(read_flags(Path(args.flags)) if args.flags else []), *rest]


def _request(args: argparse.Namespace, rest: list[str]) -> int:
    from pipelines.deploy.telling import told_request  # noqa: PLC0415

    request = _job(args, rest)
    if args.out:
        _write(request.job, args.out)
    print("\n".join(told_request(request)))
    return 0


def _fingerprint(args: argparse.Namespace, rest: list[str]) -> int:
    import msgspec  # noqa: PLC0415

    from pipelines.deploy.fingerprint import fingerprint  # noqa: PLC0415
    from pipelines.deploy.release import release  # noqa: PLC0415

    if args.breaking is not None and not args.breaking.strip():
        raise UsageError("--breaking: say why; whoever comes after has to know")
    found = fingerprint(_job(args, rest).graph, release(), breaking=(args.breaking or "").strip())
    text = msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n"
    if args.out == "-":
        print(text, end="")
    else:
        _write_text(text, args.out)
        print(
            f"{len(found.steps)} steps, {sum(step.keyed for step in found.steps.values())} of them keep something"
        )
    return 0


def _template(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.deploy.template import container_spec  # noqa: PLC0415

    _write(container_spec(args.image), args.out)
    return 0


def _launch(args: argparse.Namespace, rest: list[str]) -> int:
    from pipelines.deploy.job_flags import JobFlags  # noqa: PLC0415
    from pipelines.deploy.launching import default_session, launch_body, send  # noqa: PLC0415

    job = JobFlags.of(_flags(args, rest))
    body = launch_body(job, args.spec, validate_only=args.validate_only)
    if args.out or not args.send:
        _write(body, args.out or "-")
    if args.send:
        print(send(body, job.told["project"], job.told["region"], default_session()))
    return 0


def _write(document: object, name: str) -> None:
    import json  # noqa: PLC0415

    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    if name == "-":
        print(text, end="")
    else:
        _write_text(text, name)


def _write_text(text: str, name: str) -> None:
    try:
        Path(name).write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"--out: {name!r} cannot be written ({error.strerror})") from None


def _update_check(args: argparse.Namespace, _: list[str]) -> int:
    from pipelines.deploy.telling import told_update  # noqa: PLC0415
    from pipelines.deploy.updating import breaks, changes, refuse_namesakes, reversed_mapping  # noqa: PLC0415

    old, new = _read(args.old), _read(args.new)
    refuse_namesakes(old, new)
    mapping = _mapping(args.mapping) if args.mapping else {}
    there, back = changes(old, new, mapping), changes(new, old, reversed_mapping(mapping))
    print("\n".join(told_update(old, new, there, back)))
    broken, why = breaks(there) or breaks(back), new.breaking.strip()
    if broken and why:
        print(f"{new.release} says itself that it breaks: {why}")
    return 1 if broken and not why else 0


def _read(name: str) -> "Fingerprint":
    import msgspec  # noqa: PLC0415

    from pipelines.deploy.fingerprint import Fingerprint  # noqa: PLC0415

    try:
        return msgspec.json.decode(_bytes(name), type=Fingerprint)
    except msgspec.MsgspecError as error:
        raise UsageError(f"{name!r} is no fingerprint of a release: {error}") from None


def _bytes(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{name!r} cannot be read ({error.strerror})") from None


def _mapping(name: str) -> dict[str, str]:
    import msgspec  # noqa: PLC0415

    try:
        return msgspec.json.decode(_bytes(name), type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise UsageError(f"--mapping: {name!r} is no JSON of old names to new ones: {error}") from None
