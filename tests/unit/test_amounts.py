"""Numbers of flags, of all commands: refused before anything starts, with the rule."""

import argparse
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.amounts import COUNT, SECONDS, SHARE, Amount
from pipelines.cli import _parser, main
from pipelines.decisioning import main as job
from pipelines.stream_flags import add_stream_arguments

LIVE = ("signals", "channels", "watch", "live")


def _flags():
    """Every flag of every command, and of the streaming job."""
    stream = argparse.ArgumentParser("job")
    add_stream_arguments(stream)
    waiting = [_parser(), stream]
    while waiting:
        parser = waiting.pop()
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting += action.choices.values()
            else:
                yield parser.prog, action


def test_no_flag_takes_a_number_that_is_none_or_has_no_end():
    found = [(prog, *action.option_strings) for prog, action in _flags() if action.type is float]
    assert found == []
    assert sum(isinstance(action.type, Amount) for _, action in _flags()) >= 20


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "abc", "", "1e400"])
def test_no_amount_of_any_flag_is_one_of_these(value):
    for prog, action in _flags():
        if isinstance(action.type, Amount):
            with pytest.raises(argparse.ArgumentTypeError, match="give "):
                print(prog, action.option_strings, action.type(value))


def test_every_default_is_within_its_own_rule():
    for prog, action in _flags():
        if isinstance(action.type, Amount) and action.default is not None:
            assert action.type(str(action.default)) == action.default, prog


@pytest.mark.parametrize(
    ("line", "said"),
    [
        *((f"{name} --for inf", "--for: 'inf' will not do; give a number of seconds") for name in LIVE),
        *((f"live --haste {value}", "--haste: .* how many times as fast") for value in ("0", "-1", "nan")),
        ("channels --haste 0.5", "--haste: '0.5' will not do"),
        ("signals --rate 0", "--rate: '0' will not do; give how many a second, more than 0"),
        ("signals --malformed 2", "--malformed: '2' will not do; give a share between 0 and 1"),
        ("live --customers 1.5", "--customers: '1.5' will not do; give a whole number, 1 or more"),
        ("dead-letters replay --subscription x --rate no", "--rate: 'no' will not do"),
        ("dead-letters replay --subscription x --limit 0", "--limit: '0' will not do"),
    ],
)
def test_a_command_says_the_rule(line, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(line.split())
    assert re.search(said, capsys.readouterr().err)


@pytest.mark.parametrize("flag", ["--plan_refresh", "--most_ahead", "--log_decisions"])
@pytest.mark.parametrize("value", ["nan", "inf", "-1"])
def test_a_job_says_the_rule(flag, value, capsys):
    with pytest.raises(SystemExit, match="2"):
        job([f"{flag}={value}"])
    assert f"{flag}: '{value}' will not do" in capsys.readouterr().err


@given(st.floats() | st.integers())
def test_what_is_taken_is_what_was_given(value):
    for amount in (SECONDS, SHARE, COUNT):
        try:
            taken = amount(str(value))
        except argparse.ArgumentTypeError:
            continue
        assert taken == value
        assert math.isfinite(taken)
        assert amount.least <= taken <= amount.most
