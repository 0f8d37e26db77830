"""decide-50 by our folds alone, without a runner: bytes of each line in, bytes of each record out.

    python -m benchmarks.decide50.folds DATA OUT

Decodes each line as `nextbeam run` does, folds it in the order in which it comes, and encodes what comes out as it
would cross to the next step; OUT has the records, each behind its length and kind. `records` reads them again.
What a sink does beyond that, seals and Parquet, is left out, as it is in the peers.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from models.collector import settle
from models.decide import Event
from models.decoding import Decoder, Rejection, dead_letter
from models.folds import Fold, Output, advance
from models.mapping import load_mapping
from models.plan.compiled import Plan
from models.times import NEVER
from pipelines.locate import find_mapping
from schemas import CONTRACTS, Signal
from schemas.packing import encoder

FILES = ("customers.ndjson", "events.ndjson")
_STEP = "DecodeSignals"
_TAGS: dict[Any, bytes] = {contract: bytes([tag]) for tag, contract in enumerate(CONTRACTS)}
_LENGTH = 4


def decoder(plan: Plan) -> Decoder:
    """Of the workload's lines, under our plan for it."""
    return Decoder(Signal, plan.spec, reshape=load_mapping(find_mapping("decide_50")).reshape)


def lines(data: Path) -> Iterator[bytes]:
    """All lines, customers first, without their ends."""
    for name in FILES:
        with (data / name).open("rb") as file:
            for line in file:
                yield line.rstrip(b"\n")


def load(data: Path) -> Plan:
    """Our plan for the workload."""
    return Plan.load(data / "plan")


def folded(plan: Plan, payloads: Iterable[bytes]) -> Iterator[Output]:
    """All that comes out of the payloads, in the order in which they come, and of what is due after the last."""
    fold: Fold[Any, Event] = plan.decide_fold()
    decode = decoder(plan).decode
    states: dict[str, Any] = {}
    for payload in payloads:
        event = decode(payload)
        if isinstance(event, Rejection):
            yield dead_letter(event, step=_STEP, payload=payload)
        elif isinstance(event, tuple):
            continue  # left out by the mapping's own rule
        else:
            state = states.get(event.customer_id)
            state, outputs = advance(fold, fold.initial() if state is None else state, event)
            states[event.customer_id] = state
            yield from outputs
    for state in states.values():
        yield from fold.expire(state, NEVER)[1]


def write(outputs: Iterable[Output], file: BinaryIO) -> None:
    """The records among the outputs."""
    encode = encoder()
    for output in outputs:
        tag = _TAGS.get(type(output))
        if tag is not None:
            data = encode(output)
            file.write(len(data).to_bytes(_LENGTH, "big") + tag + data)


def records(path: Path) -> Iterator[Any]:
    """What was written."""
    decoders = [msgspec.msgpack.Decoder(contract).decode for contract in CONTRACTS]
    with path.open("rb") as file:
        while head := file.read(_LENGTH + 1):
            yield decoders[head[_LENGTH]](file.read(int.from_bytes(head[:_LENGTH], "big")))


def main(plan: Plan, data: Path, out: Path) -> None:
    """Fold everything."""
    with out.open("wb") as file:
        write(folded(plan, lines(data)), file)


if __name__ == "__main__":
    ours = load(Path(sys.argv[1]))
    settle()
    main(ours, Path(sys.argv[1]), Path(sys.argv[2]))
