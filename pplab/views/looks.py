"""Which view draws which result, by name, so that a door can know it without importing either."""

LOOKS = {
    ("pplab.experiments.results", "Experiment"): "experiment",
    ("pplab.calibration.stored", "Calibration"): "calibration",
    ("pplab.share.export", "Export"): "exported",
    ("pplab.analysis.records", "Comparisons"): "told",
    ("pplab.analysis.recommend", "Recommendation"): "told",
    ("pplab.analysis.preflight", "Preflight"): "told",
    ("pplab.analysis.verdicts", "Verdict"): "told",
}
