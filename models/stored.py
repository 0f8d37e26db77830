"""Types of what a state holds, with bounds that a decoder checks: what is outside of them is damage.

Times and numbers within them can be added to durations of a plan in 64 bits, and moments told as dates.
"""

from typing import Annotated

from msgspec import Meta

MOST = 2**62
"""No time of a state is further from 1970, in microseconds: some 146,000 years."""
EARLIEST = -(2**54)
"""The earliest moment, in the year 1399."""
LATEST = 2**57
"""The latest moment, in the year 6537."""

Stored = Annotated[int, Meta(ge=-MOST, le=MOST)]
"""A time, or none (`NEVER`, `EVER`), in microseconds since 1970."""

Past = Annotated[int, Meta(ge=-MOST, le=LATEST)]
"""The latest of some moments, or `-NEVER` where there were none."""

Moment = Annotated[int, Meta(ge=EARLIEST, le=LATEST)]
"""When something happened, in microseconds since 1970."""

Lead = Annotated[int, Meta(ge=0, le=-EARLIEST)]
"""How much before a moment something else was, in microseconds."""

Number = Annotated[int, Meta(ge=0, le=2**53)]
"""How many, or the how manieth: exact as a double."""

Finite = Annotated[float, Meta(ge=-1.7e308, le=1.7e308)]
"""Neither infinite nor NaN."""
