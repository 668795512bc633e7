"""The calibration room: questions, answers, and the parameter ranges, scores and persona that follow from them."""

from pplab.calibration.answers import check_answers, load_answers
from pplab.calibration.derive import Derivation, Move, derive, partial
from pplab.calibration.presets import PRESETS, preset, read_answers
from pplab.calibration.questions import QUESTIONS, QUIZ_VERSION, Option, Question
from pplab.calibration.stored import Calibration

__all__ = [
    "PRESETS",
    "QUESTIONS",
    "QUIZ_VERSION",
    "Calibration",
    "Derivation",
    "Move",
    "Option",
    "Question",
    "check_answers",
    "derive",
    "load_answers",
    "partial",
    "preset",
    "read_answers",
]
