"""One table of metrics, objectives and alerts: code, Terraform and documents say the same, in both directions."""

import ast
import inspect
import json
import re
from pathlib import Path

import pytest
from apache_beam.metrics.metricbase import Counter

from models.decoding import decoder as decoders
from models.folds import Counted
from models.observability.ladders import LADDERS
from models.observability.log_lines import line
from models.observability.metrics import ACCOUNTED, METRICS, NAMESPACE, Reader, read_by
from models.observability.objectives import BURNS, CAUSES, OBJECTIVES, TOLD, alerts
from pipelines.observability import documents
from transforms import decode, fold_hosts, metrics, sealing

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "terraform" / "modules" / "monitoring"
AREAS = "signals|outcomes|events|heartbeats|state|plan|sink|decision|context"
NAME = re.compile(rf'"((?:{AREAS})_[a-z0-9_]+)"')


@pytest.fixture(scope="module")
def terraform() -> dict[str, str]:
    """Text of the monitoring module, by file, without comments."""
    if not MONITORING.is_dir():
        pytest.skip("terraform/modules/monitoring is not there")
    return {
        path.name: re.sub(r"(?m)^\s*#.*$", "", path.read_text("utf-8")) for path in MONITORING.glob("*.tf")
    }


def _named(text: str) -> set[str]:
    """Metrics of ours that a text names in full; `name` of a variable or an objective is none."""
    return set(NAME.findall(text)) - {ladder.name for ladder in LADDERS} - {each.name for each in OBJECTIVES}


def _counters(owner: object) -> set[str]:
    """Names of the counters that a module or a step holds."""
    found = set()
    for value in vars(owner).values():
        several = value.values() if hasattr(value, "values") and not isinstance(value, type) else [value]
        if isinstance(value, metrics.Rungs | metrics.Counts):
            several = value._counters.values()
        found |= {each.metric_name.name for each in several if isinstance(each, Counter)}
    return found


def test_code_counts_all_of_the_table_and_nothing_else():
    counted = _counters(metrics) | _counters(sealing._SealDecisionFn())
    rules = decode.DecodeSignals()._rules
    for area in ("signals", "outcomes"):
        counted |= _counters(decode._DecodeFn(rules, area, "Decode"))
    source = inspect.getsource(fold_hosts.FoldStateFn)
    [ladder] = [each for each in LADDERS if f"Rungs({each.name.upper()})" in source]
    counted |= set(ladder.names())
    assert counted == METRICS.keys()


def test_counters_are_made_in_one_place():
    made = {
        str(path.relative_to(ROOT))
        for layer in ("schemas", "models", "transforms", "pipelines")
        for path in (ROOT / layer).rglob("*.py")
        if re.search(r"Metrics\.(counter|distribution|gauge|histogram|string_set)", path.read_text("utf-8"))
    }
    assert made == {"transforms/metrics.py"}
    assert {counter.metric_name.namespace for counter in metrics.ACCOUNTS.values()} == {NAMESPACE}


