"""`nextbeam replay`: recompute a whole run from its own records, in worker processes and in bounded memory.

Two passes. The first deals the records out by customer into parts that fit into memory one by one; the second replays
the ledgers in each part (`models.audit.ledgers`). Files are compared with the digests that the run left of them, too.
"""

import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_AS, RUSAGE_CHILDREN, RUSAGE_SELF, getrusage, setrlimit
from typing import Any

import msgspec

from models.audit.findings import Finding, FindingKind
from models.audit.ledgers import Tally
from models.ledger import by_household
from pipelines.locate import MODEL, OUTPUTS, PLAN, UsageError
from pipelines.manifest import Manifest, check_files, read_manifest
from pipelines.records import compiled_plan_of, plan_of
from pipelines.replay_parts import MOST_TOLD, TABLES, Deal, PartResult, deal_out, households, replay_part

_ROWS_PER_PART = 16_000
_MOST_PARTS = 200
_MOST_MEMORY = 4 * 2**30

Task = tuple[Callable[..., Any], tuple[Any, ...]]
Run = Callable[[Iterable[Task]], Iterator[Any]]
Progress = Callable[[int], None]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay found."""

    plan: str
    plan_digest: str
    decisions: int
    feedback: int
    ledgers: int
    mismatching_bytes: int
    found: dict[str, int]
    """How many findings there are of each kind."""
    findings: tuple[Finding, ...]
    """The first of them."""
    wall_s: float
    cpu_s: float
    """Of all processes."""

    @property
    def clean(self) -> bool:
        """Whether every record is what it has to be."""
        return not self.found


def replay(out: Path, *, jobs: int = 2, progress: Progress = lambda _: None) -> Report:
    """Recompute every decision and feedback of a run.

    Args:
      out: Folder of the run.
      jobs: Worker processes; 1: none, everything is done in this one.
      progress: Called with how many records more were read or replayed; each is both, in the end.

    Raises:
      UsageError: It cannot be replayed: no run, no plan, another plan.
    """
    started, cpu = time.perf_counter(), _cpu_s()
    total = _Total()
    manifest = _checked(out, total)
    files = tuple(file for name in TABLES for file in sorted((out / name).rglob("*.parquet")))
    with tempfile.TemporaryDirectory(prefix="nextbeam-replay-") as folder, _workers(jobs) as run:
        deal = Deal(Path(folder), _parts(manifest), _homes(out, files))
        _deal_out(out, files, deal, total, run, progress)
        names = tuple(_name(out, file) for file in files)
        parts = [(replay_part, (out, part, names, deal.homes)) for part in sorted(deal.spill.iterdir())]
        for result in run(parts):
            total.take(result)
            progress(result.rows)
    if total.tally.other_plans:
        raise UsageError(_other_plans(total.tally.other_plans, manifest))
    return Report(
        plan=manifest.plan,
        plan_digest=manifest.plan_digest,
        decisions=total.tally.decisions,
        feedback=total.tally.feedback,
        ledgers=total.ledgers,
        mismatching_bytes=total.tally.mismatching_bytes,
        found=dict(sorted(total.found.items())),
        findings=tuple(sorted(total.findings, key=_telling)[:MOST_TOLD]),
        wall_s=round(time.perf_counter() - started, 2),
        cpu_s=round(_cpu_s() - cpu, 2),
    )


class _Total:
    """What was found so far."""

    def __init__(self) -> None:
        self.tally, self.ledgers = Tally(), 0
        self.found: Counter[str] = Counter()
        self.findings: list[Finding] = []

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.found[finding.kind] += 1
            self.findings.append(finding)

    def take(self, part: PartResult) -> None:
        self.found += part.found
        self.findings += part.findings
        self.ledgers += part.ledgers
        self.tally.add(part.tally)


def _checked(out: Path, total: _Total) -> Manifest:
    """The manifest, once every file was compared with it and the plan found to be the one that decided."""
    manifest, changed = read_manifest(out)
    total.add(changed)
    total.add(check_files(out, manifest.files, _files_of(out)))
    try:
        plan = compiled_plan_of(out)
    except Exception as error:  # whatever damage does to what loads it
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"{_not_as_written(total)}{why[:500]}") from error
    if plan.digest != manifest.plan_digest:
        raise UsageError(
            f"{_not_as_written(total)}{out / PLAN} is plan {plan.digest}, "
            f"but the run was decided by plan {manifest.plan_digest}; put that one back"
        )
    return manifest


def _not_as_written(total: _Total) -> str:
    """Which files of the plan and its model are not those of the run, before what came of it."""
    changed = [each for each in total.findings if each.file.startswith((PLAN, f"{MODEL}/"))]
    return "".join(f"{each}; " for each in changed)


def _files_of(out: Path) -> list[Path]:
    """The files that are now where a run writes."""
    inside = [
        path for name in (*OUTPUTS, MODEL) for path in sorted((out / name).rglob("*")) if path.is_file()
    ]
    return [*inside, out / PLAN]


def _name(out: Path, file: Path) -> str:
    return file.relative_to(out).as_posix()


def _homes(out: Path, files: Sequence[Path]) -> dict[str, str]:
    """Household by customer, where the ledgers are those of households."""
    if not by_household(plan_of(out)):
        return {}
    return households(file for file in files if file.is_relative_to(out / "decisions"))


def _parts(manifest: Manifest) -> int:
    rows = (
        manifest.rows.get("decisions", 0) + manifest.rows.get("feedback", 0) // 4
    )  # a feedback is that much smaller
    return min(_MOST_PARTS, rows // _ROWS_PER_PART + 1)


def _deal_out(
    out: Path, files: Sequence[Path], deal: Deal, total: _Total, run: Run, progress: Progress
) -> None:
    """All records to their parts. Files that were changed are read where they can do no harm."""
    suspect = {finding.file for finding in total.findings}
    tasks = [(deal_out, (file, number, deal)) for number, file in enumerate(files)]
    sound = [task for task, file in zip(tasks, files, strict=True) if _name(out, file) not in suspect]
    for rows in run(sound):
        progress(rows)
    for task, file in zip(tasks, files, strict=True):
        if _name(out, file) in suspect:
            try:
                progress(_apart(task))
            except Exception as error:  # whatever damage does to a reader; the worker may have died of it
                why = str(error).splitlines()[0] if str(error) else type(error).__name__
                total.add([Finding(kind=FindingKind.FILE_UNREADABLE, file=_name(out, file), note=why[:200])])


def _apart(task: Task) -> Any:
    """The result of a task in a process of its own, with an end to its memory."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=_limit_memory) as pool:
        return pool.submit(task[0], *task[1]).result()


def _limit_memory() -> None:
    setrlimit(RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))


@contextmanager
def _workers(jobs: int) -> Iterator[Run]:
    """What runs tasks, and yields their results as they come."""
    if jobs == 1:
        yield lambda tasks: (call(*arguments) for call, arguments in tasks)
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:

        def run(tasks: Iterable[Task]) -> Iterator[Any]:
            waiting = [pool.submit(call, *arguments) for call, arguments in tasks]
            return (done.result() for done in as_completed(waiting))

        try:
            yield run
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _telling(finding: Finding) -> tuple[int, str, str]:
    """Causes before what follows from them."""
    return list(FindingKind).index(finding.kind), finding.file, finding.record


def _other_plans(others: dict[str, int], manifest: Manifest) -> str:
    told = ", ".join(f"{count:,} by {digest}" for digest, count in sorted(others.items()))
    return (
        f"the run has records of other plans than its own, {manifest.plan_digest}: {told}; "
        "a ledger can be replayed only by the plan that made it"
    )


def _cpu_s() -> float:
    used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
