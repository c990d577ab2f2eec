"""Gates: who routes a new row, and where a border is placed."""
