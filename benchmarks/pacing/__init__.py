"""How much of the best possible value the pacing of volume constraints gets."""
