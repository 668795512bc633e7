"""The reader: a small language model on the user's machine that reads answers, by the log-probabilities of their tokens."""
