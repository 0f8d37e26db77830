"""Catalogues of thousands of actions: what it takes to load, check and decide by them."""
