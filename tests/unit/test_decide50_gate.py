"""The equality gate of decide-50 finds every fault that can be planted."""

import json
from copy import deepcopy

import pytest

from benchmarks.decide50 import gate


def decision(number):
    offers = [
        {"action": f"A{number:03d}", "rank": 1, "priority": 1.5 + number, "reasons": ["age", "dwell"]},
        {"action": "A900", "rank": 2, "priority": 0.0123, "reasons": ["n_click", "age"]},
    ]
    return {
        "event_id": f"e{number}",
        "placements": [{"placement": "hero", "offers": offers}, {"placement": "tiles", "offers": []}],
        "policy": {"candidates": 50, "ineligible": 20, "suppressed": 0},
        "session": {"n": 3, "dwell_s": 1.0},
    }


def dead(raw):
    return {"dead_letter": "cut off", "raw": raw}


RIGHT = [*(decision(number) for number in range(5)), dead("{"), dead("{"), dead("x")]


def write(path, records):
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    return path


@pytest.fixture
def judged(tmp_path):
    """The verdict on other records."""

    def judge(records):
        right = write(tmp_path / "right", RIGHT)
        return gate.compare(right, write(tmp_path / "other", records))

    return judge


def offer(records, place=0):
    return records[2]["placements"][0]["offers"][place]


def swap(records):
    """The same actions the other way round, ranks told as they stand."""
    offers = records[2]["placements"][0]["offers"]
    offers[0]["action"], offers[1]["action"] = offers[1]["action"], offers[0]["action"]


FAULTS = {
    "missing": (lambda r: r.pop(0), lambda v: v.missing),
    "extra": (lambda r: r.append(decision(9)), lambda v: v.extra),
    "twice": (lambda r: r.append(r[0]), lambda v: v.twice),
    "swapped ranks": (swap, lambda v: v.different["offers"]),
    "other rank told": (lambda r: offer(r).update(rank=2), lambda v: v.different["offers"]),
    "other action": (lambda r: offer(r).update(action="A017"), lambda v: v.different["offers"]),
    "offer missing": (lambda r: r[2]["placements"][0]["offers"].pop(), lambda v: v.different["offers"]),
    "placement missing": (lambda r: r[2]["placements"].pop(), lambda v: v.different["offers"]),
    "other placement": (
        lambda r: r[2]["placements"][0].update(placement="x"),
        lambda v: v.different["offers"],
    ),
    "other reasons": (
        lambda r: offer(r).update(reasons=["dwell", "age"]),
        lambda v: v.different["reasons"],
    ),
    "other count": (lambda r: r[2]["policy"].update(ineligible=21), lambda v: v.different["policy"]),
    "count missing": (lambda r: r[2]["policy"].pop("suppressed"), lambda v: v.different["policy"]),
    "other session": (lambda r: r[2]["session"].update(n=4), lambda v: v.different["session"]),
    "priority off": (lambda r: offer(r).update(priority=3.50005), lambda v: v.different["priority"]),
    "small priority off": (lambda r: offer(r, 1).update(priority=0.0124), lambda v: v.different["priority"]),
    "dead letter missing": (lambda r: r.pop(), lambda v: v.dead_missing),
    "one of two equal dead letters missing": (lambda r: r.pop(-2), lambda v: v.dead_missing),
    "dead letter twice": (lambda r: r.append(dead("x")), lambda v: v.dead_extra),
    "other dead letter": (lambda r: r[-1].update(raw="y"), lambda v: v.dead_missing and v.dead_extra),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_finds_a_planted_fault(fault, judged):
    plant, counted = FAULTS[fault]
    other = deepcopy(RIGHT)
    plant(other)
    verdict = judged(other)
    assert not verdict.same
    assert counted(verdict) == 1
    assert verdict.examples
    assert str(verdict).startswith("DIFFERENT")


def test_order_reasons_of_dead_letters_and_the_sixth_place_say_nothing(judged):
    other = deepcopy(RIGHT)[::-1]
    other[0]["dead_letter"] = "in other words"
    other[-1]["placements"][0]["offers"][0]["priority"] += 1e-6
    del other[-1]["placements"][0]["offers"][0]["rank"]
    verdict = judged(other)
    assert verdict.same, verdict
    assert str(verdict).startswith("the same: 5 decisions of 5")


@pytest.mark.parametrize("number", ["null", '"1.5"', "NaN"])
def test_a_priority_that_is_no_number_cannot_be_compared(number, tmp_path):
    right = write(tmp_path / "right", RIGHT)
    text = right.read_text().replace('"priority": 1.5', f'"priority": {number}', 1)
    (tmp_path / "other").write_text(text)
    with pytest.raises(ValueError, match="line 1"):
        gate.compare(right, tmp_path / "other")


def test_faults_in_the_reference_count_too(tmp_path):
    right = write(tmp_path / "right", [*RIGHT, RIGHT[0]])
    assert gate.compare(right, write(tmp_path / "other", RIGHT)).twice == 1


@pytest.mark.parametrize("reference", [[], [dead("x")]])
def test_nothing_is_not_the_same_as_nothing(reference, tmp_path):
    path = write(tmp_path / "right", reference)
    with pytest.raises(ValueError, match="has no decision"):
        gate.compare(path, path)


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"event_id": "e"}', '{"raw": "x"}'])
def test_a_line_that_is_neither_is_named(line, tmp_path):
    right = write(tmp_path / "right", RIGHT)
    other = tmp_path / "other"
    other.write_text(right.read_text() + line + "\n")
    with pytest.raises(ValueError, match="other, line 9: "):
        gate.compare(right, other)


def test_reads_a_folder_of_parts(tmp_path):
    right = write(tmp_path / "right", RIGHT)
    parts = tmp_path / "parts"
    parts.mkdir()
    write(parts / "a", RIGHT[:3])
    write(parts / "b", RIGHT[3:])
    assert gate.compare(right, parts).same


@pytest.mark.parametrize(("change", "code"), [(None, 0), ("A900", 1), ("{", 2)])
def test_command_says_it_with_its_exit_code(change, code, tmp_path, capsys):
    right = write(tmp_path / "right", RIGHT)
    other = tmp_path / "other"
    text = right.read_text()
    other.write_text(text.replace(change, "A901" if code == 1 else "", 1) if change else text)
    assert gate.main([str(right), str(right), str(other)]) == code
    said = capsys.readouterr()
    assert ("DIFFERENT" in said.out) == (code == 1)
    assert bool(said.err) == (code == 2)


def test_command_misses_a_file(tmp_path, capsys):
    right = write(tmp_path / "right", RIGHT)
    assert gate.main([str(right), str(tmp_path / "none")]) == 2
    (tmp_path / "empty").mkdir()
    assert gate.main([str(right), str(tmp_path / "empty")]) == 2
    assert "none" in capsys.readouterr().err
