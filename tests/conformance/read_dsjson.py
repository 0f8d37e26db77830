"""Learns from an export with the real Vowpal Wabbit, in an environment of its own; prints what it saw as JSON.

usage: read_dsjson.py FILE
"""

import json
import sys
from pathlib import Path

import vowpalwabbit


def main(file: Path) -> dict[str, object]:
    """Feed every line to a contextual bandit learner; then ask it for a distribution."""
    learner = vowpalwabbit.Workspace("--cb_explore_adf --dsjson --epsilon 0.1 --quiet")
    lines = file.read_text("utf-8").splitlines()
    for line in lines:
        for example in (parsed := learner.parse(line)):
            assert example is not None
        learner.learn(parsed)
        learner.finish_example(parsed)
    asked = learner.parse(lines[0])
    predicted = learner.predict(asked)
    learner.finish_example(asked)
    return {
        "version": vowpalwabbit.__version__,
        "lines": len(lines),
        "learned": learner.get_weighted_examples(),
        "loss": learner.get_sum_loss(),
        "predicted": [float(each) for each in predicted],
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
