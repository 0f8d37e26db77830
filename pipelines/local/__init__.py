"""Real servers on this machine, for tests and for seeing the pipeline live."""
