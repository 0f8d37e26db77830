"""`nextbeam dead-letters`: what could not be processed, from a run or a live place, and another try for it."""

NO_MAPPING = "none"
"""What a mapping is called where there is none."""

TABLE = "dead_letters"
"""The table of a dataset that has them."""
