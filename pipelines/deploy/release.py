"""What this release is called."""

from importlib.metadata import version


def release() -> str:
    """The version of the installed distribution, that of pyproject.toml."""
    return version("nextbeam")
