"""Which view draws which result, by name, so that the notebook knows it without importing either."""

STATIC_VIEWS = {
    ("pplab.experiments.experiment", "Experiment"): "experiment",
    ("pplab.calibration.stored", "Calibration"): "calibration",
    ("pplab.calibration.model_settings", "ModelSettings"): "settings_of_model",
    ("pplab.share.export", "Export"): "export",
    ("pplab.models.recording", "Recording"): "report",
    ("pplab.share.regression_gate", "RegressionGate"): "report",
    ("pplab.share.migration", "Migration"): "migration",
    ("pplab.share.import_package", "ImportReport"): "report",
    ("pplab.share.replay", "Replay"): "report",
    ("pplab.share.verify", "PackageReport"): "report",
    ("pplab.store.rebuild", "RebuildReport"): "rebuild",
    ("pplab.analysis.records", "Comparisons"): "report",
    ("pplab.analysis.judge_report", "JudgeReport"): "report",
    ("pplab.analysis.ratings", "Ratings"): "ratings",
    ("pplab.experiments.rating", "RatingSession"): "rate",
    ("pplab.experiments.preflight", "Preflight"): "report",
    ("pplab.experiments.probe", "Probe"): "report",
    ("pplab.experiments.probe", "Probes"): "report",
    ("pplab.experiments.suggest_prompts", "SuggestedPrompts"): "suggested_prompts",
    ("pplab.analysis.decision", "Decision"): "verdict",
}
