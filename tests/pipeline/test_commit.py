"""Commit: what a stage comes to when it is run again is never heard of outside."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import GlobalWindows
from hosting import BOUNDED, collect, collected, row

from schemas import DeadLetter, Reason
from transforms.commit import BUCKETS, Commit, _SpreadFn

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
TWICE_AGAIN = (*BOUNDED, "--direct_runner_bundle_repeat=2")


def letter(text: str) -> DeadLetter:
    return DeadLetter.of(
        text.encode(), reason=Reason.TOO_LARGE, step="Here", detail="", occurred_at=AT, customer_id=None
    )


def _fickle(name: str) -> DeadLetter:
    return letter(f"{name} {uuid4()}")


def _heard(tmp_path, *, commit: bool) -> Counter:
    """What a service after a fickle step hears when each bundle is run three times."""
    with beam.Pipeline(options=PipelineOptions(list(TWICE_AGAIN))) as pipeline:
        records = pipeline | beam.Create(["a", "b"]) | beam.Map(_fickle).with_output_types(DeadLetter)
        if commit:
            records |= Commit(DeadLetter)
        _ = records | beam.Map(_call, str(tmp_path))
    return Counter(each.read_text() for each in tmp_path.iterdir())


def _call(record: DeadLetter, folder: str) -> None:
    Path(folder, str(uuid4())).write_bytes(record.payload)


@pytest.mark.parametrize(("commit", "different"), [(True, 2), (False, 6)])
def test_a_service_hears_one_version_of_each_record_however_often_stages_run(commit, different, tmp_path):
    heard = _heard(tmp_path, commit=commit)
    assert heard.total() == 6
    assert len(heard) == different


def test_records_come_out_as_they_went_in(tmp_path):
    letters = [letter(str(number)) for number in range(300)]
    with beam.Pipeline(options=PipelineOptions(list(BOUNDED))) as pipeline:
        created = pipeline | beam.Create(letters, reshuffle=False).with_output_types(DeadLetter)
        committed = created | Commit(DeadLetter)
        assert committed.element_type is DeadLetter
        assert isinstance(committed.windowing.windowfn, GlobalWindows)
        assert committed.windowing.is_default()
        collect(committed, "out", str(tmp_path))
    assert collected(str(tmp_path)) == Counter(map(row, letters))


def test_rows_are_spread_over_a_few_keys_and_equal_rows_meet():
    spread = _SpreadFn(DeadLetter)
    letters = [letter(str(number)) for number in range(2000)]
    keys = [next(spread.process(each))[0] for each in letters]
    assert len(set(keys)) == BUCKETS
    assert keys == [next(spread.process(each))[0] for each in letters]
