"""The decision log in the formats of others: Pega's open tooling, Vowpal Wabbit, Open Bandit Pipeline."""

from collections.abc import Callable, Mapping
from pathlib import Path

from pipelines.exporting.bandit import export_dsjson, export_obp
from pipelines.exporting.pega import export_pega
from pipelines.locate import UsageError
from pipelines.refusals import told

_EXPORTS: Mapping[str, Callable[[Path, Path], dict[str, int]]] = {
    "pega": export_pega,
    "dsjson": export_dsjson,
    "obp": export_obp,
}


def export(kind: str, run: Path, out: Path) -> dict[str, int]:
    """Write the run in `run` to the folder `out` in one format; rows by file name.

    Raises:
      UsageError: There is no run, it is damaged, or the folder cannot be written to.
      OSError: The machine refuses, as `pipelines.refusals` tells.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        return _EXPORTS[kind](run, out)
    except OSError as error:
        if told(error) is not None:  # it may be of the run
            raise
        raise UsageError(f"cannot write to {str(out)!r} ({error.strerror})") from error
