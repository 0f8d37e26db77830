"""decide-50: one workload, the same job on every alternative, outputs compared before any number counts."""
