"""Experiments: planned, run, stored and resumed."""
