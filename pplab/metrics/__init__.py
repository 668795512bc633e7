"""Scores of texts: creativity, coherence, structure, completeness, and the diversity of a set. No other room is needed."""

from pplab.metrics.diversity import SetMeasures, diversity, set_measures
from pplab.metrics.pages import doc
from pplab.metrics.registry import MetricInfo, metric, registered, unregister
from pplab.metrics.scoring import METRICS_VERSION, Scores, score, score_many

__all__ = [
    "METRICS_VERSION",
    "MetricInfo",
    "Scores",
    "SetMeasures",
    "diversity",
    "doc",
    "metric",
    "registered",
    "score",
    "score_many",
    "set_measures",
    "unregister",
]
