"""What the pipeline tells of itself: metrics, objectives, log lines, trace contexts. Pure: no clock, no sink."""
