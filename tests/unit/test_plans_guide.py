"""The guide to plans: its examples are the shipped bank's, its tables are the code's, its errors are what users see."""

import json
import re
import shutil
from functools import cache

import msgspec
import pytest
import yaml
from realdata import ROOT
from uk_bank import COMFORTABLE, FOLDER, request, spec

from models.engagement import EngagementPolicy
from models.features.check import KINDS
from models.ledger.attribution import COMMITTED, LABELS, RELEASED, RESERVED, after
from models.plan import spec as language
from models.plan.fields import Scope, feature_columns, fields_of
from models.plan.load import PlanError, load_plan
from models.plan.merging import read_plan
from models.plan.spec import PolicySpec, ScopeSpec
from models.plan.syntax import parse
from schemas.common import OutcomeKind

DOCS = ROOT / "docs"
PAGES = {
    path: path.read_text(encoding="utf-8")
    for path in (
        DOCS / "plans.md",
        *(DOCS / "plans" / f"{name}.md" for name in ("contact", "choosing", "changing")),
    )
}
PAGE = "\n".join(PAGES.values())


def blocks(language):
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


class _Loader(yaml.SafeLoader):
    """Dates stay texts, as in plans."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def example(text):
    return yaml.load(text, _Loader)


def rows(heading):
    """The cells of the table whose first header is `heading`, row by row."""
    (table,) = re.findall(
        rf"^\| {re.escape(heading)}[^\n]*\n\|[-|]+\n(.*?)\n\n", PAGE, re.DOTALL | re.MULTILINE
    )
    return [re.split(r"(?<!\\) \| ?", line.strip("|").strip()) for line in table.splitlines()]


def quoted(text):
    return re.findall(r"`([^`]+)`", text)


@cache
def bank():
    """The shipped plan as its author wrote it."""
    return read_plan(FOLDER / "plan.yaml", []).plain() | {
        "include": yaml.safe_load((FOLDER / "plan.yaml").read_text())["include"]
    }


def lacking(part, whole, path=""):
    """What of `part` the plan does not say. Of lists, each item must be there; items with names are found by them."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return [fault for key in part for fault in lacking(part[key], whole.get(key), f"{path}.{key}")]
    if isinstance(part, list) and isinstance(whole, list) and all(isinstance(item, dict) for item in part):
        return [
            fault
            for item in part
            if all(lacking(item, other) for other in whole)
            for fault in [f"{path}: {item}"]
        ]
    return [] if part == whole else [f"{path}: {part} is {whole}"]


@pytest.mark.parametrize("text", blocks("yaml"))
def test_examples_are_what_the_shipped_bank_says(text):
    assert lacking(example(text), bank()) == []


