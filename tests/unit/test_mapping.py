"""Import mappings: what each key does to a row, what is refused when a mapping is read, and what never leaks."""

from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent, indent

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.mapping import MappingError, MappingFileError, SkippedError, load_mapping
from schemas import Outcome, Reason, Signal

HEAD = "mapping: nextbeam-import/1\nname: orders\nsource: {format: jsonl, time_zone: Europe/Amsterdam}\n"
ORDER = """
  - name: order
    record: signal
    fields:
      signal_id: id
      customer_id: customer
      occurred_at: {column: at, to: time}
      type: {constant: order}
      channel: {constant: web}
      brand: {constant: shop}
"""
ROW = {"id": "o-1", "customer": "ana", "at": "2026-03-01T10:00:00Z"}
MADE = {
    "signal_id": "o-1",
    "customer_id": "ana",
    "occurred_at": datetime(2026, 3, 1, 10, tzinfo=UTC),
    "type": "order",
    "channel": "web",
    "brand": "shop",
}


@pytest.fixture
def mapping(tmp_path):
    def load(text: str):
        path = tmp_path / "orders.yaml"
        path.write_text(text)
        return load_mapping(path)

    return load


def with_attribute(value: str, *, before: str = "") -> str:
    """A mapping whose attribute x is `value`."""
    return f"{HEAD}{before}records:\n{ORDER}    attributes:\n      x: {value}\n"


ABSENT = object()


@pytest.mark.parametrize(
    ("value", "row", "made"),
    [
        pytest.param("a", {"a": 1}, 1, id="a-column-passes-as-it-is"),
        pytest.param("a.b", {"a": {"b": [1]}}, [1], id="a-dot-goes-into-an-object"),
        pytest.param("a.1", {"a": [1, 2]}, 2, id="a-number-goes-into-a-list"),
        pytest.param("a.7", {"a": [1, 2]}, ABSENT, id="no-such-place"),
        pytest.param("a.0", {"a": {"0": 3}}, 3, id="a-number-is-also-a-name"),
        pytest.param("a.b", {"a": "text"}, ABSENT, id="no-way-into-text"),
        pytest.param("{column: [a.b, c]}", {"a.b": {"c": 4}}, 4, id="a-list-takes-names-with-dots"),
        pytest.param("{column: a, json: 0.id}", {"a": '[{"id": 5}]'}, 5, id="json-inside-of-text"),
        pytest.param("{column: a, json: ''}", {"a": "6"}, 6, id="all-of-the-json"),
        pytest.param("{column: a, match: '^/([^/]+)'}", {"a": "/cards/gold"}, "cards", id="a-part-of-a-text"),
        pytest.param("{column: a, match: '^/([^/]+)'}", {"a": "/"}, ABSENT, id="a-part-that-is-not-there"),
        pytest.param("{constant: 7}", {}, 7, id="a-constant"),
        pytest.param('{template: "{a}-{b.c:04}/x"}', {"a": "k", "b": {"c": 7}}, "k-0007/x", id="a-template"),
        pytest.param('{template: "{a}-{b}"}', {"a": "k"}, ABSENT, id="a-template-that-lacks-a-part"),
        pytest.param('{template: "{{{a}}}"}', {"a": 1}, "{1}", id="doubled-braces-are-braces"),
        pytest.param("{first: [a, b, {constant: z}]}", {"b": 2}, 2, id="the-first-that-is-there"),
        pytest.param("{first: [a, b, {constant: z}]}", {}, "z", id="the-last-resort"),
        pytest.param("{column: a, when: {column: b, equals: 1}}", {"a": 9, "b": 1}, 9, id="a-condition-met"),
        pytest.param("{column: a, when: {column: b, equals: 1}}", {"a": 9, "b": 2}, ABSENT, id="and-not-met"),
        pytest.param("{constant: 1, when: {column: b, known: true}, default: 0}", {}, 0, id="if-then-else"),
        pytest.param("{column: a, lookup: {red: 1, 5: 2}}", {"a": "red"}, 1, id="a-lookup"),
        pytest.param("{column: a, lookup: {red: 1, 5: 2}}", {"a": 5}, 2, id="a-lookup-of-a-number"),
        pytest.param(
            "{column: a, lookup: {red: 1}, otherwise: 9}", {"a": [0]}, 9, id="a-lookup-with-otherwise"
        ),
        pytest.param(
            "{column: a, lookup: {red: 1}, otherwise: null}", {"a": "b"}, ABSENT, id="or-without-value"
        ),
        pytest.param("{column: a, lookup: {5: '6'}, to: integer}", {"a": 5}, 6, id="lookup-then-conversion"),
        pytest.param("{column: a, to: number}", {"a": "1.5"}, 1.5, id="a-number"),
        pytest.param("{column: a, to: integer}", {"a": "15"}, 15, id="a-whole-number"),
        pytest.param("{column: a, to: boolean}", {"a": "no"}, False, id="a-truth-value"),
        pytest.param("{column: a, to: string}", {"a": 3}, "3", id="a-text"),
        pytest.param("{column: a, default: 8}", {"a": None}, 8, id="null-is-missing"),
        pytest.param("{column: a, default: 8}", {"a": 0}, 0, id="zero-is-not"),
        pytest.param("{column: a}", {"a": ""}, "", id="nor-is-the-empty-text-in-json"),
    ],
)
def test_a_value_comes_from_the_row(mapping, value, row, made):
    contract, fields = mapping(with_attribute(value)).reshape(ROW | row)
    expected = {} if made is ABSENT else {"attributes": {"x": made}}
    assert (contract, fields) == (Signal, MADE | expected)


