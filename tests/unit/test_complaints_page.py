"""docs/complaints.md and the tests that it names, kept equal."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = (TESTS.parent / "docs" / "complaints.md").read_text("utf-8")


def test_the_page_names_every_test_of_a_complaint_and_no_other_in_their_order():
    found = [
        node.name
        for file in TESTS.rglob("test_complaints_*.py")
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_complaint_")
    ]
    rows = re.findall(r"^\| (\d+) \|[^|]+\|[^|]+\| `(test_complaint_\w+)` \|$", PAGE, re.MULTILINE)
    assert [name for _, name in rows] == sorted(found)
    assert [int(number) for number, _ in rows] == list(range(1, 21))
    assert all(name.startswith(f"test_complaint_{int(number):02}_") for number, name in rows)
