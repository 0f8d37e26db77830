"""Write inputs and outputs of terraform/ into its README: `python tests/infrastructure/terraform_docs.py [--check]`.

The files are as `terraform fmt` writes them, so that a block ends where a line is `}`, and an attribute where the next
one begins with the same indent.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

TERRAFORM = Path(__file__).resolve().parents[2] / "terraform"
README = TERRAFORM / "README.md"
_BLOCK = re.compile(r'^(?P<kind>variable|output) "(?P<name>\w+)" \{\n(?P<body>.*?)^\}', re.M | re.S)
_ATTRIBUTE = re.compile(
    r"^  (?P<name>\w+)\s*= (?:<<-(?P<tag>\w+)\n(?P<text>.*?)^\s*(?P=tag)$|(?P<value>.*?)(?=^  \w|\Z))",
    re.M | re.S,
)
_VALIDATION = re.compile(r"^  validation \{\n.*?^  \}", re.M | re.S)


def blocks(text: str, kind: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Name and attributes of each variable or output, in the order of the file."""
    for found in _BLOCK.finditer(text):
        if found["kind"] == kind:
            body = _VALIDATION.sub("", found["body"])
            yield (
                found["name"],
                {
                    match["name"]: (match["text"] or match["value"]).strip()
                    for match in _ATTRIBUTE.finditer(body)
                },
            )


def inputs(text: str) -> str:
    """The table of variables."""
    rows = []
    for name, given in blocks(text, "variable"):
        default = _code(given["default"]) if "default" in given else "required"
        rows.append(f"| `{name}` | {_code(given['type'])} | {default} | {_words(given)} |")
    return "\n".join(["| input | type | default | meaning |", "| --- | --- | --- | --- |", *rows])


def outputs(text: str) -> str:
    """The table of outputs."""
    rows = [f"| `{name}` | {_words(given)} |" for name, given in blocks(text, "output")]
    return "\n".join(["| output | meaning |", "| --- | --- |", *rows])


def _words(given: dict[str, str]) -> str:
    """What a block says of itself, on one line."""
    return _line(given["description"].strip('"')).replace("|", r"\|")


def _code(value: str) -> str:
    """A type or a default, on one line; what stands on lines of its own needs no comma in the file."""
    line = _line(re.sub(r"(?<=[^\s({\[,])\n(?=\s*[^\s)}\]])", ",\n", value))
    line = re.sub(r"(?<=[({\[]) |,? (?=[)}\]])", "", line)
    return f"`{line}`".replace("|", r"\|")


def _line(text: str) -> str:
    return " ".join(text.split())


def written(readme: str) -> str:
    """The README with both tables as they should be.

    Raises:
      ValueError: A place for a table is missing.
    """
    for name, table in (
        ("inputs", inputs((TERRAFORM / "variables.tf").read_text("utf-8"))),
        ("outputs", outputs((TERRAFORM / "outputs.tf").read_text("utf-8"))),
    ):
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.S)
        if not place.search(readme):
            raise ValueError(f"{README} has no place for {name}: <!-- {name} -->, <!-- end of {name} -->")
        filled = f"{table}\n"
        readme = place.sub(lambda found, filled=filled: found[1] + filled + found[2], readme)  # type: ignore[misc]
    return readme


def main() -> int:
    """Write the tables, or check that they are written; 1 if they are not."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if something would change")
    check = parser.parse_args().check
    have = README.read_text("utf-8")
    want = written(have)
    if check and have != want:
        print(f"{README}: its tables are stale; run python {sys.argv[0]}", file=sys.stderr)
        return 1
    if have != want:
        README.write_text(want, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
