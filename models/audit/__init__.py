"""The audit: records are sealed, and every decision can be recomputed from what was recorded."""
