"""Run the pipeline on this machine: outputs appear whole or not at all, and are counted."""

import fcntl
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import apache_beam as beam
import msgspec
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult

from models.mapping import load_mapping
from models.mapping.load import MappingFileError
from models.plan.compiled import Plan
from models.plan.load import PlanError
from models.propensity.artifact import ARRAYS, MANIFEST, ArtifactError, save
from models.signing import SignatureError, TrustedKey
from pipelines.decisioning import connect_files
from pipelines.flags import Config
from pipelines.lean import uncollected
from pipelines.locate import MODEL, OUTPUTS, PLAN, UsageError
from pipelines.reading import check_readable
from pipelines.refusals import refused
from pipelines.summary import Inputs, Summary, summarise
from transforms.metrics import counted
from transforms.plan_files import plan_at
from transforms.plan_source import PlanSource

_STAGING = ".run-"


def launch(config: Config, options: PipelineOptions) -> Summary:
    """Decide everything in the inputs; replace what an earlier run left in the output folder.

    Raises:
      UsageError: The plan or the mapping is not good; nothing was started.
    """
    plan = checked_plan(config.plan, config.keys)
    check_mapping(config)
    check_readable([*config.signals, *config.outcomes])
    check_replaceable(config.out)
    _make(config.out)
    with _staging(config.out) as staging:
        started, cpu = time.perf_counter(), time.process_time()
        result = _run(config, plan, options, staging)
        spent = {
            "wall_s": round(time.perf_counter() - started, 2),
            "cpu_s": round(time.process_time() - cpu, 2),
        }
        _keep_plan(plan, staging)
        summary = summarise(staging, plan, counted(result), spent, _inputs(config))
        (staging / "summary.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n"
        )
        _publish(staging, config.out)
    return summary


def _inputs(config: Config) -> Inputs:
    """What the run reads, from where it writes: both can be moved together, and found again."""
    out = config.out.resolve()

    def from_there(name: str | Path) -> str:
        return os.path.relpath(Path(name).resolve(), out)

    return Inputs(
        signals=tuple(map(from_there, config.signals)),
        outcomes=tuple(map(from_there, config.outcomes)),
        mapping=from_there(config.mapping) if config.mapping else None,
    )


def _keep_plan(plan: Plan, staging: Path) -> None:
    """The plan and its model beside the outputs: a run can be replayed wherever its folder is."""
    (staging / PLAN).write_bytes(plan.canonical)
    if plan.artifact is not None:
        save(plan.artifact, staging / MODEL)


def checked_plan(path: Path, keys: Sequence[TrustedKey] = ()) -> Plan:
    """The plan, compiled; refused whole when anything is wrong with it, or none of `keys` approved it."""
    try:
        return plan_at(str(path), keys)
    except (PlanError, ArtifactError, SignatureError) as error:
        raise UsageError(str(error)) from error


def check_mapping(config: Config) -> None:
    """Refuse a mapping that is not good, before anything starts."""
    if config.mapping is not None:
        try:
            load_mapping(config.mapping)
        except MappingFileError as error:
            raise UsageError(str(error)) from error


def check_replaceable(out: Path) -> None:
    """Refuse to replace what no run has written.

    Raises:
      UsageError: There is something else where outputs are to go.
    """
    for name in [*OUTPUTS, MODEL]:
        folder = out / name
        foreign = folder.is_symlink() or (folder.exists() and not folder.is_dir())
        strangers = [folder] if foreign else [p for p in folder.rglob("*") if not _is_ours(p, folder)]
        if strangers:
            raise UsageError(
                f"--out: {str(strangers[0])!r} is not of a run and would be lost; move it, or name another folder"
            )


def _is_ours(path: Path, folder: Path) -> bool:
    """Whether a run may have written this: `date=.../part-....parquet`, or a model's two files."""
    if folder.name == MODEL:
        return path.parent == folder and path.name in {MANIFEST, ARRAYS}
    return path.match("date=*") if path.parent == folder else path.match("date=*/part-*.parquet")


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise UsageError(f"--out: {str(out)!r} cannot be written to ({error.strerror})") from error


def _run(config: Config, plan: Plan, options: PipelineOptions, staging: Path) -> PipelineResult:
    PlanSource(str(config.plan), keys=config.keys).hold(plan)
    try:
        pipeline = beam.Pipeline(options=options)
    except ValueError as error:  # no such runner, or options that do not suit it
        raise UsageError("; ".join(str(error).splitlines())) from error
    with uncollected():  # a graph is all there is to collect, and it stays
        connect_files(pipeline, config, str(staging))
    try:
        with _told_once():
            result = pipeline.run()
            result.wait_until_finish()
    except RuntimeError as error:
        if _interrupted(error):
            raise KeyboardInterrupt from error
        if said := refused(error):
            raise UsageError(said) from error
        raise
    return result


@contextmanager
def _told_once() -> Iterator[None]:
    """Beam logs what fails inside of a step, with its traceback, and raises it: not what we tell in one sentence."""

    def ours_to_mend(record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return error is None or not (_interrupted(error) or refused(error))

    log = logging.getLogger("apache_beam.runners.common")
    log.addFilter(ours_to_mend)
    try:
        yield
    finally:
        log.removeFilter(ours_to_mend)


def _interrupted(error: BaseException | None) -> bool:
    """Whether it was the user who stopped a step: Beam wraps that like a failure of the step."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


@contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """A folder beside the outputs, on the same file system so that publishing is a rename.

    It is locked while its run lives, so that what is left of a run that was killed can be told apart and removed.
    """
    with _locked(out):
        for left in out.glob(f"{_STAGING}*"):
            with suppress(OSError), _locked(left, wait=False):
                shutil.rmtree(left)
        folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=out))
        lock = _lock(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _publish(staging: Path, out: Path) -> None:
    """Swap the new outputs in. The summary goes first and comes last: without it there is no run."""
    names = [*OUTPUTS, MODEL, PLAN, "summary.json"]
    with _locked(out):  # of two runs that end at once, the outputs are all of one
        (out / "summary.json").unlink(missing_ok=True)
        for name in names:
            old, new = out / name, staging / name
            if old.is_dir():
                shutil.rmtree(old)
            if not new.exists():
                new.mkdir()
            new.replace(old)


@contextmanager
def _locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    lock = _lock(folder, wait=wait)
    try:
        yield
    finally:
        os.close(lock)


def _lock(folder: Path, *, wait: bool = True) -> int:
    """The open folder, locked until it is closed or the process ends, however it ends.

    Raises:
      BlockingIOError: Another process has the lock, and we do not wait.
    """
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(opened)
        raise
    return opened
