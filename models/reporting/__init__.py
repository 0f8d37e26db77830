"""What a decision manager asks on a Monday, as numbers with their uncertainty."""
