"""docs/operations.md: every alert has its runbook, every command its parser, every name its thing."""

import argparse
import importlib
import json
import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest
import sqlglot
from written import ROOT, commands, headings, section, text

from models.decoding import Decoder
from models.folds import Noticed, advance
from models.observability.objectives import OBJECTIVES, alerts
from models.plan.compiled import Plan
from models.times import micros
from pipelines.cli import _parser
from pipelines.provisioning.resources import SUBSCRIPTIONS, TABLES, TOPICS
from schemas import Signal

PAGE = text("operations.md")
OURS = [each for each in commands(PAGE) if re.match(r"(nextbeam|python -m)\s", each)]
MONITORING = ROOT / "terraform" / "modules" / "monitoring"


def of_terraform() -> set[str]:
    """Names of alerts: keys of the two maps of causes, and each objective at each speed."""
    causes = (MONITORING / "causes.tf").read_text("utf-8")
    objectives = (MONITORING / "objectives.tf").read_text("utf-8")
    named = set(re.findall(r"^    (\w+) = \{\n      urgency\b", causes, re.MULTILINE))
    speeds = re.findall(r"^    (\w+_burn) = \{ rate", objectives, re.MULTILINE)
    promised = re.findall(r"^    (\w+) = \{\n      says\b", objectives, re.MULTILINE)
    promised += re.findall(r"^      (\w+) += google_monitoring_slo\.\w+$", objectives, re.MULTILINE)
    assert len(named) > 10
    assert len(speeds) == 2
    assert len(promised) >= len(OBJECTIVES)
    return named | {f"{name}_{speed}" for name in promised for speed in speeds}


def runbooks() -> list[str]:
    return headings(section(PAGE, "Alerts"), 3)


def test_every_alert_has_a_runbook_and_every_runbook_its_alert():
    assert len(runbooks()) == len(set(runbooks()))
    assert set(runbooks()) == {each.name for each in alerts()} | of_terraform()


@pytest.mark.parametrize("alert", list(alerts()), ids=lambda each: each.name)
def test_a_runbook_says_how_urgent_it_is(alert):
    said = section(PAGE, alert.name).split()
    assert said[0] == f"{alert.urgency.capitalize()}."


def test_the_documentation_of_an_alert_in_the_cloud_points_here():
    for name in ("causes.tf", "objectives.tf"):
        assert "docs/operations.md, ${each.key}" in (MONITORING / name).read_text("utf-8")


def parser_of(module: str) -> argparse.ArgumentParser:
    """The parser of `python -m MODULE`, without running it: that of its `main`, taken when it is asked to parse."""
    taken: list[argparse.ArgumentParser] = []

    class TakenError(Exception):
        pass

    def take(self, *_args, **_kwargs):
        taken.append(self)
        raise TakenError

    name = module if module != "benchmarks.cost" else "benchmarks.cost.__main__"
    with pytest.MonkeyPatch.context() as patch:
        for way in ("parse_args", "parse_known_args"):
            patch.setattr(argparse.ArgumentParser, way, take)
        with pytest.raises(TakenError):
            importlib.import_module(name).main()
    return taken[0]


def refused(command: str) -> str | None:
    """Why a parser does not take a command."""
    words = shlex.split(command)
    words = [word.replace("$PROJECT", "nextbeam-prod").replace("$REGION", "europe-west2") for word in words]
    try:
        if words[0] == "nextbeam":
            _, rest = _parser().parse_known_args(words[1:])
        else:
            _, rest = parser_of(words[2]).parse_known_args(words[3:])
    except SystemExit:
        return command
    return f"{command}: {rest}" if rest else None


@pytest.mark.parametrize("command", OURS)
def test_a_command_is_one_that_its_parser_takes(command, capsys):
    assert refused(command) is None, capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    ["nextbeam deploy update-chek a b", "nextbeam plan verify x --kees y", "python -m benchmarks.cost --no"],
)
def test_a_command_that_is_none_is_found(command, capsys):
    assert refused(command)


