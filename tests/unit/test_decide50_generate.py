"""The generated workload of decide-50: the same bytes for the same seed, and shares as they are told."""

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.decide50.generate import __main__ as command
from benchmarks.decide50.generate import customers, visits
from benchmarks.decide50.generate.draws import Draws
from benchmarks.decide50.generate.strategy import FEATURES, PLACEMENTS
from benchmarks.decide50.generate.visits import Crowd, arrivals
from benchmarks.decide50.generate.writing import write

FILES = ("config.json", "models.npz", "customers.ndjson", "events.ndjson")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return folder, write(folder, Crowd(customers=2000, events=20_000))


@pytest.fixture(scope="module")
def events(made):
    """All whole lines, as they come."""
    found = []
    for line in (made[0] / "events.ndjson").read_text().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def test_same_bytes_for_the_same_seed(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write(tmp_path / name, Crowd(50, 500), actions=5, seed=seed)
    for file in FILES:
        a, b, c = ((tmp_path / name / file).read_bytes() for name in "abc")
        assert a == b
        assert a != c


def test_a_customer_and_an_action_are_the_same_however_many_there_are(made, tmp_path):
    write(tmp_path, Crowd(300, 100), actions=20)
    few = (tmp_path / "customers.ndjson").read_text().splitlines()
    assert few == (made[0] / "customers.ndjson").read_text().splitlines()[:300]
    few, many = (json.loads((folder / "config.json").read_text()) for folder in (tmp_path, made[0]))
    assert few["actions"] == many["actions"][:20]
    few, many = (np.load(folder / "models.npz") for folder in (tmp_path, made[0]))
    assert (few["W"] == many["W"][:20]).all()


def test_parts_do_not_depend_on_how_many_visits_are_held(monkeypatch):
    whole = [np.concatenate(column) for column in columns(Crowd(100, 3000))]
    monkeypatch.setattr(visits, "_CHUNK", 64)
    parts = [np.concatenate(column) for column in columns(Crowd(100, 3000))]
    assert len(parts[0]) == 3000
    # Sums of pauses round differently from another start; a millisecond at most.
    assert np.abs(whole[0] - parts[0]).max() <= 1
    assert Counter(whole[2].tolist()) == Counter(parts[2].tolist())


def columns(crowd):
    parts = list(arrivals(Draws(7), crowd))
    return zip(*((part.at, part.order, part.customer) for part in parts), strict=True)


def test_counts_are_what_is_told(made, events):
    folder, told = made
    lines = (folder / "events.ndjson").read_bytes().splitlines()
    assert told.events == 20_000
    assert told.lines == len(lines) == 20_100
    assert told.malformed == told.redelivered == 100
    assert told.decision_requests / told.lines == pytest.approx(0.207, abs=0.01)
    assert told.outcomes / told.lines == pytest.approx(0.22, abs=0.01)


def test_malformed_lines_are_of_four_kinds(made, events):
    lines = (made[0] / "events.ndjson").read_text().splitlines()
    assert len(lines) - len(events) == 25
    kinds = Counter(
        "nobody" if "customer_id" not in each else "type" if each["type"] == "page_viewed" else "time"
        for each in events
        if "customer_id" not in each or each["type"] == "page_viewed" or not each["ts"].endswith("Z")
    )
    assert kinds == {"nobody": 25, "type": 25, "time": 25}


def test_events_come_in_order_of_time_and_ids_and_some_twice(events):
    told = [each for each in events if each["ts"].endswith("Z")]
    repeated = 0
    for before, after in pairwise(told):
        assert (before["ts"], before["event_id"]) <= (after["ts"], after["event_id"])
        repeated += before == after
    assert repeated == 100
    assert told[0]["ts"].startswith("2026-03-01")
    assert told[-1]["ts"][:10] in ("2026-04-04", "2026-04-05")


@pytest.mark.parametrize("days", [1, 400])
def test_days_stretch_visits_and_change_nothing_else(days):
    whole, stretched = (
        [np.concatenate(column) for column in columns(crowd)]
        for crowd in (Crowd(100, 3000), Crowd(100, 3000, days=days))
    )
    day = 24 * 3600 * 1000
    assert stretched[0].max() // day in (days - 1, days)
    for at, _, _ in (whole, stretched):
        assert (np.diff(at) >= 0).all()
    # The same visits of the same customers; their events may mingle otherwise.
    pairs = [sorted(zip(order, customer, strict=True)) for _, order, customer in (whole, stretched)]
    assert pairs[0] == pairs[1]


def test_few_come_often_and_nights_are_quiet(events):
    often = Counter(each["customer_id"] for each in events if "customer_id" in each)
    assert max(often.values()) > 10 * (20_000 / 2000)
    hours = Counter(int(each["ts"][11:13]) for each in events if each["ts"].endswith("Z"))
    night, day = (sum(hours[hour] for hour in part) / len(part) for part in (range(7), range(9, 16)))
    assert 0.05 < night / day < 0.2


def test_people_are_mixed_as_they_should_be():
    people = list(customers.facts(Draws(1), np.arange(20_000)))
    tiers = Counter(each["tier"] for each in people)
    assert tiers["bronze"] / 20_000 == pytest.approx(0.5, abs=0.015)
    assert tiers["platinum"] / 20_000 == pytest.approx(0.05, abs=0.01)
    assert sum(each["consent_marketing"] for each in people) / 20_000 == pytest.approx(0.8, abs=0.015)
    assert {each["age"] for each in people} == set(range(18, 85))
    assert Counter(len(each["owned"]) for each in people).keys() == {0, 1, 2, 3}
    assert all(len(set(each["owned"])) == len(each["owned"]) for each in people)


@pytest.mark.parametrize(("customers", "skew"), [(2000, 0.1), (2000, 0.5), (1, 0.1), (2, 0.5)])
def test_skew_is_the_share_of_one_customer(customers, skew):
    of = np.concatenate([part.customer for part in arrivals(Draws(7), Crowd(customers, 50_000, skew))])
    assert of.max() < customers
    assert (of == 0).mean() == pytest.approx(1.0 if customers == 1 else skew, abs=0.01)


@pytest.mark.parametrize("events", [1, 7, 8192])
def test_exactly_so_many_events(events):
    assert sum(map(len, arrivals(Draws(2), Crowd(10, events)))) == events


def test_draws_are_even_and_of_nothing_but_seed_purpose_and_number():
    numbers = np.arange(100_000)
    values = Draws(5).uniform("a", numbers)
    assert values.min() >= 0.0
    assert values.max() < 1.0
    assert np.histogram(values, 10, (0, 1))[0] == pytest.approx(10_000, rel=0.05)
    assert (Draws(5).uniform("a", numbers[::-1])[::-1] == values).all()
    for other in (Draws(6).uniform("a", numbers), Draws(5).uniform("b", numbers), np.roll(values, 1)):
        assert abs(np.corrcoef(values, other)[0, 1]) < 0.02
    shares = np.bincount(Draws(5).weighted("w", numbers, (1, 0, 3)), minlength=3) / 100_000
    assert shares == pytest.approx([0.25, 0.0, 0.75], abs=0.01)


def test_config_has_what_a_strategy_needs(made):
    config = json.loads((made[0] / "config.json").read_text())
    assert len(config["features"]) == len(FEATURES) == 64
    assert len(config["actions"]) == 50
    assert config["page_placements"] == json.loads(json.dumps(PLACEMENTS))
    arrays = np.load(made[0] / "models.npz")
    assert arrays["W"].shape == (50, 64)
    assert arrays["b"].shape == (50,)
    assert all(action["caps"] == sorted(action["caps"]) for action in config["actions"])


@pytest.mark.parametrize(
    "wrong", ["--actions 0", "--actions 2501", "--customers 0", "--skew 1", "--seed -1", "--days 0"]
)
def test_command_refuses_what_makes_no_sense(wrong, tmp_path, capsys):
    with pytest.raises(SystemExit):
        command.main(["--out", str(tmp_path / "none"), "--events", "10", *wrong.split()])
    assert wrong.split()[0].strip("-") in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_command_tells_counts_as_json(tmp_path, capsys):
    assert command.main(["--out", str(tmp_path), "--events", "400", "--customers", "10"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["events"] == 400
    assert told["malformed"] == told["redelivered"] == 2
