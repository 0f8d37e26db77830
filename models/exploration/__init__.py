"""Exploration: propensities drawn where little is known, and the exact probability of what was chosen."""
