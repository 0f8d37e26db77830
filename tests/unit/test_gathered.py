"""What leaves a bundle together, without a runner: no event is lost, doubled, or given to another key."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from transforms.gathering import Keyed, _GatherFn, spread

KEYED = st.lists(st.tuples(st.sampled_from([b"", b"ada", b"chen"]), st.binary(max_size=90)), max_size=40)


def gathered(bundles: list[list[Keyed]], most_bytes: int = 10_000) -> list[Keyed]:
    """What leaves bundles that one worker has in turn."""
    step, found = _GatherFn(most_bytes), []
    for bundle in bundles:
        step.start_bundle()
        for keyed in bundle:
            found += step.process(keyed)
        found += [element.value for element in step.finish_bundle()]
    return found


@given(bundles=st.lists(KEYED, max_size=3), most_bytes=st.sampled_from([1, 100, 10_000]))
def test_events_come_out_as_they_went_in(bundles: list[list[Keyed]], most_bytes: int) -> None:
    found = gathered(bundles, most_bytes)
    wanted = Counter(keyed for bundle in bundles for keyed in bundle)
    assert Counter((key, event) for key, data in found for event in spread([data])) == wanted


def test_a_key_has_one_element_of_a_bundle_in_which_events_that_repeat_take_little_room() -> None:
    event = b'{"type":"page_view","page":"landing"}'
    found = gathered([[(b"ada", event), (b"chen", event)] * 100])
    assert [key for key, _ in found] == [b"ada", b"chen"]
    assert all(len(data) < 1_000 for _, data in found)


def test_a_bundle_of_too_many_bytes_leaves_before_its_end() -> None:
    rows = [(b"ada", b"x" * size) for size in (60, 39, 1, 50)]
    assert [len(list(spread([data]))) for _, data in gathered([rows], most_bytes=100)] == [3, 1]
