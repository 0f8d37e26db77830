"""Draw, or check what was drawn."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from docs.diagrams import __doc__ as about
from docs.diagrams import boxes, sequence

FOLDER = Path(__file__).parent


def drawings() -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Each drawing's data, with the file that it is drawn to."""
    for data in sorted(FOLDER.glob("*.json")):
        yield data.with_suffix(".svg"), json.loads(data.read_text("utf-8"))


def drawn(drawing: Mapping[str, Any]) -> str:
    """A drawing as SVG."""
    draw = sequence.draw if "steps" in drawing else boxes.draw
    return draw(drawing)


def stale() -> list[str]:
    """Files that are not what their data say."""
    return [
        file.name
        for file, drawing in drawings()
        if not file.exists() or file.read_text("utf-8") != drawn(drawing)
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Write all, or say which are old: exit code 1."""
    parser = argparse.ArgumentParser(
        prog="python -m docs.diagrams",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    if parser.parse_args(argv).check:
        old = stale()
        for name in old:
            print(f"{name} is not what its data say: run python -m docs.diagrams", file=sys.stderr)
        return 1 if old else 0
    for file, drawing in drawings():
        file.write_text(drawn(drawing), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
