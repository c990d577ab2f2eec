"""A partition in plain words: rules, effects, sentences and their table."""
