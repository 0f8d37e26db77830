"""The shell as its users meet it: what it prints, what it refuses, and with which words."""

import fcntl
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.decoding import Decoder
from models.plan.load import load_plan
from pipelines import cli
from pipelines.locate import find_plan
from schemas import Signal
from schemas.arrow import arrow_schema, rows

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "golden" / "shell"


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated bank."""
    folder = tmp_path_factory.mktemp("bank")
    assert cli.main(["simulate", "--customers", "60", "--seed", "3", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def run(bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bank, decided."""
    folder = tmp_path_factory.mktemp("run") / "out"
    assert cli.main(_run_flags(bank, folder)) == 0
    return folder


def _run_flags(bank: Path, out: Path) -> list[str]:
    return [
        "run",
        "--quiet",
        "--signals",
        str(bank / "signals.jsonl"),
        "--outcomes",
        str(bank / "outcomes.jsonl"),
        "--plan",
        "uk_bank",
        "--out",
        str(out),
    ]


def _rows(run: Path, sql: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    assert cli.main(["query", sql, "--out", str(run), "--format", "json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


_COMMANDS = "run explain query simulate import train demo live signals channels watch"


@pytest.mark.parametrize("command", ["", *_COMMANDS.split()])
def test_help_reads_as_agreed(command: str, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as stop:
        cli.main([*command.split(), "--help"])
    assert stop.value.code == 0
    golden = GOLDEN / f"help{'-' if command else ''}{command}.txt"
    said = capsys.readouterr().out
    if os.environ.get("NEXTBEAM_UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text(said)
    assert said == golden.read_text()


def test_the_release_can_be_asked_for(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"nextbeam {version('nextbeam')}\n"


def test_help_does_not_import_beam():
    code = "import sys; from pipelines import cli; cli._parser(); sys.exit('apache_beam' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        pytest.param(["run"], "--signals, --plan and --out are missing; `nextbeam run", id="nothing-given"),
        pytest.param(
            ["run", "--signal", "x.jsonl", "--plan", "uk_bank", "--out", "x"],
            "--signals is missing; by '--signal', did you mean --signals?",
            id="misspelt",
        ),
        pytest.param(
            ["run", "--signals", "no.jsonl", "--plan", "uk_bank", "--out", "x"],
            "no file 'no.jsonl'",
            id="file",
        ),
        pytest.param(
            ["run", "--signals", "README.md", "--plan", "uk_bank", "--out", "x"], "neither JSON", id="kind"
        ),
        pytest.param(
            ["run", "--signals", "tests", "--plan", "uk_bank", "--out", "x"], "is a folder", id="folder"
        ),
        pytest.param(
            ["run", "--signals", "no*.jsonl", "--plan", "uk_bank", "--out", "x"],
            "no file matches",
            id="pattern",
        ),
        pytest.param(["explain", "abc", "--out", "tests"], "holds no run", id="explain-no-run"),
        pytest.param(["query", "SELECT 1", "--out", "tests"], "holds no run", id="query-no-run"),
        pytest.param(["simulate", "--out", "README.md"], "is a file; name a folder", id="simulate-file"),
        pytest.param(
            ["deploy", "request", "--plan-here", "uk_bank", "--flags", "no.flags"],
            "--flags: 'no.flags' cannot be read (No such file or directory)",
            id="flags-file",
        ),
        pytest.param(
            ["deploy", "update-check", "old.json", "new.json"],
            "'old.json' cannot be read (No such file or directory)",
            id="fingerprint-file",
        ),
        pytest.param(["simulate", "--out", "out/x", "--plan", "nope"], "no plan 'nope'", id="no-plan"),
        pytest.param(
            ["import", "README.md", "--mapping", "nope", "--out", "x.jsonl"],
            "no mapping 'nope'",
            id="mapping",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(flags, says, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert cli.main(flags) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err


def test_an_unknown_option_is_refused(bank, tmp_path, capsys):
    assert cli.main([*_run_flags(bank, tmp_path), "--sginals=x"]) == 2
    assert "unknown option '--sginals=x'; did you mean --signals?" in capsys.readouterr().err
    assert cli.main([*_run_flags(bank, tmp_path), "--zzz"]) == 2
    assert "unknown option '--zzz'; `nextbeam run --help` lists ours" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "says"),
    [
        pytest.param("--runner=Nope", "Unexpected pipeline runner: Nope", id="runner"),
        pytest.param("--runner=DataflowRunner", "Missing required option: project", id="dataflow"),
        pytest.param("--direct_num_workers=abc", "invalid int value: 'abc'", id="number"),
        pytest.param("--direct_running_mode=x", "invalid choice: 'x'", id="choice"),
    ],
)
def test_an_option_that_beam_refuses_is_one_sentence(option, says, bank, tmp_path, capsys):
    assert cli.main([*_run_flags(bank, tmp_path), option]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.startswith("error: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("stranger", ["decisions/my.txt", "sessions", "feedback/date=2026-01-01/notes.csv"])
def test_what_no_run_has_written_is_not_replaced(stranger, bank, tmp_path, capsys):
    precious = tmp_path / stranger
    precious.parent.mkdir(parents=True, exist_ok=True)
    precious.write_text("precious")
    assert cli.main(_run_flags(bank, tmp_path)) == 2
    assert f"{str(precious)!r} is not of a run" in capsys.readouterr().err
    assert precious.read_text() == "precious"


def test_what_a_killed_run_left_is_removed_but_not_the_work_of_one_that_lives(bank, tmp_path):
    (tmp_path / ".run-dead" / "decisions").mkdir(parents=True)
    alive = tmp_path / ".run-alive"
    alive.mkdir()
    lock = os.open(alive, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert cli.main(_run_flags(bank, tmp_path)) == 0
    os.close(lock)
    assert [path.name for path in tmp_path.glob(".run-*")] == [".run-alive"]


def test_a_run_that_is_stopped_says_so(bank, tmp_path, monkeypatch, capsys):
    def stopped(*_: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise RuntimeError("KeyboardInterrupt [while running 'a step']") from error

    monkeypatch.setattr("apache_beam.Pipeline.run", stopped)
    assert cli.main(_run_flags(bank, tmp_path)) == 130
    assert capsys.readouterr().err == "stopped; the outputs of an earlier run are as they were\n"
    assert not list(tmp_path.iterdir())


def test_a_bank_without_customers_can_be_simulated(tmp_path, capsys):
    assert cli.main(["simulate", "--customers", "0", "--out", str(tmp_path)]) == 0
    assert "0 customers, 0 signals" in capsys.readouterr().out


def test_a_link_in_place_of_an_output_is_not_followed(bank, tmp_path, capsys):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "decisions").symlink_to(tmp_path / "elsewhere")
    assert cli.main(_run_flags(bank, tmp_path)) == 2
    assert "is not of a run" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_one_sentence(bank, capsys):
    assert cli.main(_run_flags(bank, Path("/proc/nothing/here"))) == 2
    assert "cannot be written to" in capsys.readouterr().err


def test_compressed_lines_that_were_cut_off_are_refused(bank, tmp_path, capsys):
    cut = tmp_path / "signals.jsonl.gz"
    cut.write_bytes(gzip.compress((bank / "signals.jsonl").read_bytes())[:-100])
    flags = ["run", "--quiet", "--signals", str(cut), "--plan", "uk_bank", "--out", str(tmp_path / "out")]
    assert cli.main(flags) == 2
    assert "is cut off or damaged" in capsys.readouterr().err


def test_a_file_may_be_named_like_a_pattern(bank, tmp_path, capsys):
    odd = tmp_path / "day [1] é*.jsonl"
    lines = (bank / "signals.jsonl").read_bytes().splitlines(keepends=True)[:20]
    odd.write_bytes(b"".join(lines))
    (tmp_path / "day 1 éx.jsonl").write_bytes(b"another\n")
    out = tmp_path / "out"
    assert cli.main(["run", "--quiet", "--signals", str(odd), "--plan", "uk_bank", "--out", str(out)]) == 0
    assert json.loads((out / "summary.json").read_text())["accounting"]["inputs"] == len(lines)


def test_what_data_say_cannot_steer_the_terminal(tmp_path, capsys):
    signal = {
        "signal_id": "s",
        "customer_id": "\x1b[31mred[bold]x[/bold]",
        "occurred_at": "2026-03-02T10:00:00Z",
        "type": "page_view",
        "channel": "web",
        "brand": "alderbrook",
        "placements": ["web_home_hero"],
    }
    lines, out = tmp_path / "s.jsonl", tmp_path / "out"
    lines.write_text(json.dumps(signal))
    assert cli.main(["run", "--quiet", "--signals", str(lines), "--plan", "uk_bank", "--out", str(out)]) == 0
    [row] = _rows(out, "SELECT decision_id FROM decisions", capsys)
    assert cli.main(["explain", str(row["decision_id"]), "--out", str(out), "--technical"]) == 0
    assert cli.main(["query", "SELECT customer_id FROM decisions", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.count(r"\x1b[31mred[bold]x[/bold]") == 2
    assert "\x1b" not in said


def test_a_broken_plan_is_refused_whole_before_anything_starts(bank, tmp_path, capsys):
    plan = tmp_path / "plan.yaml"
    plan.write_text("plan: nextbeam/1\nname: x\nbrnds: [a]\n")
    out = tmp_path / "out"
    flags = _run_flags(bank, out)
    flags[flags.index("uk_bank")] = str(plan)
    assert cli.main(flags) == 2
    said = capsys.readouterr().err
    assert "plan.yaml:3" in said
    assert "brnds" in said
    assert not out.exists()


def test_a_run_accounts_for_every_line_that_was_simulated(bank, run):
    summary = json.loads((run / "summary.json").read_text())
    lines = sum((bank / f"{name}.jsonl").read_bytes().count(b"\n") for name in ("signals", "outcomes"))
    accounting = summary["accounting"]
    assert accounting["inputs"] == lines
    assert lines == sum(accounting[part] for part in ("decided", "observed", "duplicates", "dead_letters"))
    assert summary["accounted"] is True
    assert summary["rows"]["decisions"] == accounting["decided"] > 0
    assert accounting["duplicates"] > 0
    assert accounting["dead_letters"] > 0


def test_a_second_run_replaces_the_first_without_duplicates(bank, run, capsys):
    before = _rows(run, "SELECT decision_id FROM decisions ORDER BY 1", capsys)
    assert cli.main(_run_flags(bank, run)) == 0
    assert _rows(run, "SELECT decision_id FROM decisions ORDER BY 1", capsys) == before
    assert not [p for p in run.iterdir() if p.name.startswith(".")]


def test_a_folder_with_a_quote_in_its_name_is_a_folder(bank, run, tmp_path, capsys):
    out = tmp_path / "the bank's"
    assert cli.main(_run_flags(bank, out)) == 0
    ids = "SELECT decision_id FROM decisions ORDER BY 1"
    assert _rows(out, ids, capsys) == _rows(run, ids, capsys)


def test_a_run_that_fails_leaves_the_earlier_outputs(run, tmp_path, capsys):
    before = (run / "summary.json").read_bytes()
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"not parquet")
    flags = ["run", "--quiet", "--signals", str(broken), "--plan", "uk_bank", "--out", str(run)]
    assert cli.main(flags) == 2
    assert "broken.parquet" in capsys.readouterr().err
    assert (run / "summary.json").read_bytes() == before


def test_both_compositions_write_the_same(bank, run, tmp_path, capsys):
    chained = tmp_path / "chained"
    assert cli.main([*_run_flags(bank, chained), "--composition", "chained"]) == 0
    for table in ("decisions", "feedback", "sessions", "dead_letters"):
        everything = f"SELECT TO_JSON_STRING(t) AS row FROM {table} AS t ORDER BY 1"
        assert _rows(run, everything, capsys) == _rows(chained, everything, capsys), table


def test_worker_processes_write_the_same(bank, run, tmp_path, capsys):
    out = tmp_path / "processes"
    assert (
        cli.main([*_run_flags(bank, out), "--direct_running_mode=multi_processing", "--direct_num_workers=2"])
        == 0
    )
    for table in ("decisions", "feedback", "sessions", "dead_letters"):
        everything = f"SELECT TO_JSON_STRING(t) AS row FROM {table} AS t ORDER BY 1"
        assert _rows(run, everything, capsys) == _rows(out, everything, capsys), table


def test_parquet_in_gives_what_json_lines_give(bank, tmp_path, capsys):
    decoder = Decoder(Signal, load_plan(find_plan("uk_bank")).spec)
    decoded = [decoder.decode(line) for line in (bank / "signals.jsonl").read_bytes().splitlines()]
    signals = [signal for signal in decoded if isinstance(signal, Signal)]
    lines, table = tmp_path / "good.jsonl", tmp_path / "good.parquet"
    lines.write_bytes(b"\n".join(msgspec.json.encode(signal) for signal in signals))
    pq.write_table(pa.Table.from_pylist([*map(rows(Signal), signals)], arrow_schema(Signal)), table)
    for source in (lines, table):
        flags = ["run", "--quiet", "--signals", str(source), "--plan", "uk_bank", "--out", f"{source}.out"]
        assert cli.main(flags) == 0
    everything = "SELECT TO_JSON_STRING(t) AS row FROM decisions AS t ORDER BY 1"
    decided = _rows(Path(f"{lines}.out"), everything, capsys)
    assert decided
    assert decided == _rows(Path(f"{table}.out"), everything, capsys)


def test_the_module_is_the_same_pipeline_and_says_nothing_as_it_ends(bank, run, tmp_path, capsys):
    command = [sys.executable, "-m", "pipelines.decisioning", *_run_flags(bank, tmp_path / "module")[2:]]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    ids = "SELECT decision_id FROM decisions ORDER BY 1"
    assert _rows(run, ids, capsys) == _rows(tmp_path / "module", ids, capsys)


def test_explain_says_why_and_why_not(run, capsys):
    found = (
        "SELECT decision_id, ARRAY_LENGTH(offers) AS n FROM decisions WHERE ARRAY_LENGTH(offers) > 0 LIMIT 1"
    )
    decision_id = _rows(run, found, capsys)[0]["decision_id"]
    assert cli.main(["explain", decision_id[:10], "--out", str(run)]) == 0
    said = capsys.readouterr().out
    assert "Why not something else?" in said
    assert decision_id not in said
    assert cli.main(["explain", decision_id[:10], "--out", str(run), "--technical"]) == 0
    said = capsys.readouterr().out
    assert decision_id in said
    assert "priority" in said
    assert re.search(r"Why not the other \d+ actions", said)
    assert cli.main(["explain", decision_id, "--out", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decision_id"] == decision_id


def test_explain_of_an_unknown_decision_says_where_to_look(run, capsys):
    assert cli.main(["explain", "zzz", "--out", str(run)]) == 2
    assert "no decision 'zzz'" in capsys.readouterr().err


def test_explain_of_many_decisions_names_some(run, capsys):
    assert cli.main(["explain", "", "--out", str(run)]) == 2
    assert re.search(
        r"\d+ decisions start with '' \(\w{32}, \w{32}, \w{32}, \.\.\. \(\d+ in all\)\); give more",
        capsys.readouterr().err,
    )


def test_an_export_goes_to_a_folder(run, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert cli.main(["export", "dsjson", str(run), "--to", str(tmp_path / "file")]) == 2
    assert "--to: " in (said := capsys.readouterr().err)
    assert "is a file; name a folder" in said


def test_a_demo_without_customers_explains_nothing(tmp_path, capsys):
    assert cli.main(["demo", "--customers", "0", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "explained" not in said
    assert said.endswith(f"Outputs lie in {tmp_path / 'run'}.\n")


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        pytest.param("SELEC 1", "not BigQuery SQL", id="syntax"),
        pytest.param("SELECT 1; SELECT 2", "one SELECT at a time", id="two"),
        pytest.param("DROP TABLE decisions", "read only", id="ddl"),
        pytest.param("SELECT * FROM nowhere", "tables: decisions", id="table"),
        pytest.param("SELECT * FROM decision", 'Did you mean "decisions"?', id="near-table"),
        pytest.param("SELECT chanel FROM decisions", 'Candidate bindings: "channel"', id="near-column"),
    ],
)
def test_a_bad_query_is_refused_with_a_reason(sql, says, run, capsys):
    assert cli.main(["query", sql, "--out", str(run)]) == 2
    assert says in capsys.readouterr().err


def test_a_query_can_read_nothing_but_the_run(run, tmp_path, capsys):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    assert cli.main(["query", f"SELECT * FROM `{secret}`", "--out", str(run)]) == 2


def test_bigquery_sql_runs_over_nested_outputs(run, capsys):
    offers = _rows(
        run,
        "SELECT o.issue, COUNT(*) AS n FROM `project.bank.decisions`, UNNEST(offers) AS o GROUP BY 1 ORDER BY 1",
        capsys,
    )
    assert offers
    assert all(row["n"] > 0 for row in offers)


@pytest.mark.parametrize(
    "source",
    ["decisions, UNNEST(offers) AS o WITH OFFSET AS i", "decisions d, UNNEST(d.offers) o WITH OFFSET i"],
)
def test_offsets_count_from_zero_as_in_bigquery(source, run, capsys):
    rows = _rows(run, f"SELECT MIN(i) AS first, COUNTIF(o.rank != i + 1) AS off FROM {source}", capsys)
    assert rows == [{"first": 0, "off": 0}]


@pytest.mark.parametrize(
    "command",
    [
        "query|SELECT 1|--out|RUN",
        "report|RUN",
        "explain|ab|--out|RUN",
        "export|dsjson|RUN",
        "export|pega|RUN",
    ],
)
def test_a_damaged_file_of_a_run_is_told_in_a_sentence(command, run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run")
    for file in (tmp_path / "run" / "decisions").rglob("*.parquet"):
        file.write_bytes(b"x")
    assert cli.main(command.replace("RUN", str(tmp_path / "run")).split("|")) == 2
    assert re.match(
        r"error: the outputs in .* are damaged \(.*\); `nextbeam replay` names each file",
        capsys.readouterr().err,
    )


@pytest.mark.parametrize("place", ["footer", "pages"])
@pytest.mark.parametrize(
    "command", ["report|RUN", "export|dsjson|RUN", "export|pega|RUN", "dead-letters|list|--out|RUN"]
)
def test_a_file_that_was_damaged_within_is_told_in_a_sentence(command, place, run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run")
    table = "dead_letters" if command.startswith("dead") else "decisions"
    *_, last = sorted((tmp_path / "run" / table).rglob("*.parquet"))
    data = last.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    at, wrong = (footer, b"\xff" * 40) if place == "footer" else (4, b"\xff" * (footer - 4))
    last.write_bytes(data[:at] + wrong + data[at + len(wrong) :])
    assert cli.main(command.replace("RUN", str(tmp_path / "run")).split("|")) == 2
    assert re.match(r"error: the outputs in .* are damaged \(", capsys.readouterr().err)


def test_a_run_of_which_a_part_is_gone_is_not_reported_on(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "decisions")
    assert cli.main(["report", str(tmp_path / "run")]) == 2
    assert re.search(r"damaged \(0 decisions, where the run wrote [\d,]+\)", capsys.readouterr().err)


@pytest.mark.parametrize(
    "command", ["export|pega|RUN", "export|dsjson|RUN", "report|RUN", "explain|a|--out|RUN"]
)
def test_a_damaged_plan_of_a_run_is_told_in_a_sentence(command, run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "plan.json").write_text("{")
    (ids,) = [row["decision_id"] for row in _rows(run, "SELECT decision_id FROM decisions LIMIT 1", capsys)]
    words = command.replace("RUN", str(tmp_path / "run")).replace("|a|", f"|{ids}|").split("|")
    assert cli.main(words) == 2
    assert "plan.json:1:1: not JSON" in capsys.readouterr().err


def test_dead_letters_of_a_run_with_a_damaged_summary_are_told_in_a_sentence(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "summary.json").write_text("{")
    assert cli.main(["dead-letters", "show", "x", "--out", str(tmp_path / "run")]) == 2
    assert "are damaged (summary.json: " in capsys.readouterr().err
