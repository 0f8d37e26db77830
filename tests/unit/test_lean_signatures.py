"""Signatures that are remembered are those that Beam finds."""

import apache_beam as beam
import pytest
from apache_beam.transforms import core
from apache_beam.transforms.userstate import get_dofn_specs
from apache_beam.typehints import decorators

from pipelines.lean_signatures import remember_signatures, remembering
from transforms.fold_per_key import FoldPerKey


class Doubled(beam.DoFn):
    def process(self, element: int, window=beam.DoFn.WindowParam, *, times: int = 2) -> list[int]:
        return [element] * times

    @staticmethod
    def still(element: int) -> int:
        return element

    @classmethod
    def of(cls, element: int = 1) -> "Doubled":
        return cls()


class Tripled(Doubled):
    def process(self, element: str) -> list[str]:
        return [element] * 3


def methods(owner):
    return [getattr(owner, name) for name in dir(owner) if callable(getattr(owner, name))]


@pytest.mark.parametrize(
    "owner", [Doubled(), Tripled(), Doubled, FoldPerKey], ids=["doubled", "tripled", "class", "transform"]
)
def test_every_signature_is_the_one_that_beam_finds(owner):
    found = remembering(decorators.get_signature)
    for _ in range(2):
        for method in methods(owner):
            assert found(method) == decorators.get_signature(method), method


def test_a_method_is_looked_at_once_whatever_it_is_bound_to():
    asked = []

    def look(func):
        asked.append(func)
        return decorators.get_signature(func)

    found = remembering(look)
    assert found(Doubled().process) is found(Doubled().process)
    assert found(Tripled().process) != found(Doubled().process)
    assert len(asked) == 2


def test_what_is_no_method_is_looked_at_each_time():
    found = remembering(decorators.get_signature)

    def plain(element: int) -> int:
        return element

    before = found(plain)
    plain.__annotations__["element"] = str
    assert found(plain) != before


def test_beam_asks_for_what_is_remembered(monkeypatch):
    for module in (core, decorators):
        monkeypatch.setattr(module, "get_signature", decorators.get_signature)
    plain = get_dofn_specs(Doubled())
    remember_signatures()
    assert core.get_signature is decorators.get_signature
    assert core.get_signature(Doubled().process) is core.get_signature(Doubled().process)
    assert get_dofn_specs(Doubled()) == plain
