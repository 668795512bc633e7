"""Precision + Personality Lab: choose how a language model should sample, inside JupyterLab, with evidence."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from pplab import metrics
    from pplab.calibration import Calibration
    from pplab.errors import PplabError
    from pplab.experiments.experiment import Experiment
    from pplab.lab import Lab
    from pplab.plan.settings import Setting

__version__ = "0.1.0"
__all__ = ["Calibration", "Experiment", "Lab", "PplabError", "Setting", "__version__", "metrics"]

# Public names are loaded when first used, so that importing the package costs next to nothing.
_HOMES = {
    "Calibration": "pplab.calibration",
    "Experiment": "pplab.experiments.experiment",
    "Lab": "pplab.lab",
    "PplabError": "pplab.errors",
    "Setting": "pplab.plan.settings",
}


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return importlib.import_module("pplab.metrics")
    if name not in _HOMES:
        raise AttributeError(f"module 'pplab' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Load the lab into a shell: ``%load_ext pplab``."""
    from pplab import magic

    magic.load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take it away again: ``%unload_ext pplab``."""
    from pplab import magic

    magic.unload(shell)
