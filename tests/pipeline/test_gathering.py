"""Gather: events of a key travel together, and none is lost, doubled or given to another key."""

from collections import Counter

import apache_beam as beam
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transforms.gathering import Gather, Keyed, spread

FEW = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
KEYED = st.lists(st.tuples(st.sampled_from([b"", b"ada", b"chen"]), st.binary(max_size=90)), max_size=40)


@given(rows=KEYED, most_bytes=st.sampled_from([1, 100, 10_000]))
@FEW
def test_events_come_out_as_they_went_in(rows: list[Keyed], most_bytes: int) -> None:
    def same(found: list[Keyed]) -> None:
        assert Counter((key, event) for key, data in found for event in spread([data])) == Counter(rows)

    with TestPipeline() as pipeline:
        gathered = pipeline | beam.Create(rows).with_output_types(Keyed) | Gather(most_bytes)
        assert_that(gathered, same)


def test_what_a_bundle_has_of_a_key_is_one_element_and_small() -> None:
    rows = [(b"ada", b'{"type":"page_view","page":"landing"}')] * 200

    def one(found: list[Keyed]) -> None:
        [(_, data)] = found
        assert len(data) < 1_000
        assert list(spread([data])) == [event for _, event in rows]

    with TestPipeline() as pipeline:
        bundle = pipeline | beam.Create(rows, reshuffle=False).with_output_types(Keyed)
        assert_that(bundle | Gather(), one)
