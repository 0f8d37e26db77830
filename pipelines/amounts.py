"""Numbers that flags take: finite, within a range, and with the rule in the text where they are not."""

import argparse
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Amount:
    """A type for argparse.

    Args:
      rule: What to give, e.g. "a share between 0 and 1".
      least: The smallest that is taken.
      most: The largest.
      above: The smallest is not taken itself.
      whole: Only whole numbers are.
    """

    rule: str
    least: float
    most: float
    above: bool = False
    whole: bool = False

    def __call__(self, text: str) -> float:
        """The number.

        Raises:
          ArgumentTypeError: With the rule.
        """
        try:
            value = int(text) if self.whole else float(text)
        except ValueError:
            value = math.nan
        if not self.least <= value <= self.most or (self.above and value == self.least):
            raise argparse.ArgumentTypeError(f"{text!r} will not do; give {self.rule}")
        return value


_LONGEST_S = 1e9
"""Some thirty years, which every clock and timer can count."""

SECONDS = Amount("a number of seconds, more than 0 and at most 1e9", 0, _LONGEST_S, above=True)
SECONDS_OR_NONE = Amount("a number of seconds, 0 to 1e9", 0, _LONGEST_S)
RATE = Amount("how many a second, more than 0 and at most 100000", 0, 100_000, above=True)
SHARE = Amount("a share between 0 and 1", 0, 1)
HASTE = Amount("how many times as fast, 1 to 1e9", 1, 1e9)
COUNT = Amount("a whole number, 1 or more", 1, math.inf, whole=True)
