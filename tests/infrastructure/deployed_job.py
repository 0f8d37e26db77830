"""The job that `deploy/check.flags` describes, built once."""

from functools import cache
from pathlib import Path

from pipelines.deploy.flags_file import read_flags
from pipelines.deploy.request import JobRequest, build_request

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ROOT / "deploy" / "check.flags"
PLAN = "uk_bank"


def flags(*more: str, without: tuple[str, ...] = ()) -> list[str]:
    """Those of the file, without some, and some more."""
    kept = [flag for flag in read_flags(FLAGS) if flag.partition("=")[0].removeprefix("--") not in without]
    return [*kept, *more]


def changed(**values: str) -> list[str]:
    """The flags with other values."""
    return flags(*(f"--{name}={value}" for name, value in values.items()), without=tuple(values))


@cache
def deployed() -> JobRequest:
    """Its request."""
    return build_request(flags(), PLAN)
