"""The derived files are what the contracts say, and only formats that the targets accept."""

import json
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from schemas import CONTRACTS, Decision, Signal
from schemas.derivation.fields import fields_of
from schemas.derivation.formats import bigquery_columns, proto_text, snake
from schemas.derive import GENERATED, LOCK, derive, main, stale


def test_the_committed_files_are_what_the_contracts_say():
    assert stale(derive(), GENERATED) == [], "run `python -m schemas.derive` and commit the result"


def test_deriving_twice_gives_the_same_text():
    fields_of.cache_clear()
    first = derive()
    fields_of.cache_clear()
    assert derive() == first


def test_check_names_the_files_that_differ_and_leaves_them_alone(tmp_path, capsys):
    assert main([], tmp_path) == 0
    (tmp_path / "signal.proto").write_text("edited by hand")
    (tmp_path / "left_over.proto").write_text("")
    assert main(["--check"], tmp_path) == 1
    said = capsys.readouterr().err
    assert "signal.proto" in said
    assert "left_over.proto" in said
    assert "outcome.proto" not in said
    assert (tmp_path / "signal.proto").read_text() == "edited by hand"


def test_deriving_again_repairs_what_differs(tmp_path):
    main([], tmp_path)
    (tmp_path / "signal.proto").write_text("edited by hand")
    (tmp_path / "left_over.proto").write_text("")
    assert main([], tmp_path) == 0
    assert stale(derive(), tmp_path) == []
    assert main(["--check"], tmp_path) == 0


def test_deriving_refuses_to_break_the_lock_and_writes_nothing(tmp_path, capsys):
    main([], tmp_path)
    lock = json.loads((tmp_path / LOCK).read_text())
    lock["structs"]["Signal"][0]["name"] = "event_id"
    (tmp_path / LOCK).write_text(json.dumps(lock))
    assert main([], tmp_path) == 1
    assert (
        "Signal.event_id (field 1) was renamed or moved: 'signal_id' is in its place"
        in capsys.readouterr().err
    )
    assert json.loads((tmp_path / LOCK).read_text()) == lock
    assert main(["--relock"], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0


def _columns(columns):
    for column in columns:
        yield column
        yield from _columns(column.get("fields", []))


@pytest.mark.parametrize("contract", CONTRACTS)
def test_bigquery_columns_use_only_types_that_the_storage_write_path_knows(contract):
    types = {"STRING", "INTEGER", "FLOAT", "BOOLEAN", "TIMESTAMP", "BYTES", "RECORD"}
    for column in _columns(bigquery_columns(contract)):
        assert column["type"] in types
        assert column["mode"] in {"REQUIRED", "NULLABLE", "REPEATED"}
        assert (column["type"] == "RECORD") == ("fields" in column)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_columns_follow_the_fields_in_name_and_order(contract):
    assert [column["name"] for column in bigquery_columns(contract)] == list(contract.__struct_fields__)


def test_what_has_a_default_is_nullable_since_older_rows_lack_it():
    modes = {column["name"]: column["mode"] for column in bigquery_columns(Decision)}
    assert modes["decision_id"] == "REQUIRED"
    assert modes["no_action"] == "NULLABLE"
    assert modes["offers"] == "REPEATED"


def test_a_map_is_a_repeated_record_of_key_and_json_text():
    [attributes] = [column for column in bigquery_columns(Signal) if column["name"] == "attributes"]
    assert attributes["mode"] == "REPEATED"
    assert [(inner["name"], inner["type"]) for inner in attributes["fields"]] == [
        ("key", "STRING"),
        ("value", "STRING"),
    ]


@pytest.mark.parametrize("contract", CONTRACTS)
def test_proto_has_one_top_level_message_and_no_imports(contract):
    text = proto_text(contract)
    assert [line for line in text.splitlines() if line.startswith("message ")] == [
        f"message {contract.__name__} {{"
    ]
    assert "import" not in text
    assert "map<" not in text


@pytest.mark.parametrize("contract", CONTRACTS)
def test_proto_numbers_are_positions(contract):
    own = [
        line
        for line in proto_text(contract).splitlines()
        if line.startswith("  ") and line[2] != " " and " = " in line
    ]
    numbered = [tuple(line.rstrip(";").split()[-3::2]) for line in own]
    assert numbered == [(name, str(n)) for n, name in enumerate(contract.__struct_fields__, 1)]


def test_a_type_that_no_format_can_hold_is_named():
    odd = msgspec.defstruct("Odd", [("when", Annotated[complex, Meta(description="no")])])
    with pytest.raises(TypeError, match=r"Odd\.when"):
        fields_of(odd)


def test_names_in_files_are_snake_case():
    assert snake("SessionContext") == "session_context"
