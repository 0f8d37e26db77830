"""decide-50 by `FoldPerKey` with a state cell and a timer for each customer, on bounded input.

    python -m benchmarks.decide50.stateful DATA OUT

`nextbeam run` groups bounded input and folds each customer at once; this is the host of streaming jobs, fed from files.
The lines are put into one file, customers first: this host folds events as they come. Records are sealed and written as
`nextbeam run` writes them.
"""

import sys
from pathlib import Path

import apache_beam as beam

from benchmarks.decide50.folds import lines
from pipelines.endpoints import ReadFiles, WriteFolder
from pipelines.locate import OUTPUTS, find_mapping
from pipelines.options import beam_options
from schemas import DeadLetter, Decision, Feedback
from transforms.decide import DecideNextBestAction
from transforms.decode import DecodeOutcomes, DecodeSignals
from transforms.plan_source import PlanSource
from transforms.sealing import Seal
from transforms.session_context import Events


def main(data: Path, out: Path) -> None:
    """Decide everything."""
    out.mkdir(parents=True, exist_ok=True)
    together = out / "signals.jsonl"
    with together.open("wb") as file:
        file.writelines(line + b"\n" for line in lines(data))
    plan = PlanSource(str(data / "plan")).as_launched()
    with beam.Pipeline(options=beam_options([])) as pipeline:
        _connect(pipeline, plan, str(together), str(out))
    together.unlink()


def _connect(pipeline: beam.Pipeline, plan: PlanSource, signals: str, out: str) -> None:
    read = pipeline | "ReadSignals" >> ReadFiles([signals])
    none = pipeline | "ReadOutcomes" >> ReadFiles([])
    decoded = read | DecodeSignals(plan, mapping=str(find_mapping("decide_50")))
    answered = none | DecodeOutcomes(plan)
    decided = Events(decoded.events, answered.events) | DecideNextBestAction(plan, host="stateful")
    letters = (decoded.dead_letters, answered.dead_letters, decided.dead_letters)
    records = {
        "decisions": decided.decisions | "SealDecisions" >> Seal(Decision),
        "feedback": decided.feedback | "SealFeedback" >> Seal(Feedback),
        "sessions": decided.sessions,
        "dead_letters": letters | "DeadLetters" >> beam.Flatten().with_output_types(DeadLetter),
    }
    for name in OUTPUTS:
        records[name] | f"Write_{name}" >> WriteFolder(out, name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
