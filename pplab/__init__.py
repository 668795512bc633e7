"""Precision + Personality Lab: choose how a language model should sample, inside JupyterLab, with evidence."""

__version__ = "0.1.0"
