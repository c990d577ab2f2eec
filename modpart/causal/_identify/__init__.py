"""How a verdict is derived: factors, worlds, the formula to read, adjustment sets, and the proof of a "no"."""
