"""The live widgets, one a module, and the base they share."""
