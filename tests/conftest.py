"""Fixtures for all tests, and what Hypothesis has to know of the machines they run on."""

import signal
from collections import Counter

import pytest
from hypothesis import Phase, settings

pytest_plugins = ["servers.fixtures"]

# A machine that is shared pauses for longer than any deadline: how long an example takes says nothing there.
settings.register_profile("shared", deadline=None)
# Where it only matters whether a test fails, and not on what.
settings.register_profile("unshrunk", deadline=None, phases=(Phase.explicit, Phase.generate))
settings.load_profile("shared")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So a shell starts what runs in the background, and children would inherit it: tests that interrupt them do.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: what is left for the end is short, and no process waits for another's last file."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])