def test_fields_maps_and_lists_make_one_contract(mapping):
    text = (
        HEAD
        + "tables: {pages: {home: [hero, tiles]}}\nrecords:\n"
        + ORDER
        + "      placements: {column: page, lookup: pages, otherwise: null}\n"
        + "    profile: {tags: {column: tags, to: strings, separator: ','}, age: age}\n"
    )
    contract, fields = mapping(text).reshape(ROW | {"page": "home", "tags": "a, b"})
    assert msgspec.convert(fields, contract) == Signal(
        **MADE, placements=("hero", "tiles"), profile={"tags": ("a", "b")}
    )


CONDITIONS = {
    "{column: a, equals: x}": [{"a": "x"}],
    "{column: a, equals: 1}": [{"a": 1}, {"a": 1.0}],
    "{column: a, equals: true}": [{"a": True}],
    "{column: a, one_of: [x, y]}": [{"a": "x"}, {"a": "y"}],
    "{column: a, one_of: [1, x]}": [{"a": "x"}, {"a": 1}, {"a": 1.0}],
    "{column: a, starts_with: xy}": [{"a": "xyz"}],
    "{column: a, known: true}": [
        {"a": "x"},
        {"a": "y"},
        {"a": "xyz"},
        {"a": 1},
        {"a": 1.0},
        {"a": True},
        {"a": ["x"]},
    ],
    "{column: a, known: false}": [{}, {"a": None}, {"b": 1}],
    "{any: [{column: a, equals: x}, {column: b, equals: 1}]}": [{"a": "x"}, {"b": 1}],
    "{all: [{column: a, known: false}, {column: b, known: true}]}": [{"b": 1}],
    "{none: [{column: a, known: true}, {column: b, known: true}]}": [{}, {"a": None}],
}
ROWS = [{}, {"a": None}, {"b": 1}, *({"a": value} for value in ("x", "y", "xyz", 1, 1.0, True, ["x"]))]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_chooses_rows(mapping, condition):
    where = f"    where: {condition}\n"
    text = (
        HEAD
        + "records:\n"
        + ORDER.replace("    record: signal\n", f"    record: signal\n{where}")
        + "otherwise: skip\n"
    )
    reshape = mapping(text).reshape
    met = [row for row in ROWS if _fits(reshape, ROW | row)]
    assert [*map(repr, met)] == [repr(row) for row in ROWS if repr(row) in map(repr, CONDITIONS[condition])]


def _fits(reshape, row):
    try:
        reshape(row)
    except SkippedError:
        return False
    return True


def test_times_of_a_row_are_compared(mapping):
    late = "  - {name: late, record: skip, where: {column: sent, later_than: at, by: 3d}}"
    reshape = mapping(HEAD + "records:\n" + late + ORDER).reshape
    with pytest.raises(SkippedError, match=r"^late$"):
        reshape(ROW | {"sent": "2026-03-04T11:00:01+00:00"})
    assert reshape(ROW | {"sent": "2026-03-04T10:00:00Z"})[1] == reshape(ROW)[1] == MADE
    with pytest.raises(MappingError, match=r"^condition \(column sent\) is not a time$"):
        reshape(ROW | {"sent": "soon"})


