"""Tables of units on the way in, and what is told about units on the way out: scores, peers, targets, reports."""
