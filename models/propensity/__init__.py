"""Propensity: P(positive outcome | shown) of every action at once, from arrays that were checked when loaded.

Workers need `artifact` and `scorer`, which know numpy and nothing of scikit-learn. Training needs the rest.
"""
