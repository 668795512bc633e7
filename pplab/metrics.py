"""The public names of scoring: `score`, `score_many`, `diversity`, and the decorators `metric` and `check` for your own."""

from pplab.plan.vocabulary import MetricInfo
from pplab.scoring.checks import check
from pplab.scoring.metric_value import MetricValue
from pplab.scoring.pages import doc
from pplab.scoring.registry import metric, registered, unregister
from pplab.scoring.scores import METRICS_VERSION, Scores, score, score_many
from pplab.scoring.surface.diversity import SetMeasures, diversity, set_measures

__all__ = [
    "METRICS_VERSION",
    "MetricInfo",
    "MetricValue",
    "Scores",
    "SetMeasures",
    "check",
    "diversity",
    "doc",
    "metric",
    "registered",
    "score",
    "score_many",
    "set_measures",
    "unregister",
]
