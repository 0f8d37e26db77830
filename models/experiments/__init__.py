"""Experiments: which customers are decided for differently, and the hashing that deals them."""