RULES = """
records:
  - {name: test-traffic, record: skip, where: {column: app, equals: test}}
  - {name: broken, record: reject, description: No customer., where: {column: customer, known: false}}
  - name: answer
    record: outcome
    where: {column: kind, known: true}
    fields:
      outcome_id: id
      customer_id: customer
      occurred_at: {column: at, to: epoch_ms}
      kind: {column: kind, lookup: {yes: Accepted, no: Rejected}}
      action: {column: action, missing: skip}
      value: {column: amount, to: number, missing: reject}
"""


def test_the_first_record_that_fits_decides(mapping):
    loaded = mapping(HEAD + RULES + ORDER.lstrip("\n"))
    assert loaded.contracts == (Signal, Outcome)
    assert loaded.columns == ("app", "customer", "kind", "id", "at", "action", "amount")
    answer = ROW | {"kind": "yes", "at": 1_772_359_200_000, "action": "call", "amount": "12"}
    contract, fields = loaded.reshape(answer)
    assert msgspec.convert(fields, contract) == Outcome(
        outcome_id="o-1",
        customer_id="ana",
        occurred_at=MADE["occurred_at"],
        kind="Accepted",
        action="call",
        value=12.0,
    )
    assert loaded.reshape(ROW)[0] is Signal


@pytest.mark.parametrize(
    ("row", "kind", "detail", "reason"),
    [
        ({"app": "test"}, SkippedError, "test-traffic", Reason.MAPPING_FAILED),
        ({"customer": None}, MappingError, "broken: No customer.", Reason.MAPPING_FAILED),
        ({"kind": "yes"}, MappingError, "answer.occurred_at (column at) is not a time", Reason.BAD_TIME),
        (
            {"kind": "perhaps", "at": 1},
            MappingError,
            "answer.kind (column kind) is not in the lookup table",
            Reason.UNKNOWN_VALUE,
        ),
        ({"kind": "no", "at": 1}, SkippedError, "answer without action", Reason.MAPPING_FAILED),
        (
            {"kind": "no", "at": 1, "action": "call"},
            MappingError,
            "answer.value (column amount) is missing",
            Reason.MISSING_FIELD,
        ),
        (
            {"kind": "no", "at": 1, "action": "call", "amount": "much"},
            MappingError,
            "answer.value (column amount) is not a finite number",
            Reason.BAD_NUMBER,
        ),
        ({"id": None}, MappingError, "order.signal_id (column id) is missing", Reason.MISSING_FIELD),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_row_that_becomes_nothing_says_why(mapping, row, kind, detail, reason):
    with pytest.raises(MappingError) as refused:
        mapping(HEAD + RULES + ORDER.lstrip("\n")).reshape(ROW | row)
    assert (type(refused.value), str(refused.value), refused.value.reason) == (kind, detail, reason)


def test_texts_that_mean_nothing_are_missing(mapping):
    source = "{format: csv, missing: ['', NaN]}"
    text = with_attribute("a").replace("{format: jsonl, time_zone: Europe/Amsterdam}", source)
    assert mapping(text).reshape(ROW | {"a": "NaN"})[1] == MADE
    with pytest.raises(MappingError, match=r"order\.customer_id \(column customer\) is missing"):
        mapping(text).reshape(ROW | {"customer": ""})


BAD = {
    "nothing": "",
    "no YAML": "mapping: [",
    "a key written twice": HEAD + "name: again\nrecords:\n" + ORDER,
    "a kind of record there is not": HEAD + "records:\n  - {name: a, record: signals}\n",
    "a key there is not": HEAD + "recrods: []\n",
    "a key of a value there is not": with_attribute("{colum: a}"),
    "two sources": with_attribute("{column: a, constant: 1}"),
    "no source": with_attribute("{to: number}"),
    "no such table": with_attribute("{column: a, lookup: colours}", before="tables: {sizes: {s: 1}}\n"),
    "options alone": with_attribute("{column: a, otherwise: 1, separator: ',', zone: Mars/Olympus}"),
    "json of no column": with_attribute("{constant: a, json: id}"),
    "missing inside of first": with_attribute("{first: [{column: a, missing: skip}]}"),
    "a broken template": with_attribute('{template: "{a"}'),
    "a template with a conversion": with_attribute('{template: "{a!r}"}'),
    "a template with a strange width": with_attribute('{template: "{a:>9}"}'),
    "a template without a column": with_attribute("{template: abc}"),
    "a pattern without a group": with_attribute("{column: a, match: 'a+'}"),
    "a broken pattern": with_attribute("{column: a, match: '(a'}"),
    "two tests": with_attribute("{column: a, when: {column: b, equals: 1, known: true}}"),
    "a test of nothing": with_attribute("{column: a, when: {known: true}}"),
    "a test inside of a group": with_attribute("{column: a, when: {any: [{column: b}]}}"),
    "a while of no time": with_attribute("{column: a, when: {column: b, equals: 1, by: 1d}}"),
    "fields the contract needs or lacks": HEAD
    + "records:\n"
    + ORDER.replace("      type: {constant: order}\n", "      colour: red\n"),
    "a field that may not be left out": HEAD
    + "records:\n"
    + ORDER.replace("customer_id: customer", "customer_id: {column: customer, missing: omit}"),
    "constants the contract refuses": HEAD
    + "records:\n"
    + ORDER
    + "      attributes: {constant: 1}\n      page: {constant: ''}\n",
    "several faults": HEAD
    + RULES.replace("yes: Accepted", "yes: Agreed")
    + "    profile: {a: b}\n  - {name: answer, record: skip, profile: {a: b}}\n",
    "a record that hides others": HEAD + "records:\n" + ORDER + ORDER.replace("name: order", "name: more"),
    "a delimiter of json": HEAD.replace("time_zone: Europe/Amsterdam", "delimiter: ;") + "records:\n" + ORDER,
    "a zone there is not": HEAD.replace("Europe/Amsterdam", "Utopia") + "records:\n" + ORDER,
}
GOLDEN = Path(__file__).parent.parent / "golden" / "mapping_errors.txt"


def test_a_bad_mapping_is_refused_with_place_and_remedy(mapping, tmp_path):
    said = ""
    for name, text in BAD.items():
        with pytest.raises(MappingFileError) as refused:
            mapping(text)
        said += f"# {name}\n{refused.value}\n\n".replace(tmp_path.as_posix() + "/", "")
    assert said == GOLDEN.read_text(), "if the new texts are better, write them into the golden file"


SECRET = "Ana Lopez-Garcia"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.just(SECRET),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["b", "0", SECRET]), inner, max_size=2)
    ),
    max_leaves=4,
)
EVERY_KEY = dedent(
    """
    a: a.b
    b: {column: a, json: 0.b}
    c: {column: b, match: "(x)"}
    d: {template: "{a}-{b.0:03}"}
    e: {first: [a.0, {column: b, lookup: {x: 1}}]}
    f: {column: kind, lookup: {x: 1}, otherwise: null}
    g: {column: a, to: number, when: {column: b, starts_with: Ana}}
    h: {column: b, to: strings, separator: "-"}
    i: {column: at, to: epoch_s}
    """
)


