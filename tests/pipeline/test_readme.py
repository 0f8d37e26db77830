"""What the README shows is what the demo says."""

import re
from pathlib import Path

import pytest

from pipelines import cli

README = (Path(__file__).resolve().parent.parent.parent / "README.md").read_text()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo as `make demo` runs it."""
    folder = tmp_path_factory.mktemp("demo")
    assert cli.main(["demo", "--out", str(folder)]) == 0
    return folder / "run"


@pytest.mark.slow
def test_the_demo_balances_and_explains_two_decisions(demo, capsys):
    assert cli.main(["demo", "--customers", "150", "--out", str(demo.parent / "again")]) == 0
    said = capsys.readouterr().out
    assert re.search(
        r"inputs = [\d,]+ decided \+ [\d,]+ observed \+ [\d,]+ duplicates \+ [\d,]+ dead letters", said
    )
    assert len(re.findall(r"^Decision [0-9a-f]{32}$", said, re.MULTILINE)) == 2


@pytest.mark.slow
def test_the_decision_in_the_readme_is_a_decision_of_the_demo(demo, capsys):
    [example] = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    capsys.readouterr()
    assert cli.main(["explain", example.split()[1], "--out", str(demo), "--technical"]) == 0
    explained = capsys.readouterr().out.splitlines()
    for line in example.splitlines():
        assert any(said.startswith(line) for said in explained), line


@pytest.mark.slow
def test_the_query_in_the_readme_runs(demo, capsys):
    [sql] = re.findall(r'nextbeam query "(.*?)"', README)
    assert cli.main(["query", sql, "--out", str(demo)]) == 0
    assert "(5 rows)" in capsys.readouterr().out
