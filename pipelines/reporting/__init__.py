"""`nextbeam report`: what a decision manager asks on a Monday, from the analysts' views, as a page and as text."""
