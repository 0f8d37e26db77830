"""How the same work grows: with actions, customers, one busy customer, events, processes."""
