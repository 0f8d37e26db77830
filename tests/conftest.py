"""Fixtures for all tests, and what Hypothesis has to know of the machines they run on."""

from hypothesis import settings

pytest_plugins = ["servers.fixtures"]

# A machine that is shared pauses for longer than any deadline: how long an example takes says nothing there.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
