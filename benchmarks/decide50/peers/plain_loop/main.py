"""One thread, one loop, a dictionary of states: what the job costs without an engine.

PYTHON main.py DATA OUT [naive]     (naive: the reference of the equality gate)
"""

import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main(data: str, out: str, form: str = "fast") -> None:
    """Decide all lines."""
    # scikit-learn is loaded only where it is used.
    loop = import_module("common.reference" if form == "naive" else "common.fast").Loop(data)
    with Path(data, "events.ndjson").open("rb") as lines, Path(out).open("wb") as file:
        for line in loop.run(lines):
            file.write(line)
            file.write(b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
