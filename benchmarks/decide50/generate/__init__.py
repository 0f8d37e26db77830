"""The decide-50 workload: signals of customers of five brands, who they are, a strategy of actions and its models."""
