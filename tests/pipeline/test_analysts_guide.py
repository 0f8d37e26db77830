"""The guide for analysts: its answers are those of the sample, and its dictionary that of the views."""

import re
from pathlib import Path

import analysed_bank
import pytest

from pipelines.locate import UsageError
from pipelines.sql import VIEWS
from pipelines.sql.guide import guide, main, questions

FILE = Path("docs/analysts.md")
TEXT = FILE.read_text("utf-8")


@pytest.fixture(scope="module")
def run() -> Path:
    return analysed_bank.sample()


def test_the_guide_says_what_the_sample_says(run):
    assert guide(TEXT, run).splitlines() == TEXT.splitlines()


def test_there_are_ten_questions_and_each_has_an_answer():
    asked = re.findall(r"^### (\d+)\. .*\?$", TEXT, re.M)
    assert asked == [str(number) for number in range(1, 11)]
    assert len(questions(TEXT)) == len(asked) + 1
    assert TEXT.count("```sql") == len(questions(TEXT))


def test_every_view_is_in_the_dictionary():
    assert set(VIEWS) <= set(re.findall(r"^### (\w+)$", TEXT, re.M))


def test_the_sample_is_made_as_the_guide_says():
    size = f"--customers {analysed_bank.CUSTOMERS} --days {analysed_bank.DAYS} --seed {analysed_bank.SEED}"
    assert f"nextbeam simulate {size} " in TEXT


def test_an_answer_that_is_not_so_any_more_is_found_and_mended(run, tmp_path):
    copy = tmp_path / "guide.md"
    copy.write_text(TEXT.replace("| email-per-day | 1 |", "| email-per-day | 9 |"), "utf-8")
    assert main([str(copy), str(run), "--check"]) == 1
    assert main([str(copy), str(run)]) == 0
    assert main([str(copy), str(run), "--check"]) == 0
    assert copy.read_text("utf-8") == TEXT


def test_a_question_without_an_answer_is_refused(run):
    with pytest.raises(UsageError, match="no answer to: SELECT 1 FROM offers WHERE FALSE"):
        guide("```sql\nSELECT 1 FROM offers WHERE FALSE\n```\n\n", run)