def joined(whole, part):
    """Both; lists appended, the rest as `part` has it."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return whole | {key: joined(whole.get(key), value) for key, value in part.items()}
    return whole + part if isinstance(whole, list) and isinstance(part, list) else part


@pytest.mark.parametrize("text", blocks("yml"))
def test_examples_of_what_the_bank_does_not_use_fit_into_it(text, tmp_path):
    folder = shutil.copytree(FOLDER, tmp_path / "bank")
    plan = joined({key: value for key, value in bank().items() if key != "include"}, example(text))
    (folder / "plan.yaml").write_text(json.dumps(plan), encoding="utf-8")
    assert load_plan(folder).spec != spec()


def test_the_bank_they_are_cut_from_is_a_good_plan():
    assert len(blocks("yaml")) >= 8
    assert load_plan(FOLDER).spec == spec()


STRUCTS = [
    each
    for each in vars(language).values()
    if isinstance(each, type) and issubclass(each, msgspec.Struct) and each.__name__ != "_Spec"
]


@pytest.mark.parametrize("struct", STRUCTS)
def test_every_key_of_the_language_is_explained(struct):
    prose = re.sub(r"^ *```.*?^ *```", "", PAGE, flags=re.DOTALL | re.MULTILINE)
    said = {word for text in quoted(prose) for word in re.findall(r"\w+", text)}
    assert [field.name for field in msgspec.structs.fields(struct) if field.name not in said] == []


def test_the_table_of_features_has_every_kind_with_what_it_takes():
    table = {quoted(cells[0])[0]: set(quoted(cells[2])) for cells in rows("`kind`")}
    assert table == {name: set(kind.options) for name, kind in KINDS.items()}


def test_the_table_of_fields_has_every_field():
    told = {name for cells in rows("field") for name in quoted(cells[0]) if name != "feature.NAME_VALUE"}
    fields = {name for scope in Scope for name in fields_of(spec(), scope)}
    general = [re.sub(r"^(.*attributes|customer)\.\w+$", r"\1.X", name) for name in fields]
    assert told == {re.sub(r"^feature\.\w+$", "feature.NAME", name) for name in general}


SCOPES = {
    "filter of a feature": Scope.EVENT,
    "trigger": Scope.TRIGGER,
    "rule": Scope.DECISION,
    "context weight": Scope.DECISION,
}


@pytest.mark.parametrize("cells", rows("where"))
def test_examples_of_expressions_are_the_banks_own(cells):
    where, (text,) = cells[0].strip(), quoted(cells[1])
    assert parse(text, fields_of(spec(), SCOPES[where]))
    assert text in [*strings(bank())]


def strings(node):
    match node:
        case str():
            yield node
        case dict() | list():
            for part in node.values() if isinstance(node, dict) else node:
                yield from strings(part)


@pytest.mark.parametrize("cells", rows("condition, of a customer of 40 who"))
def test_conditions_are_met_as_the_guide_says(cells):
    (text,), told = quoted(cells[0]), [cell.strip() for cell in cells[1:]]
    assert told == ["met" if met(text, vulnerable) else "not met" for vulnerable in (True, False, None)]


def met(text, vulnerable):
    rule = PolicySpec(id="rule", tier="eligibility", when=text, scope=ScopeSpec())
    plan = msgspec.structs.replace(spec(), policies=(rule,))
    policy = EngagementPolicy.of(plan, feature_columns(plan))
    verdicts = policy.apply(request({**COMFORTABLE, "vulnerable": vulnerable}))
    return "rule" not in {policy.rules[index].id for index in verdicts if index >= 0}


def test_the_table_of_outcomes_is_what_the_ledger_does():
    states, signs = (
        {COMMITTED: "committed", RELEASED: "released", RESERVED: "as it was"},
        {True: "positive", False: "negative"},
    )
    assert {quoted(cells[0])[0]: [cell.strip() for cell in cells[1:3]] for cells in rows("outcome")} == {
        kind.value: [states[after(RESERVED, kind)], signs.get(LABELS.get(kind), "–")] for kind in OutcomeKind
    }


def test_the_example_of_a_priority_is_right():
    factors, product = re.search(r"priority ([\d.x ]+) = ([\d.]+)\.", PAGE).groups()
    propensity, context, value, lever = map(float, factors.split(" x "))
    action = next(action for action in spec().actions if action.id == "bill-calendar")
    assert (propensity, value) == (action.starting_propensity, action.value)
    assert lever == 1 + spec().issues["resilience"].lever_percent / 100
    assert float(product) == pytest.approx(propensity * context * value * lever)


@pytest.fixture
def edited(tmp_path):
    """The bank with one of the guide's edits made."""

    def edit(text):
        lines = text.splitlines()
        before, after = ("\n".join(line[1:] for line in lines if line[0] != sign) for sign in "+-")
        folder = shutil.copytree(FOLDER, tmp_path / "bank")
        rules = (folder / "policies.yaml").read_text(encoding="utf-8")
        assert rules.count(before) == 1
        (folder / "policies.yaml").write_text(rules.replace(before, after), encoding="utf-8")
        return folder

    return edit


def test_the_error_shown_is_the_error_seen(edited, monkeypatch):
    mistake, _ = blocks("diff")
    monkeypatch.chdir(edited(mistake))
    with pytest.raises(PlanError) as refused:
        load_plan(FOLDER.joinpath("plan.yaml").relative_to(FOLDER))
    assert str(refused.value) in PAGE.splitlines()


def test_the_change_shown_is_one_that_the_named_test_is_about(edited):
    _, change = blocks("diff")
    plan = load_plan(edited(change)).spec
    poorer = request({**COMFORTABLE, "disposable_income": 100.0})
    cards = [index for index, action in enumerate(plan.actions) if action.group == "cards"]

    def offered(plan):
        verdicts = EngagementPolicy.of(plan, feature_columns(plan)).apply(poorer)
        return any(verdicts[index] < 0 for index in cards)

    assert (offered(spec()), offered(plan)) == (False, True)
    file, name, case = re.search(r"FAILED (\S+)::(\w+)\[([\w-]+)\]", PAGE).groups()
    text = (ROOT / file).read_text(encoding="utf-8")
    assert f"def {name}(" in text
    assert re.search(rf'"disposable_income": 100\.0.*"cards".*id="{case}"', text)


def anchors(page):
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    return {re.sub(r"\W+", "-", heading.lower()) for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_lead_somewhere_and_each_section_has_one_at_the_top(path):
    links = re.findall(r"\]\(([^)#:\s]*)(?:#([\w-]+))?\)", PAGES[path])
    for target, anchor in links:
        file = (path.parent / target).resolve() if target else path
        assert file.is_file(), target
        assert not anchor or anchor in anchors(PAGES[file]), anchor
    assert {anchor for target, anchor in links if not target} >= anchors(PAGES[path])


def test_every_page_is_linked_from_the_first():
    assert {f"plans/{path.name}" for path in PAGES if path.parent != DOCS} <= set(
        re.findall(r"\]\(([^)#]+)\)", PAGES[DOCS / "plans.md"])
    )
