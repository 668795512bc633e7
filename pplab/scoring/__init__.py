"""Who scores an answer: the surface scores, the metrics that users register, and their registry."""
