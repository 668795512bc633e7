"""The calibration room: questions, answers, and the parameter ranges, scores and persona that follow from them."""

from pplab.calibration.answer_table import AnswerRow, AnswerTable
from pplab.calibration.answers import check_answers, load_answers
from pplab.calibration.derive import Derivation, derive, partial
from pplab.calibration.model_settings import ModelSettings, Reason
from pplab.calibration.move import Move
from pplab.calibration.presets import PRESETS, preset, read_answers
from pplab.calibration.questions import QUESTIONS, QUIZ_VERSION, Option, Question
from pplab.calibration.stored import Calibration

__all__ = [
    "PRESETS",
    "QUESTIONS",
    "QUIZ_VERSION",
    "AnswerRow",
    "AnswerTable",
    "Calibration",
    "Derivation",
    "ModelSettings",
    "Move",
    "Option",
    "Question",
    "Reason",
    "check_answers",
    "derive",
    "load_answers",
    "partial",
    "preset",
    "read_answers",
]
