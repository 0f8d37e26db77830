"""What decisions cost on Dataflow, from what was measured here and from prices that can be said otherwise.

python -m benchmarks.cost [--events-per-second 1000 10000 100000] [--cpu-ms MS] [--PRICE USD ...]
python -m benchmarks.cost --write      the table of docs/operations.md and docs/cost.svg
python -m benchmarks.cost --check      whether both are what this computes
python -m benchmarks.cost --measure    sizes and shares anew, from a simulated bank
"""
