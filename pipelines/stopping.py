"""Being asked to stop, by SIGINT or SIGTERM, also where a shell has told its background jobs to ignore the former."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

_ASKING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_requested() -> Iterator[threading.Event]:
    """An event that is set by the first SIGINT or SIGTERM; a second one ends the process at once."""
    stop = threading.Event()

    def request(number: int) -> None:
        if stop.is_set():
            raise SystemExit(128 + number)
        stop.set()

    with _asked(request):
        yield stop


@contextmanager
def interruptible() -> Iterator[None]:
    """Both raise KeyboardInterrupt, wherever we are: for what waits in many places, and leaves nothing half done."""

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with _asked(interrupt):
        yield


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt, so that what was begun is removed as it is after Ctrl-C.

    Not for what waits for processes of its own: they are not told. Only the main thread hears signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with _asked(interrupt, (signal.SIGTERM,)):
        yield


@contextmanager
def _asked(request: Callable[[int], None], asking: Sequence[signal.Signals] = _ASKING) -> Iterator[None]:
    def handle(number: int, _: FrameType | None) -> None:
        request(number)

    before = {number: signal.signal(number, handle) for number in asking}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
