"""The plan of a run as plain values: parameters, settings, request, prompts, and the vocabulary. Pure; the lowest room."""
