"""`nextbeam plan diff`: both plans over the same recorded events, each over its own evolving state."""

import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context, resource_tracker
from pathlib import Path
from typing import Protocol, TypeVar

from models.collector import settle
from models.mapping import load_mapping
from models.mapping.load import MappingFileError
from models.plan.compiled import Plan
from models.plan.load import PlanError
from models.propensity.artifact import ArtifactError
from models.replaying.cohorts import Cohorts
from models.replaying.comparing import compare
from models.replaying.comparison import Comparison, Side, Span
from models.replaying.counterparts import NO_COUNTERPART, Link
from models.replaying.tally import Tally
from pipelines.diffing_work import Job, Read, Task, Workshop
from pipelines.history import History, Piece, pieces
from pipelines.locate import UsageError
from pipelines.progress import counting

PROCESSES = 2
"""More would take turns on the cores that a laptop has to spare."""

_BUCKET_BYTES = 24 * 1024 * 1024
_SMALL_BYTES = 6 * 1024 * 1024
"""A history up to this size is folded before another process has started."""


@dataclass(frozen=True)
class Question:
    """Which plans over which history."""

    plans: tuple[Path, Path]
    history: History
    mapping: Path | None = None
    live: str | None = None
    """Digest of the plan that was live; None: A's, else B's."""
    cohorts: tuple[str, ...] | None = None


def diff(question: Question, *, processes: int | None = None) -> Comparison:
    """Fold the history under both plans, and compare.

    Args:
      question: The plans and the history.
      processes: How many; None: one for a small history, else two.

    Raises:
      UsageError: A plan is refused, a cohort or the mapping is not good, or nothing in the history is an event.
    """
    plans = _checked(question)
    with tempfile.TemporaryDirectory(prefix="nextbeam-diff-") as folder:
        task = _task(question, plans, Path(folder))
        with _hands(task, plans, processes or _processes(question)) as do:
            cut = list(enumerate(pieces(question.history)))
            read = Read()
            with counting("read", len(cut)) as progress:
                for part in do(_read, cut, progress):
                    read.add(part)
            _check_read(question, read)
            tallies = Tally(), Tally()
            jobs = Workshop(task, plans).jobs(task.buckets)
            with counting("fold", len(jobs)) as progress:
                for folded in do(_fold, jobs, progress):
                    for side, tally in folded.items():
                        tallies[side].add(tally)
    specs = plans[0].spec, plans[1].spec
    return compare(
        _sides(question, plans, read, tallies), specs, tallies, _span(question, plans, read, tallies)
    )


def _checked(question: Question) -> tuple[Plan, Plan]:
    plans = _plan("A", question.plans[0]), _plan("B", question.plans[1])
    try:
        Cohorts.of([plan.spec for plan in plans], question.cohorts)
    except ValueError as error:
        raise UsageError(f"--cohort: {error}") from None
    if question.mapping is not None:
        try:
            load_mapping(question.mapping)
        except MappingFileError as error:
            raise UsageError(str(error)) from error
    return plans


def _plan(label: str, path: Path) -> Plan:
    try:
        return Plan.load(path)
    except (PlanError, ArtifactError) as error:
        raise UsageError(f"plan {label} is refused:\n{error}") from error


def _check_read(question: Question, read: Read) -> None:
    if any(read.decoded):
        return
    why = ", ".join(f"{count:,} {reason}" for reason, count in read.refused[0].most_common())
    skipped = f"{read.skipped[0]:,} left out by the mapping" if read.skipped[0] else ""
    raise UsageError(
        f"nothing in the history is an event of these plans: {read.lines:,} lines, "
        f"{', '.join(filter(None, (why, skipped))) or 'all empty'}; files: {', '.join(question.history.files)}. "
        "Rows of another format need --mapping"
    )


def _task(question: Question, plans: tuple[Plan, Plan], folder: Path) -> Task:
    live = (question.live,) if question.live else tuple(dict.fromkeys(plan.digest for plan in plans))
    return Task(
        plans=question.plans,
        mapping=question.mapping,
        live=live,
        cohorts=question.cohorts,
        folder=folder,
        buckets=_buckets(question),
    )