def test_commands_are_of_every_kind():
    assert len(OURS) > 12
    assert {each.split()[1] for each in OURS if each.startswith("nextbeam")} >= {
        "deploy",
        "plan",
        "dead-letters",
    }


def test_commands_within_sentences_are_commands_too():
    from written import shell_commands

    for told in re.findall(r"`(nextbeam [a-z-]+(?: [a-z-]+)?)`", PAGE):
        assert told in shell_commands(), told


def test_subscriptions_topics_and_files_that_are_named_exist():
    messaging = (ROOT / "terraform" / "modules" / "messaging" / "main.tf").read_text("utf-8")
    known = {each.name for each in (*SUBSCRIPTIONS, *TOPICS, *TABLES)}
    for name in re.findall(r"`((?:signals|outcomes|decisions|dead-letter|undelivered)-[\w-]+)`", PAGE):
        assert name in known or name in messaging or name == "dead-letters", name
    for link in re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
    for path in re.findall(r"`((?:models|terraform|deploy|pipelines)/[\w./-]+)`", PAGE):
        assert (ROOT / path).exists(), path
    for part in re.findall(r"\]\(#([\w-]+)\)", PAGE):
        assert part in {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings(PAGE, 2)}


def test_retentions_are_those_of_production():
    production = (ROOT / "terraform" / "environments" / "prod.tfvars").read_text("utf-8")
    days = {name: int(number) for name, number in re.findall(r"^  (\w+) += (\d+)$", production, re.MULTILINE)}
    assert f"(prod: {days['messages']} days)" in PAGE
    assert f"(prod: {days['decisions']} days)" in PAGE
    assert f"(prod: {days['dead_letters']} days)" in PAGE


def test_what_erases_a_customer_is_sql_over_every_table_that_has_one():
    statements = re.search(r"```sql\n(.*?)```", section(PAGE, "Erase a customer"), re.DOTALL)
    assert statements
    parsed = [each for each in sqlglot.parse(statements[1], dialect="bigquery") if each]
    tables = {each.find(sqlglot.exp.Table).name for each in parsed}
    personal = json.loads((ROOT / "terraform" / "personal_columns.json").read_text("utf-8"))
    assert tables == set(personal)
    partitions = {each.name: each.partitioned_by for each in TABLES}
    for each in parsed:
        column = partitions.get(each.find(sqlglot.exp.Table).name)
        assert column is None or column in {found.name for found in each.find_all(sqlglot.exp.Column)}


def test_an_erased_customer_leaves_what_the_page_says_for_as_long_as_it_says():
    plan = Plan.load(Path(ROOT / "models" / "catalogues" / "uk_bank"))
    fold, page = plan.decide_fold(), section(PAGE, "Erase a customer")
    published = re.search(r"--message '(\{.*?\})'", page, re.DOTALL)
    assert published
    erasure = Decoder(Signal, plan.spec).decode(published[1].encode())
    assert isinstance(erasure, Signal)
    told = Signal(
        signal_id="s1",
        customer_id=erasure.customer_id,
        occurred_at=erasure.occurred_at - timedelta(minutes=1),
        type="profile",
        channel="core",
        brand="alderbrook",
        profile={"age": 43, "consent_email": True},
    )
    state, _ = advance(fold, fold.initial(), told)
    state, said = advance(fold, state, erasure)
    assert Noticed.ERASED in said
    assert re.findall(r"(\d+) bytes, no fact", page) == [str(len(fold.encode(state)))]
    due = fold.deadline(state)
    kept = re.search(r"\((\d+) days and (\d+) hours\nin `uk_bank`\)", page)
    assert kept
    since = timedelta(microseconds=due - 1 - micros(erasure.occurred_at))
    assert since == timedelta(days=int(kept[1]), hours=int(kept[2]))
    assert fold.expire(state, due)[0] == fold.initial()
