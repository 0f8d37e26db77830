"""Progress of a run on this machine, from tallies that the workers keep in this process."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from transforms import tally

REFRESH_S = 0.2


@contextmanager
def shown(files: Sequence[str], *, quiet: bool) -> Iterator[None]:
    """Show what was read, folded and written so far, until the block ends.

    With worker processes the tallies are theirs, so only the time is shown.
    """
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield
        return
    tally.start()
    done = threading.Event()
    thread = threading.Thread(target=_draw, args=(console, _lines(files), done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        tally.stop()


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar for work in this thread; call what is yielded with how much more is done."""
    console = Console(stderr=True)
    columns = (TextColumn("  {task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda n: progress.update(task, advance=n)


def _draw(console: Console, total: int | None, done: threading.Event) -> None:
    columns = (TextColumn("  {task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        tasks = {name: progress.add_task(name, total=None) for name in tally.NAMES}
        progress.update(tasks["read"], total=total)
        ended = False
        while not ended:
            ended = done.wait(REFRESH_S)  # and one last look, after the end
            seen = tally.read()
            for name, task in tasks.items():
                progress.update(task, completed=seen[name])
            progress.update(tasks["folded"], total=seen["read"] or None)


def _lines(files: Sequence[str]) -> int | None:
    """How many lines there are to read; None where that is not known without decoding."""
    if not all(name.endswith((".jsonl", ".ndjson", ".json")) for name in files):
        return None
    return sum(_count_lines(Path(name)) for name in files)


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
