"""Find what a user names: plans, mappings, event files, output folders. No Beam: help must be quick."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

import models
from models.plan.wording import nearest
from schemas import DeadLetter, Decision, Feedback, SessionContext

CATALOGUES = Path(models.__file__).parent / "catalogues"
MAPPINGS = Path(models.__file__).parent / "mappings"
READABLE = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz", ".parquet")

OUTPUTS: dict[str, type[msgspec.Struct]] = {
    "decisions": Decision,
    "feedback": Feedback,
    "sessions": SessionContext,
    "dead_letters": DeadLetter,
}
"""The folders of a run and the contract that each holds."""


PLAN, MODEL = "plan.json", "model"
"""Where a run keeps the plan it decided by, and the plan's model."""


class UsageError(Exception):
    """What the user asked for cannot be done; the text says what to do instead."""


def shipped(folder: Path) -> list[str]:
    """Names of the plans or mappings that come with the project."""
    if not folder.is_dir():
        return []
    return sorted({p.stem for p in folder.iterdir() if p.suffix == ".yaml" or (p / "plan.yaml").is_file()})


def find_plan(name: str) -> Path:
    """The plan with this path, or the shipped one with this name."""
    return _find("plan", name, CATALOGUES)


def find_mapping(name: str) -> Path:
    """The mapping with this path, or the shipped one with this name."""
    return _find("mapping", name, MAPPINGS)


def _find(kind: str, name: str, folder: Path) -> Path:
    for path in (Path(name), folder / name, folder / f"{name}.yaml"):
        if path.is_file() or (path / "plan.yaml").is_file():
            return path
    if Path(name).is_dir():
        what = "holds no plan.yaml; add it, or name" if kind == "plan" else "is a folder; name"
        raise UsageError(f"{name!r} {what} a {kind}'s YAML file")
    known = shipped(folder)
    close = nearest(name, known)
    hint = f"; did you mean {close!r}?" if close else f" ({', '.join(known) or 'none'})"
    raise UsageError(f"there is no {kind} {name!r}: give a YAML file, or the name of a shipped {kind}{hint}")


def find_files(flag: str, patterns: Sequence[str]) -> tuple[str, ...]:
    """The files that some names and patterns stand for, each checked to be readable.

    Raises:
      UsageError: One is missing, a folder, unreadable, or of no kind that can be read.
    """
    files: list[str] = []
    for pattern in patterns:
        magic = glob.has_magic(pattern) and not Path(pattern).is_file()
        found = sorted(glob.glob(pattern)) if magic else [pattern]  # noqa: PTH207  (it may be absolute)
        if not found:
            raise UsageError(f"{flag}: no file matches {pattern!r}")
        for name in found:
            _check_file(flag, name)
        files += found
    return tuple(files)


def _check_file(flag: str, name: str) -> None:
    path = Path(name)
    if path.is_dir():
        raise UsageError(f"{flag}: {name!r} is a folder; name its files, e.g. '{name}/*.jsonl'")
    if not path.is_file():
        raise UsageError(f"{flag}: there is no file {name!r}")
    if not name.endswith(READABLE):
        raise UsageError(
            f"{flag}: {name!r} is neither JSON lines nor Parquet ({', '.join(READABLE)}); "
            "`nextbeam import` turns other tables into signals"
        )
    if not os.access(path, os.R_OK):
        raise UsageError(f"{flag}: {name!r} cannot be read; check its permissions")


def out_folder(name: str, flag: str = "--out") -> Path:
    """A folder to write to, existing or not.

    Raises:
      UsageError: A file is in its place.
    """
    path = Path(name)
    if path.exists() and not path.is_dir():
        raise UsageError(f"{flag}: {name!r} is a file; name a folder")
    return path


def damaged(out: Path, found: object) -> UsageError:
    """What to say of a run's folder in which something is not as the run wrote it."""
    said = str(found).partition("\n")[0]
    return UsageError(
        f"the outputs in {str(out)!r} are damaged ({said}); `nextbeam replay` names each file that is not as written"
    )


def run_folder(name: str | Path) -> Path:
    """The folder of a finished run.

    Raises:
      UsageError: The folder holds none.
    """
    path = Path(name)
    if not (path / "summary.json").is_file():
        raise UsageError(f"{str(path)!r} holds no run; `nextbeam run ... --out {path}` makes one")
    return path
