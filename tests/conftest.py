"""Fixtures for all tests."""

pytest_plugins = ["servers.fixtures"]
