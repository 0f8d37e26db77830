"""The flags of a job, kept in a file."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.locate import UsageError


def read_flags(path: Path) -> list[str]:
    """The flags in a file: one a line, `--name=value` or `--name`; lines that start with # are remarks.

    Raises:
      UsageError: There is no such file, a line is no flag, or two give the same one.
    """
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    except OSError as error:
        raise UsageError(f"--flags: {str(path)!r} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UsageError(f"--flags: {str(path)!r} is no UTF-8 text") from None
    found = [line for line in lines if line and not line.startswith("#")]
    for flag in found:
        if not flag.startswith("--") or any(space in flag.partition("=")[0] for space in " \t"):
            raise UsageError(f"--flags: {str(path)!r}: {flag!r} is not --name=value")
    _refuse_twice(path, found)
    return found


_REPEATED = {
    "--experiments",
    "--dataflow_service_options",
    "--labels",
    "--sdk_harness_container_image_overrides",
}


def _refuse_twice(path: Path, flags: Sequence[str]) -> None:
    names = [name for flag in flags if (name := flag.partition("=")[0]) not in _REPEATED]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UsageError(f"--flags: {str(path)!r} gives {', '.join(sorted(twice))} twice")