def test_each_counter_that_is_made_is_counted():
    text = "".join(
        path.read_text("utf-8") for path in (ROOT / "transforms").glob("*.py") if path.name != "metrics.py"
    )
    tree = ast.parse(inspect.getsource(metrics))
    made = [
        node.target.id
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    assert len(made) > 6
    for name in made:
        assert re.search(rf"\b{name}(\[\w+\])?\.inc\(|append\({name}\)|Counts\([^)]*\b{name}\b", text), name


def test_every_reason_that_decoding_can_have_has_a_counter():
    text = "".join(
        path.read_text("utf-8")
        for folder in (Path(decoders.__file__).parent, ROOT / "models" / "mapping")
        for path in folder.glob("*.py")
    )
    from models.observability.metrics import DECODING_REASONS

    assert set(re.findall(r"Reason\.([A-Z0-9_]+)", text)) <= {reason.name for reason in DECODING_REASONS}


def test_every_way_of_accounting_has_a_metric():
    assert ACCOUNTED.keys() == set(Counted)


def test_readers_are_those_that_objectives_and_alerts_name():
    promised = {name for each in OBJECTIVES for name in (*each.good, *each.bad, *each.total)}
    assert read_by(Reader.SLO) == promised
    assert read_by(Reader.ALERT) == {name for alert in CAUSES for name in alert.metrics}
    assert len({alert.name for alert in alerts()}) == len(list(alerts()))


def _ladders(text: str) -> dict[str, tuple[str, tuple[int, ...]]]:
    rows = re.findall(r'(\w+)\s*=\s*\{[^{}]*unit = "(\w+)", bounds = \[([\d, ]+)\]', text)
    return {name: (unit, tuple(map(int, bounds.split(",")))) for name, unit, bounds in rows}


def test_the_dashboard_shows_what_is_meant_for_it(terraform):
    shown = _named(terraform["dashboard.tf"])
    assert _ladders(terraform["dashboard.tf"]) == {each.name: (each.unit, each.bounds) for each in LADDERS}
    shown |= {name for each in LADDERS for name in each.names()}
    assert shown == read_by(Reader.DASHBOARD)


def test_objectives_are_the_same(terraform):
    text = terraform["objectives.tf"]
    assert _named(text) == read_by(Reader.SLO)
    for each in (each for each in OBJECTIVES if each.platform is None):
        block = re.search(rf"\n    {each.name} = \{{(.*?)\n    \}}", text, re.DOTALL)
        assert block, each.name
        assert each.promises in block[1]
        assert f"var.goals.{each.name}" in block[1]
    ours = {each.name for each in OBJECTIVES if each.platform is not None}
    assert set(re.findall(r"(\w+)\s*= google_monitoring_slo\.\w+\n", text)) == ours
    for each in (each for each in OBJECTIVES if each.platform is not None):
        block = re.search(rf'"google_monitoring_slo" "{each.name}" \{{(.*?)\n\}}', text, re.DOTALL)
        assert block, each.name
        assert "rolling_period_days = 28" in block[1]


def test_goals_are_the_same(terraform):
    text = (ROOT / "terraform" / "variables.tf").read_text("utf-8")
    goals = {name: float(goal) for name, goal in re.findall(r"(\w+)\s*= optional\(number, (0\.9\d*)\)", text)}
    for each in OBJECTIVES:
        name = "decision_latency" if each.name == "heartbeat_latency" else each.name
        assert goals[name] == each.goal, each.name


def test_burn_rates_are_the_same(terraform):
    rows = re.findall(
        r'(\w+) = \{ rate = ([\d.]+), long = "(\w+)", short = "(\w+)", urgency = "(\w+)" \}',
        terraform["objectives.tf"],
    )
    spans = {"h": 3600, "m": 60}
    told = {
        (name, float(rate), *(int(span[:-1]) * spans[span[-1]] for span in (long, short)), urgency)
        for name, rate, long, short, urgency in rows
    }
    assert told == {(each.name, each.rate, each.long_s, each.short_s, each.urgency) for each in BURNS}


def _causes(text: str) -> dict[str, str]:
    return dict(re.findall(r'\n    (\w+) = \{\n\s+urgency\s*= "(\w+)"', text))


def test_alerts_on_causes_are_the_same(terraform):
    named = _named(terraform["causes.tf"]) | _listed(terraform["objectives.tf"], terraform["causes.tf"])
    assert named == read_by(Reader.ALERT)
    assert _causes(terraform["causes.tf"]) == {alert.name: alert.urgency for alert in CAUSES}


def _listed(text: str, used_in: str) -> set[str]:
    """Names in lists of one file that another takes by the name of the list."""
    lists = re.findall(r"\n  (\w+)\s*= \[([^\]]*)\]", text)
    return {name for local, names in lists if f"local.{local}" in used_in for name in NAME.findall(names)}


def test_metrics_from_log_lines_find_the_lines_as_they_are(terraform):
    text = terraform["main.tf"].replace('\\"', '"').replace("\\\\", "\\").replace('\\"', '"')
    [sought] = re.findall(r'jsonPayload\.message:"("event": "heartbeat")"', text)
    assert sought in line("heartbeat", {"age_ms": 57})
    assert all(sought not in line(other, {}) for other in documents.EVENTS if other != "heartbeat")
    [pattern] = re.findall(r'REGEXP_EXTRACT\(jsonPayload\.message, "(.+?)"\)"', text)
    assert re.search(pattern, line("heartbeat", {"age_ms": 57}))[1] == "57"
    assert json.loads(line("heartbeat", {"age_ms": 57}))["age_ms"] == "57"


def _rows(text: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Which lines each metric over log lines counts, as the module has it."""
    rows = re.findall(r'\n    (\w+)\s+= \{ says = "[^"]+", event = "(\w+)", reasons = \[([^\]]*)\] \}', text)
    return {name: (event, tuple(re.findall(r"\w+", reasons))) for name, event, reasons in rows}


def test_what_rings_at_the_first_case_counts_lines_and_no_counter(terraform):
    assert _rows(terraform["main.tf"]) == TOLD
    for name, (event, reasons) in TOLD.items():
        assert all(json.loads(line(event, {"reason": each}))["reason"] == each for each in reasons)
        [alert] = [each for each in CAUSES if each.name == name]
        assert not alert.metrics
        assert f"filter  = local.first_case.{name}\n" in terraform["causes.tf"]


@pytest.mark.parametrize("document", ["slo.md", "operations.md"])
def test_every_alert_is_told_of_and_no_other(document):
    path = ROOT / "docs" / document
    if not path.exists():
        pytest.skip(f"docs/{document} is not there")
    text = path.read_text("utf-8").partition("\n## Alerts")[2].partition("\n## ")[0]
    told = re.findall(r"(?m)^(?:### |\| `)(\w+)", text)
    assert sorted(told) == sorted(alert.name for alert in alerts())


def test_documents_have_the_tables_of_today(tmp_path, capsys):
    assert documents.main(["--check"]) == 0
    for name in documents.FILES:
        text = (documents.DOCS / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace("decision_latency", "decision_latencies"))
    assert documents.main(["--check"], tmp_path) == 1
    assert "slo.md is not what the tables say" in capsys.readouterr().err
    assert documents.main([], tmp_path) == 0
    assert documents.main(["--check"], tmp_path) == 0
