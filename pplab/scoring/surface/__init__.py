"""The four surface scores and the diversity of a set: texts in, values out. No other room is needed."""
