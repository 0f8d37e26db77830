"""`nextbeam plan diff`: both plans over the same recorded events, each over its own evolving state."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

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
from pipelines.diffing_work import Read, Task, Workshop
from pipelines.history import History, Piece, pieces
from pipelines.locate import UsageError
from pipelines.progress import counting

PROCESSES = 2
"""More would take turns on the cores that a laptop has to spare."""

_BUCKET_BYTES = 24 * 1024 * 1024
_SMALL_BYTES = 6 * 1024 * 1024
"""A history up to this size is folded before another process has started."""

Item = TypeVar("Item")
Result = TypeVar("Result")


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
      UsageError: A plan is refused, or a cohort or the mapping is not good.
    """
    plans = _checked(question)
    folder_of = tempfile.TemporaryDirectory(prefix="nextbeam-diff-")
    with folder_of as folder, _hands(_task(question, plans, folder), processes or _processes(question)) as do:
        cut = pieces(question.history)
        read = Read()
        with counting("read", len(cut)) as progress:
            for part in do(_read, list(enumerate(cut))):
                read.add(part)
                progress(1)
        tallies = Tally(), Tally()
        buckets = range(_buckets(question))
        with counting("fold", len(buckets)) as progress:
            for a, b in do(_fold, buckets):
                tallies[0].add(a)
                tallies[1].add(b)
                progress(1)
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


def _task(question: Question, plans: tuple[Plan, Plan], folder: str) -> Task:
    live = (question.live,) if question.live else tuple(dict.fromkeys(plan.digest for plan in plans))
    return Task(
        plans=question.plans,
        mapping=question.mapping,
        live=live,
        cohorts=question.cohorts,
        folder=Path(folder),
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


def _here() -> Workshop:
    assert _workshop is not None
    return _workshop


def _read(numbered: tuple[int, Piece]) -> Read:
    return _here().read(*numbered)


def _fold(bucket: int) -> tuple[Tally, Tally]:
    return _here().fold(bucket)


Do = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


@contextmanager
def _hands(task: Task, processes: int) -> Iterator[Do]:
    """A map that works here, or in processes; results come in the order of what is to be done."""
    if processes == 1:
        _open(task)
        yield map
        return
    pool = ProcessPoolExecutor(processes, get_context("spawn"), initializer=_open, initargs=(task,))
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


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
