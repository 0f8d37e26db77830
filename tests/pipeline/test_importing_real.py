"""The shipped mappings on the data they are for."""

import csv
import gzip
import json
from collections import Counter
from datetime import UTC, datetime

import msgspec
import pyarrow.parquet as pq
import pytest
from realdata import data_dir

from models.decoding import Decoder, Rejection
from models.mapping import load_mapping
from pipelines.importing import import_events
from pipelines.locate import MAPPINGS, find_mapping, shipped
from schemas import Outcome, Reason, Signal


@pytest.mark.parametrize("name", shipped(MAPPINGS))
def test_every_shipped_mapping_is_good(name):
    assert load_mapping(find_mapping(name)).contracts


def signals_of(path):
    return [msgspec.json.decode(line, type=Signal) for line in path.read_bytes().splitlines()]


def test_all_events_of_the_loan_process_are_accounted_for(tmp_path):
    source = data_dir("bpic2012") / "events_first70.parquet"
    report = import_events("bpic2012", source, tmp_path / "signals.parquet")
    assert (report.rows, report.signals, report.outcomes) == (186_186, 175_331, 10_855)
    assert report.accounted
    assert not report.rejected
    rows = pq.read_table(source, columns=["activity"]).column("activity").to_pylist()
    kinds = pq.read_table(report.files[1]).column("kind").to_pylist()
    assert Counter(kinds) == {
        "Accepted": rows.count("A_ACCEPTED") + rows.count("O_SENT_BACK"),
        "Rejected": rows.count("O_CANCELLED") + rows.count("O_DECLINED"),
        "Conversion": rows.count("O_ACCEPTED"),
    }
    ids = [
        *pq.read_table(report.files[0]).column("signal_id").to_pylist(),
        *pq.read_table(report.files[1]).column("outcome_id").to_pylist(),
    ]
    assert len(set(ids)) == 186_186


def test_web_events_keep_session_time_and_page_view(tmp_path):
    source = data_dir("snowplow_web") / "snowplow_web_events.csv.gz"
    report = import_events("snowplow_web", source, tmp_path / "signals.jsonl")
    assert (report.rows, report.signals) == (160, 155)
    assert sorted((reason, detail.split(":")[0]) for reason, detail in report.rejected.elements()) == [
        (Reason.MAPPING_FAILED, "late"),
        (Reason.MAPPING_FAILED, "late"),
        (Reason.MAPPING_FAILED, "late"),
        (Reason.MAPPING_FAILED, "sessionless"),
        (Reason.MISSING_FIELD, "event.customer_id (column domain_userid) is missing"),
    ]
    with gzip.open(source, "rt", newline="") as lines:
        rows = list(csv.DictReader(lines))
    rejected = {json.loads(line)["row"] for line in report.files[1].read_bytes().splitlines()}
    taken = [row for number, row in enumerate(rows, 1) if number not in rejected]
    for signal, row in zip(signals_of(report.files[0]), taken, strict=True):
        assert signal.signal_id == row["event_id"]
        assert (signal.customer_id, signal.session_id) == (row["domain_userid"], row["domain_sessionid"])
        assert signal.occurred_at == datetime.fromisoformat(row["derived_tstamp"]).replace(tzinfo=UTC)
        assert signal.type == row["event_name"]
        context = json.loads(row["contexts_com_snowplowanalytics_snowplow_web_page_1_0_0"])
        while isinstance(context, list):
            context = context[0]
        assert signal.attributes.get("page_view_id") == context["id"]


EVENT = {
    "event_id": "e-1",
    "customer_id": "c-1",
    "brand": "aurora",
    "channel": "web",
    "type": "page_view",
    "ts": "2026-03-01T00:11:22.348Z",
    "page": "home",
    "url": "https://aurora.example/home",
    "attributes": {"device": "ios", "dwell_ms": 12, "referrer": "ads", "value": 3.5, "action": "A001"},
    "product": "P3",
}


def without(*names):
    return {name: value for name, value in EVENT.items() if name not in names}


@pytest.fixture(scope="module")
def decide_50():
    return Decoder(Signal, reshape=load_mapping(find_mapping("decide_50")).reshape)


@pytest.mark.parametrize(
    ("event", "placements"),
    [
        pytest.param(EVENT, ("hero", "tiles"), id="a-page-with-places"),
        pytest.param(EVENT | {"page": "help"}, (), id="a-page-without"),
        pytest.param(EVENT | {"type": "click"}, (), id="no-page-view"),
    ],
)
def test_page_views_of_the_benchmark_ask_for_their_page_s_placements(decide_50, event, placements):
    assert decide_50.decode(msgspec.json.encode(event)) == Signal(
        signal_id="e-1",
        customer_id="c-1",
        occurred_at=datetime(2026, 3, 1, 0, 11, 22, 348_000, tzinfo=UTC),
        type=event["type"],
        channel="web",
        brand="aurora",
        page=event["page"],
        placements=placements,
        attributes={"device": "ios", "dwell_ms": 12, "value": 3.5, "action": "A001", "product": "P3"},
    )


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (without("customer_id"), Reason.MISSING_FIELD),
        (EVENT | {"customer_id": ""}, Reason.OUT_OF_RANGE),
        (EVENT | {"event_id": 7}, Reason.WRONG_TYPE),
        (without("event_id"), Reason.MISSING_FIELD),
        (EVENT | {"ts": "yesterday"}, Reason.BAD_TIME),
        (without("page"), Reason.MISSING_FIELD),
        (without("brand"), Reason.MISSING_FIELD),
        (EVENT | {"type": None}, Reason.MISSING_FIELD),
        (EVENT | {"attributes": []}, Reason.MISSING_FIELD),
        (EVENT | {"attributes": {"device": "ios"}}, Reason.MISSING_FIELD),
        (EVENT | {"attributes": {"device": {}, "dwell_ms": 1}}, Reason.WRONG_TYPE),
    ],
)
def test_wrong_lines_of_the_benchmark_are_refused(decide_50, event, reason):
    refused = decide_50.decode(msgspec.json.encode(event))
    assert isinstance(refused, Rejection)
    assert refused.reason == reason


def test_a_customer_of_the_benchmark_is_a_profile(decide_50):
    customer = {
        "customer_id": "c-1",
        "age": 32,
        "tier": "gold",
        "consent_marketing": True,
        "owned": ["P4", "P7"],
    }
    signal = decide_50.decode(msgspec.json.encode(customer))
    assert (signal.signal_id, signal.type) == ("profile-c-1", "profile")
    assert signal.profile == {"age": 32, "tier": "gold", "consent_marketing": True, "owned": ("P4", "P7")}
    assert not isinstance(signal, Outcome)
