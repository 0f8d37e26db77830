"""Plants faults in a copy of terraform/, one at a time, and writes down what becomes of each.

Runs in the environment of the tools: mutants come in as a JSON list, and what Terraform makes of each goes to a folder,
as NUMBER.json, with schemas.json. Whether a check finds the fault is for the test to say: it has all policies at hand.
"""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from terraform_faults import faulty
from terraform_run import ENVIRONMENTS, Workspace, formatted, scanned, workspace


def become(ready: Workspace, mutant: dict[str, str]) -> dict[str, Any]:
    """What a mutant's own check needs: whether a command fails, and else what is made."""
    check, _, environment = mutant["found_by"].partition("@")
    commands: dict[str, Callable[[], object]] = {
        "fmt": lambda: formatted(ready.folder),
        "checkov": lambda: scanned(ready.folder),
        "validate": ready.validate,
        "test": ready.test,
    }
    try:
        if check in commands:
            commands[check]()
            return {}
        return {"plan": ready.foresee(*ENVIRONMENTS[environment or "everything"])["plan"]}
    except RuntimeError as error:
        return {"error": str(error)}


@contextlib.contextmanager
def planted(folder: Path, mutant: dict[str, str]) -> Iterator[None]:
    """The fault in its file, for as long as the context lasts."""
    file = folder / mutant["file"]
    sound = file.read_text("utf-8")
    try:
        file.write_text(faulty(sound, mutant), "utf-8")
        yield
    finally:
        file.write_text(sound, "utf-8")


def main() -> None:
    """All mutants of the standard input; the one argument is the folder for what becomes of them."""
    target, mutants = Path(sys.argv[1]), json.load(sys.stdin)
    with workspace() as ready:
        (target / "schemas.json").write_text(json.dumps(ready.schemas))
        for number, mutant in enumerate(mutants):
            with planted(ready.folder, mutant):
                (target / f"{number}.json").write_text(json.dumps(become(ready, mutant)))


if __name__ == "__main__":
    main()
