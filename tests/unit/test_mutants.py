"""Faults planted in the ledger, limits, suppressions, care, volumes, decoding and the kernel are found."""

import os
import re

import pytest
from mutants import compiling
from mutants.finders import TESTS
from mutants.hunt import (
    CATALOGUE,
    ROOT,
    copied,
    killer,
    mutants,
    part,
    planted,
    possible,
    sample,
    unreliable,
)

MUTANTS = mutants()
POSSIBLE = possible(MUTANTS)
CHOSEN = (
    POSSIBLE
    if os.environ.get("NEXTBEAM_FULL") == "1"
    else sample([mutant for mutant in POSSIBLE if not mutant.compiled], 4)
)
"""What has to be compiled takes a minute each."""


def test_there_are_enough_mutants_of_each_kind():
    assert len(MUTANTS) >= 50
    for kind in (
        "ledger/fold",
        "limits",
        "suppressions",
        "attribution",
        "household",
        "gates",
        "care",
        "volumes",
        "decoding",
        "models/kernel",
        "schemas/kernel",
    ):
        assert sum(kind in mutant.file for mutant in MUTANTS) >= 2, kind
    assert {mutant.file for mutant in MUTANTS} == set(TESTS)
    written = re.findall(r"^  - meaning: ", CATALOGUE.read_text("utf-8"), re.MULTILINE)
    assert len(written) == len(MUTANTS), "a file is named twice"


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_catalogue_keeps_up_with_the_code(mutant):
    assert planted(mutant) != ""


@pytest.mark.slow
def test_mutants_are_killed(tmp_path):
    copy = copied(tmp_path)
    finders = {str(mutant): killer(mutant, copy) for mutant in CHOSEN}
    assert [mutant for mutant, found in finders.items() if found is None] == []
    assert unreliable(finders.values(), copy) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("models/care.py: [{text: a, instead: b}]", r"catalogue.yaml: .*`meaning`.*\$\[\.\.\.\]\[0\]"),
        ("models/care.py: [{meaning: m, text: a, instead: b, why: c}]", "unknown field `why`"),
        ("models/care.py: [{meaning: m, text: a, instead: a}]", "care.py: m: changes nothing"),
        ("models/nowhere.py: [{meaning: m, text: a, instead: b}]", "nowhere.py: no tests are known for it"),
        (
            "models/care.py: [{meaning: m, text: a, instead: b}, {meaning: m, text: c, instead: d}]",
            "care.py: m: named more than once",
        ),
        ("models/care.py: [", "catalogue.yaml: "),
    ],
)
def test_a_catalogue_that_is_none_is_refused(tmp_path, text, complaint):
    (tmp_path / "catalogue.yaml").write_text(text, "utf-8")
    with pytest.raises(ValueError, match=complaint):
        mutants(tmp_path / "catalogue.yaml")


def test_files_of_the_kernel_are_compiled_into_every_module_that_holds_them():
    assert compiling.modules("models/kernel/struct_fields.pxi", ROOT) == [
        "models/kernel/context",
        "models/kernel/decoding",
    ]
    for mutant in MUTANTS:
        if mutant.compiled:
            assert compiling.modules(mutant.file, ROOT), mutant


def test_a_mutant_of_code_that_is_gone_is_refused():
    with pytest.raises(ValueError, match="occurs 0 times, not once"):
        planted(MUTANTS[0].__class__("models/care.py", "m", "no such text", ""))


@pytest.mark.parametrize("parts", [1, 2, 8, len(MUTANTS), len(MUTANTS) + 1])
def test_parts_are_all_of_it_and_each_mutant_is_in_one(parts):
    found = [mutant for number in range(1, parts + 1) for mutant in part(MUTANTS, f"{number}/{parts}")]
    assert sorted(found, key=str) == sorted(MUTANTS, key=str)


@pytest.mark.parametrize("named", ["0/2", "3/2", "1", "1/0", "a/b", "1/2/3", "-1/2"])
def test_a_part_that_is_none_is_refused(named):
    with pytest.raises(ValueError, match="say 1/8"):
        part(MUTANTS, named)
