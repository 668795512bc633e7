"""Which view draws which result, by name, so that a door can know it without importing either."""

LOOKS = {
    ("pplab.experiments.results", "Experiment"): "experiment",
    ("pplab.calibration.stored", "Calibration"): "calibration",
    ("pplab.share.export", "Export"): "exported",
    ("pplab.models.tape", "Recording"): "told",
    ("pplab.share.check", "Gate"): "told",
    ("pplab.share.imports", "Imported"): "told",
    ("pplab.share.replay", "Replay"): "told",
    ("pplab.share.verify", "PackageReport"): "told",
    ("pplab.store.rebuild", "RebuildReport"): "rebuilt",
    ("pplab.analysis.records", "Comparisons"): "told",
    ("pplab.analysis.recommend", "Recommendation"): "told",
    ("pplab.analysis.preflight", "Preflight"): "told",
    ("pplab.experiments.estimate", "Preflight"): "told",
    ("pplab.experiments.probe", "Probe"): "told",
    ("pplab.analysis.verdicts", "Verdict"): "told",
}
