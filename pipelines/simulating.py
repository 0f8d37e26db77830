"""`nextbeam simulate`: a synthetic bank in files, decided in the loop by a plan."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from models.simulation import Simulation, SimulationConfig, write
from pipelines.launch import checked_plan
from pipelines.locate import UsageError
from pipelines.progress import counting


def simulate(plan: Path, out: Path, *, customers: int, days: int, seed: int) -> dict[str, Any]:
    """Write the bank to `out`; returns its manifest.

    Raises:
      UsageError: The plan is not good, or the numbers are not.
    """
    try:
        config = SimulationConfig(customers=customers, days=days, seed=seed)
    except ValueError as error:
        raise UsageError(str(error)) from error
    compiled = checked_plan(plan)
    simulation = Simulation(config, compiled.spec, compiled.decide_fold())
    with counting("customers", customers) as progress:
        return write(simulation, out, progress=progress)


def told(manifest: Mapping[str, Any]) -> Iterator[str]:
    """The manifest in a few lines."""
    lines, lives = manifest["lines"], manifest["lives"]
    malformed = sum(sum(kinds.values()) for kinds in manifest["malformed"].values())
    yield f"{lives.get('customers', 0):,} customers, {lines['signals']:,} signals, {lines['outcomes']:,} outcomes"
    yield f"{lives.get('offers', 0):,} offers made in the loop, {lives.get('positive', 0):,} with a positive response"
    yield (
        f"noise in the feeds: {sum(manifest['duplicates'].values()):,} duplicates, "
        f"{sum(manifest['late'].values()):,} late, {malformed:,} malformed"
    )
