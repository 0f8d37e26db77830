"""Recorded events on disk: what makes a history, and that pieces hold each line once."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import history
from pipelines.history import Piece, find_history, payloads, pieces
from pipelines.locate import UsageError

SUMMARIES = {
    "silent-run": '{"plan_digest": "x"}',
    "moved-run": '{"plan_digest": "x", "inputs": {"signals": ["../gone.jsonl"]}}',
    "other-json": '{"total": 1}',
    "torn-json": '{"plan_dig',
}

LINES = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"").rstrip(b"\r")), max_size=20)


@given(lines=LINES, size=st.integers(1, 50), ended=st.booleans(), crlf=st.booleans())
def test_pieces_of_any_size_hold_each_line_once_and_in_order(tmp_path_factory, lines, size, ended, crlf):
    file = tmp_path_factory.mktemp("pieces") / "signals.jsonl"
    end = b"\r\n" if crlf else b"\n"
    whole = end.join(lines) + (end if ended and lines else b"")
    file.write_bytes(whole)
    expected = whole.split(end)
    if not expected[-1]:
        expected.pop()
    found = [
        line
        for start in range(0, len(whole), size)
        for line in payloads(Piece(str(file), False, start, min(start + size, len(whole))))
    ]
    assert found == expected


def test_compressed_lines_are_read_as_plain_ones(tmp_path):
    (tmp_path / "signals.jsonl.gz").write_bytes(gzip.compress(b"a\nb\r\n\nc"))
    found = find_history(str(tmp_path), (), ())
    assert [line for piece in pieces(found) for line in payloads(piece)] == [b"a", b"b", b"", b"c"]


def test_a_folder_may_hold_several_files_of_each_kind_and_other_things(tmp_path):
    for name in ("signals-1.jsonl", "signals-2.jsonl", "outcomes.jsonl", "manifest.json", "signals.txt"):
        (tmp_path / name).write_text("{}\n")
    found = find_history(str(tmp_path), (), ())
    assert [path.rsplit("/", 1)[1] for path in found.files] == [
        "signals-1.jsonl",
        "signals-2.jsonl",
        "outcomes.jsonl",
    ]


def test_large_files_are_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "PIECE_BYTES", 10)
    (tmp_path / "signals.jsonl").write_text("12345\n" * 5)
    assert [piece[2:] for piece in pieces(find_history(str(tmp_path), (), ()))] == [
        (0, 10),
        (10, 20),
        (20, 30),
    ]


@pytest.mark.parametrize(
    ("folder", "signals", "outcomes", "said"),
    [
        pytest.param(None, (), (), "--history DIR", id="nothing-is-named"),
        pytest.param("absent", (), (), "no folder", id="folder-is-missing"),
        pytest.param("empty", (), (), "no signals*.jsonl", id="folder-holds-no-signals"),
        pytest.param("empty", ("x.jsonl",), (), "not both", id="folder-and-files"),
        pytest.param(None, ("x.jsonl",), (), "no file", id="file-is-missing"),
        pytest.param("torn", (), (), "cut off or damaged", id="compressed-file-is-cut-off"),
        pytest.param("wrong", (), (), "no Parquet file", id="not-parquet"),
        pytest.param("void", (), (), "the history is empty", id="empty-files"),
        pytest.param("above", (), (), "name 'above/bank'", id="the-folder-above"),
        pytest.param("silent-run", (), (), "does not say which events it read", id="run-without-inputs"),
        pytest.param("moved-run", (), (), "there is no file", id="the-events-of-a-run-are-gone"),
        pytest.param("other-json", (), (), "is not of a run", id="another-summary"),
        pytest.param("torn-json", (), (), "is not of a run", id="a-summary-cut-off"),
        pytest.param("a-file", (), (), "name it with --signals", id="a-file-for-a-folder"),
    ],
)
def test_what_is_no_history_is_refused_with_the_remedy(
    tmp_path, monkeypatch, folder, signals, outcomes, said
):
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "torn", "wrong"):
        (tmp_path / name).mkdir()
    (tmp_path / "torn" / "signals.jsonl.gz").write_bytes(gzip.compress(b"x" * 1000)[:-4])
    (tmp_path / "void").mkdir()
    (tmp_path / "void" / "signals.jsonl").write_text("")
    (tmp_path / "above" / "bank").mkdir(parents=True)
    (tmp_path / "above" / "bank" / "signals.jsonl").write_text("{}")
    for name, summary in SUMMARIES.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.json").write_text(summary)
    (tmp_path / "wrong" / "signals.parquet").write_bytes(b"{}")
    (tmp_path / "a-file").write_text("")
    with pytest.raises(UsageError) as refused:
        find_history(folder, signals, outcomes)
    assert said in str(refused.value)


def test_a_run_knows_what_it_read_also_after_both_were_moved(tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    (before / "run").mkdir(parents=True)
    (before / "bank").mkdir()
    for name in ("signals.jsonl", "outcomes.jsonl"):
        (before / "bank" / name).write_text("{}")
    inputs = '{"signals": ["../bank/signals.jsonl"], "outcomes": ["../bank/outcomes.jsonl"], "mapping": "../map.yaml"}'
    (before / "run" / "summary.json").write_text(f'{{"plan_digest": "abc", "inputs": {inputs}}}')
    before.rename(after)
    found = find_history(str(after / "run"), (), ())
    assert found.signals == (str(after / "bank" / "signals.jsonl"),)
    assert found.outcomes == (str(after / "bank" / "outcomes.jsonl"),)
    assert found.mapping == after / "map.yaml"
    assert found.live == "abc"
