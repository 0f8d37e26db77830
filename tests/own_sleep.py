"""What a module does instead of sleeping, in the thread that asks for it: others, left by other tests, sleep on."""

import threading
import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest


def instead_of_sleep(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, meanwhile: Callable[[], None]
) -> None:
    """`module`, which uses nothing else of `time`, calls `meanwhile` where it would sleep in this thread."""
    here = threading.get_ident()

    def sleep(seconds: float) -> None:
        if threading.get_ident() == here:
            meanwhile()
        else:
            time.sleep(seconds)

    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=sleep))
