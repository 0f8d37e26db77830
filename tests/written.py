"""What documents say, for tests that keep it true."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def text(name: str) -> str:
    """A file of docs/."""
    return (ROOT / "docs" / name).read_text("utf-8")


def section(page: str, title: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}$", page, re.MULTILINE)
    assert found, f"no section {title!r}"
    rest = page[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def headings(page: str, level: int) -> list[str]:
    """The headings of a level."""
    return re.findall(rf"^{'#' * level} (.+)$", page, re.MULTILINE)


def rows(page: str) -> list[list[str]]:
    """Cells of all tables, without heads and rules."""
    found, head = [], True
    for line in page.splitlines():
        if not line.startswith("|"):
            head = True
        elif re.fullmatch(r"\|[\s:|-]+\|", line):
            head = False
        elif not head:
            cells = re.split(r"(?<!\\)\|", line.strip()[1:-1])
            found.append([cell.strip().replace("\\|", "|") for cell in cells])
    return found


def named_tests(page: str) -> list[str]:
    """Every `path::test` and every test file that is named; a path without folders is relative to tests/."""
    return re.findall(r"`(tests/[\w/]+\.py(?:::test_\w+)?)`", page)


def missing_test(name: str) -> str | None:
    """Why a test that is named is none."""
    path, _, function = name.partition("::")
    if not (ROOT / path).is_file():
        return f"{path} is no file"
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    known = {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
    return None if not function or function in known else f"{path} has no {function}"


def commands(page: str) -> Iterator[str]:
    """Commands of the indented and fenced blocks, continued lines joined, comments left out."""
    for block in re.findall(r"^```(?:sh|shell|bash)?\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            if told := re.sub(r"(^|\s)#.*", "", line).strip():
                yield told


def missing_code(reference: str) -> str | None:
    """Why `package.module:Name`, `topic:NAME`, `file:PATH` and the like name nothing."""
    kind, _, name = reference.partition(":")
    from pipelines.provisioning import resources

    known = {
        "topic": {each.name for each in resources.TOPICS},
        "subscription": {each.name for each in resources.SUBSCRIPTIONS},
        "table": {each.name for each in resources.TABLES},
    }
    if kind in known:
        return None if name in known[kind] else f"no {kind} {name}"
    if kind == "file":
        return None if (ROOT / name).exists() else f"no file {name}"
    if kind == "terraform":
        return None if (ROOT / "terraform" / name).is_dir() else f"no terraform/{name}"
    if kind == "command":
        return None if name in shell_commands() else f"no command {name}"
    module = importlib.import_module(kind)
    return None if not name or hasattr(module, name) else f"{kind} has no {name}"


def shell_commands() -> set[str]:
    """`nextbeam X`, and `nextbeam X Y`."""
    from pipelines.cli import _parser

    found: set[str] = set()
    pending = [("nextbeam", _parser())]
    while pending:
        name, parser = pending.pop()
        for action in parser._actions:
            choices = getattr(action, "choices", None)
            if isinstance(choices, dict):
                pending += [(f"{name} {each}", below) for each, below in choices.items()]
        found.add(name)
    return found
