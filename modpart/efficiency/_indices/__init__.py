"""What is computed with frontiers: intervals, tests, partial frontiers, change over time, cross-efficiency, prices."""
