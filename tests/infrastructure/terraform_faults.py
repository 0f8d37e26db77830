"""The faults of terraform_mutants.yaml: each a text in a file of terraform/, and what stands instead of it."""

import re
from collections.abc import Mapping


def faulty(sound: str, mutant: Mapping[str, str]) -> str:
    """The text of a file with the fault in it; how the text to replace is laid out does not matter.

    Raises:
      ValueError: That text is not there exactly once: the catalogue is behind the configuration.
    """
    pattern = r"\s+".join(map(re.escape, mutant["text"].split()))
    if (times := len(re.findall(pattern, sound))) != 1:
        raise ValueError(f"{mutant['file']}: {mutant['text']!r} occurs {times} times, not once")
    return re.sub(pattern, lambda found: mutant["instead"], sound)