@given(
    row=st.dictionaries(st.sampled_from(["id", "customer", "at", "kind", "app", "a", "b", "amount"]), JSON)
)
def test_any_row_is_reshaped_or_refused_without_telling_its_values(every_key, row):
    try:
        contract, fields = every_key(row)
    except MappingError as refused:
        told = str(refused)
    else:
        assert contract in {Signal, Outcome}
        assert fields.keys() <= set(contract.__struct_fields__)
        told = ""
    assert SECRET not in told


@pytest.fixture(scope="module")
def every_key(tmp_path_factory):
    path = tmp_path_factory.mktemp("mapping") / "all.yaml"
    path.write_text(HEAD + RULES + ORDER.lstrip("\n") + "    attributes:\n" + indent(EVERY_KEY, "      "))
    return load_mapping(path).reshape


@pytest.mark.parametrize(
    ("value", "makes"),
    [
        pytest.param("a", False, id="a-column"),
        pytest.param('{template: "{a}-{b}"}', False, id="text-of-columns"),
        pytest.param("{column: a, json: b.c}", True, id="json-inside-of-text"),
        pytest.param('{constant: "\\0"}', True, id="nul-in-the-mapping"),
    ],
)
def test_a_mapping_knows_whether_text_can_come_out_that_was_not_examined(mapping, value, makes):
    assert mapping(with_attribute(value)).reshape.makes_text is makes
