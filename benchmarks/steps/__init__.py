"""What each step of a decision costs by itself, in microseconds of thread CPU."""
