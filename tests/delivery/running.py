"""Many histories in several processes."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from delivery.invariants import violations
from delivery.world import World

CHUNK = 500


def broken(first: int, last: int) -> list[str]:
    """What the histories of these seeds broke."""
    return [text for seed in range(first, last) for text in violations(World(seed).run())]


def found_broken(first: int, seeds: int, *, jobs: int, chunk: int = CHUNK) -> Iterator[tuple[int, list[str]]]:
    """Chunk by chunk of so many seeds from `first`: the seed after its last, and what its histories broke."""
    last = first + seeds
    starts = range(first, last, chunk)
    ends = [min(start + chunk, last) for start in starts]
    # Processes of their own making: forked ones would go on tracing for whoever measures coverage.
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        yield from zip(ends, pool.map(broken, starts, ends), strict=True)
