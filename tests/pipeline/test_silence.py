"""SilentUntil: of a replay is heard what nobody has heard before, and what comes of it is as if all had been."""

from collections import Counter
from datetime import UTC, datetime

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import CombiningValueStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import TimestampedValue
from hosting import BOUNDED, STREAMING, TestStream, collect, collected, row

from models.times import SECOND
from pipelines.locate import UsageError
from pipelines.stream_flags import _moment
from transforms.silence import SilentUntil

UNTIL = 100


class _Count(beam.DoFn):
    """How many a key has had, told for each, and once more at 120 s of event time."""

    SUM = CombiningValueStateSpec("sum", sum)
    DUE = TimerSpec("due", TimeDomain.WATERMARK)
    EARLY = TimerSpec("early", TimeDomain.WATERMARK)

    def process(
        self,
        keyed,
        total=beam.DoFn.StateParam(SUM),
        due=beam.DoFn.TimerParam(DUE),
        early=beam.DoFn.TimerParam(EARLY),
    ):
        total.add(1)
        due.set(120)
        early.set(90)
        yield f"{keyed[1]}: {total.read()}"

    @on_timer(EARLY)
    def before(self):
        yield "at 90"

    @on_timer(DUE)
    def after(self, total=beam.DoFn.StateParam(SUM)):
        yield f"at 120: {total.read()}"


def test_only_what_follows_from_later_messages_and_timers_is_heard_and_it_counts_the_earlier(tmp_path):
    """The third message is the third of its key, though nobody heard of the other two."""
    arriving = TestStream(coder=beam.coders.PickleCoder()).with_output_types(tuple[str, str])
    for at, name in ((10, "a"), (99, "b"), (100, "c"), (110, "d")):
        arriving = arriving.add_elements([TimestampedValue(("k", name), at)]).advance_watermark_to(at)
    with beam.Pipeline(options=PipelineOptions(list(STREAMING))) as pipeline:
        told = (
            pipeline | arriving.advance_watermark_to_infinity() | beam.ParDo(_Count()).with_output_types(str)
        )
        heard = told | SilentUntil(UNTIL * SECOND)
        assert heard.element_type is str
        collect(heard, "heard", str(tmp_path))
    assert collected(str(tmp_path)) == Counter(map(row, ["c: 3", "d: 4", "at 120: 4"]))


def test_the_moment_itself_is_heard():
    with beam.Pipeline(options=PipelineOptions(list(BOUNDED))) as pipeline:
        stamped = pipeline | beam.Create([99.999999, 100.0]) | beam.Map(lambda at: TimestampedValue(at, at))
        assert_that(stamped | SilentUntil(UNTIL * SECOND), equal_to([100.0]))


def test_a_moment_has_a_zone():
    assert _moment("2026-11-21T09:30Z") == datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    assert _moment("2026-11-21T11:30+02:00") == datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    assert _moment(None) is None


@pytest.mark.parametrize(("text", "why"), [("soon", "is no time"), ("2026-11-21T09:30", "of which zone")])
def test_what_is_no_moment_is_refused(text, why):
    with pytest.raises(UsageError, match=why):
        _moment(text)
