"""Golden: malformed inputs and the exact words that users see about them."""

import base64
import json
from pathlib import Path

import pytest

from models.decoding import Decoder, Rejection, dead_letter
from models.plan.load import load_plan
from schemas import Outcome, Signal

TESTS = Path(__file__).resolve().parents[1]
CASES = json.loads((TESTS / "golden" / "malformed_inputs.json").read_text("utf-8"))
SPEC = load_plan(TESTS / "plans" / "small").spec
DECODERS = {"Signal": Decoder(Signal, SPEC), "Outcome": Decoder(Outcome, SPEC)}


def _payload(case):
    text = case["payload"].encode() if "payload" in case else base64.b64decode(case["payload_base64"])
    return text + b" " * case.get("padded_by", 0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"].replace(" ", "-"))
def test_a_malformed_input_is_refused_in_these_words(case):
    rejection = DECODERS[case["contract"]].decode(_payload(case))
    assert isinstance(rejection, Rejection)
    assert (rejection.reason.value, rejection.detail) == (case["reason"], case["detail"])
    letter = dead_letter(rejection, step="Decode", payload=_payload(case))
    assert (letter.reason.value, letter.detail) == (case["reason"], case["detail"])


def test_there_are_at_least_twenty_cases():
    assert len({case["case"] for case in CASES}) == len(CASES) >= 20
