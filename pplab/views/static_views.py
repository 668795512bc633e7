"""Which view draws which result, by name, so that the notebook knows it without importing either."""

STATIC_VIEWS = {
    ("pplab.experiments.experiment", "Experiment"): "experiment",
    ("pplab.calibration.stored", "Calibration"): "calibration",
    ("pplab.share.export", "Export"): "exported",
    ("pplab.models.recording", "Recording"): "told",
    ("pplab.share.regression_gate", "RegressionGate"): "told",
    ("pplab.share.import_package", "ImportReport"): "told",
    ("pplab.share.replay", "Replay"): "told",
    ("pplab.share.verify", "PackageReport"): "told",
    ("pplab.store.rebuild", "RebuildReport"): "rebuilt",
    ("pplab.analysis.records", "Comparisons"): "told",
    ("pplab.analysis.recommend", "Recommendation"): "told",
    ("pplab.analysis.sensitivity", "Sensitivity"): "told",
    ("pplab.experiments.preflight", "Preflight"): "told",
    ("pplab.experiments.probe", "Probe"): "told",
    ("pplab.analysis.verdicts", "Verdict"): "told",
}
