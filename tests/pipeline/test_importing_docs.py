"""docs/importing.md: its example works as printed, and it explains every key."""

import re

import msgspec
import pytest
from realdata import ROOT

from models.mapping import spec
from pipelines.importing import import_events
from pipelines.locate import MAPPINGS, shipped

PAGE = (ROOT / "docs" / "importing.md").read_text()


def block(language):
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return text


def test_the_example_makes_what_it_says(tmp_path):
    (tmp_path / "shop.csv").write_text(block("csv"))
    (tmp_path / "shop.yaml").write_text(block("yaml"))
    report = import_events(tmp_path / "shop.yaml", tmp_path / "shop.csv", tmp_path / "out.jsonl")
    assert "".join(path.read_text() for path in report.files) == block("json")
    assert (report.rows, report.skipped.total(), report.accounted) == (4, 1, True)


@pytest.mark.parametrize(
    "struct", [spec.MappingSpec, spec.SourceSpec, spec.RecordSpec, spec.ConditionSpec, spec.ValueSpec]
)
def test_every_key_is_explained(struct):
    assert [field.name for field in msgspec.structs.fields(struct) if f"`{field.name}`" not in PAGE] == []


def test_every_shipped_mapping_is_listed():
    assert [name for name in shipped(MAPPINGS) if f"| `{name}` |" not in PAGE] == []
