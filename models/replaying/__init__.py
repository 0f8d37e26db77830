"""What-if replay: recorded events decided anew by plans, each over its own state, and what came of it compared."""
