"""`nextbeam dead-letters`: what could not be processed, from a run or a live place, and another try for it."""