def _buckets(question: Question) -> int:
    return max(1, -(-question.history.size // _BUCKET_BYTES))


def _processes(question: Question) -> int:
    return 1 if question.history.size <= _SMALL_BYTES else PROCESSES


_workshop: Workshop | None = None
"""That of this process."""


def _open(task: Task) -> None:
    global _workshop  # noqa: PLW0603  (a process of a pool has no other place)
    _workshop = Workshop(task)
    settle()


def _here() -> Workshop:
    assert _workshop is not None
    return _workshop


def _read(workshop: Workshop, numbered: tuple[int, Piece]) -> Read:
    return workshop.read(*numbered)


def _fold(workshop: Workshop, job: Job) -> dict[int, Tally]:
    return workshop.fold(job)


Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Workshop, Item], Result]


def _there(work: Work[Item, Result], item: Item) -> Result:
    return work(_here(), item)


class Hands(Protocol):
    """Does work on items, here or in processes."""

    def __call__(
        self, work: Work[Item, Result], items: Iterable[Item], progress: Callable[[int], None], /
    ) -> Iterator[Result]:
        """The results in the order of the items, so that sums are the same however many hands there are."""


@contextmanager
def _hands(task: Task, plans: tuple[Plan, Plan], processes: int) -> Iterator[Hands]:
    if processes == 1:
        yield _alone(Workshop(task, plans))
        return
    pool = ProcessPoolExecutor(processes, get_context("spawn"), initializer=_open, initargs=(task,))
    others = set(active_children())
    try:
        yield _shared(pool)
    except BaseException:  # an interrupt above all: what they are at is of no use
        for child in set(active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes that start in here hear nothing of an interrupt: it is for the one that they serve."""
    resource_tracker.ensure_running()  # it would lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _alone(workshop: Workshop) -> Hands:
    def do(
        work: Work[Item, Result], items: Iterable[Item], progress: Callable[[int], None]
    ) -> Iterator[Result]:
        for item in items:
            yield work(workshop, item)
            progress(1)

    return do


def _shared(pool: Executor) -> Hands:
    def do(
        work: Work[Item, Result], items: Iterable[Item], progress: Callable[[int], None]
    ) -> Iterator[Result]:
        with _uninterrupted():
            futures = [pool.submit(_there, work, item) for item in items]
        for future in futures:
            future.add_done_callback(lambda _: progress(1))
        for future in futures:
            yield future.result()

    return do


def _sides(
    question: Question, plans: tuple[Plan, Plan], read: Read, tallies: tuple[Tally, Tally]
) -> tuple[Side, Side]:
    a, b = (
        Side(
            label="B" if index else "A",
            path=str(question.plans[index]),
            name=plan.spec.name,
            version=plan.spec.version,
            digest=plan.digest,
            currency=plan.spec.currency,
            decoded=read.decoded[index],
            refused=dict(read.refused[index].most_common()),
            skipped=read.skipped[index],
            accounted=dict(tallies[index].counted),
            dead=dict(tallies[index].dead.most_common()),
            outcomes={link.value: tallies[index].links[link] for link in Link if tallies[index].links[link]},
            left_out=sum(tallies[index].links[link] for link in NO_COUNTERPART),
        )
        for index, plan in enumerate(plans)
    )
    return a, b


def _span(question: Question, plans: Sequence[Plan], read: Read, tallies: tuple[Tally, Tally]) -> Span:
    own = [plan.digest for plan, tally in zip(plans, tallies, strict=True) if tally.links[Link.OWN]]
    return Span(
        files=question.history.files,
        lines=read.lines,
        customers=len({**tallies[0].customers, **tallies[1].customers}),
        first=read.first.isoformat() if read.first else None,
        last=read.last.isoformat() if read.last else None,
        live=question.live or (own[0] if own else None),
    )
