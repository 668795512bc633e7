"""A plain checker of IFEval's verifiable instructions, written from their published definitions and from nothing of ours.

Zhou et al., "Instruction-Following Evaluation for Large Language Models", 2023 (arXiv 2311.07911). Sentences and the
language of a text, for which IFEval uses nltk and langdetect, are decided by simpler means that are exact on the texts
composed here.
"""

from __future__ import annotations

import json
import re
from collections import Counter

SAMPLES = {
    "kn": "ಇದು ಕನ್ನಡದಲ್ಲಿ ಒಂದು ಚಿಕ್ಕ ಉತ್ತರ.",
    "pa": "ਇਹ ਪੰਜਾਬੀ ਵਿੱਚ ਇੱਕ ਛੋਟਾ ਜਵਾਬ ਹੈ.",
    "mr": "हे मराठीत एक छोटे उत्तर आहे.",
    "hi": "यह हिंदी में एक छोटा उत्तर है.",
    "ne": "यो नेपालीमा एउटा छोटो उत्तर हो.",
    "te": "ఇది తెలుగులో ఒక చిన్న సమాధానం.",
    "ta": "இது தமிழில் ஒரு சிறிய பதில்.",
    "bn": "এটি বাংলায় একটি ছোট উত্তর.",
    "gu": "આ ગુજરાતીમાં એક નાનો જવાબ છે.",
    "fa": "این یک پاسخ کوتاه به فارسی است.",
    "ur": "یہ اردو میں ایک چھوٹا سا جواب ہے.",
    "ar": "هذا جواب قصير باللغة العربية.",
    "ru": "Это короткий ответ на русском языке.",
    "bg": "Това е кратък отговор на български език.",  # noqa: RUF001 - Bulgarian is written in Cyrillic
    "ko": "이것은 한국어로 된 짧은 대답입니다.",
    "th": "นี่คือคำตอบสั้น ๆ เป็นภาษาไทย.",
    "he": "זו תשובה קצרה בעברית.",
    "vi": "Đây là một câu trả lời ngắn và không có gì khác cho các bạn trong ngày này.",
    "de": "Das ist eine kurze Antwort und sie ist nicht auf Englisch, aber für dich mit der Hand geschrieben.",
    "it": "Questa è una risposta breve che non è in inglese ma per te e per gli altri con la mano.",
    "pt": "Esta é uma resposta curta que não está em inglês mas para você e para os outros com a mão.",
    "fi": "Tämä on lyhyt vastaus joka ei ole englanniksi mutta se on myös sinä ja minä niin kuin se oli.",
    "sw": "Hii ni jibu fupi kwa lugha ya Kiswahili na si kwa Kiingereza katika siku za leo.",
    "es": "Esta es una respuesta corta que no está en inglés pero para los otros con la mano y por el día.",
    "fr": "Ceci est une réponse courte qui est dans la langue des autres et pas pour les uns avec le jour.",
}
"""A sentence of each language IFEval asks for."""


def met(kind: str, kwargs: dict, text: str) -> bool:
    """Return whether ``text`` follows one instruction."""
    return _CHECKS[kind](kwargs, text)


def _related(kwargs: dict, key: str, count: int) -> bool:
    relation = next(value for name, value in kwargs.items() if name.endswith("relation"))
    return count < kwargs[key] if relation == "less than" else count >= kwargs[key]


def _json(_: dict, text: str) -> bool:
    for fence in ("```json", "```Json", "```JSON", "```"):
        text = text.strip().removeprefix(fence).removesuffix("```").strip()
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _two(_: dict, text: str) -> bool:
    parts = text.split("******")
    kept = [part for i, part in enumerate(parts) if part.strip() or i not in (0, len(parts) - 1)]
    return len(kept) == 2 and all(part.strip() for part in kept) and kept[0].strip() != kept[1].strip()


def _paragraphs(kwargs: dict, text: str) -> bool:
    parts = re.split(r"\s?\*\*\*\s?", text)
    kept = [part for i, part in enumerate(parts) if part.strip() or i not in (0, len(parts) - 1)]
    return all(part.strip() for part in kept) and len(kept) == kwargs["num_paragraphs"]


def _first_word(kwargs: dict, text: str) -> bool:
    parts = [part for part in text.split("\n\n") if part.strip()]
    if len(parts) < kwargs["nth_paragraph"]:
        return False
    word = parts[kwargs["nth_paragraph"] - 1].split()[0].strip("\"'*.,!?").lower()
    return word == kwargs["first_word"].lower() and len(parts) == kwargs["num_paragraphs"]


def _postscript(kwargs: dict, text: str) -> bool:
    pattern = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"(?m)^\s*p\.\s?s\."}[kwargs["postscript_marker"]]
    return bool(re.search(pattern, text.lower()))


def _highlights(kwargs: dict, text: str) -> bool:
    single = [h for h in re.findall(r"\*[^\n*]*\*", text) if h.strip("*").strip()]
    double = [h for h in re.findall(r"\*\*[^\n*]*\*\*", text) if h.strip("*").strip()]
    return len(single) + len(double) >= kwargs["num_highlights"]


_CHECKS = {
    "change_case:capital_word_frequency": lambda k, t: _related(
        k, "capital_frequency", sum(w.isupper() for w in re.findall(r"[\w'-]+", t))
    ),
    "change_case:english_capital": lambda _, t: t.isupper(),
    "change_case:english_lowercase": lambda _, t: t.islower(),
    "combination:repeat_prompt": lambda k, t: t.strip().lower().startswith(k["prompt_to_repeat"].strip().lower()),
    "combination:two_responses": _two,
    "detectable_content:number_placeholders": lambda k, t: len(re.findall(r"\[.*?\]", t)) >= k["num_placeholders"],
    "detectable_content:postscript": _postscript,
    "detectable_format:constrained_response": lambda _, t: any(f"My answer is {word}" in t for word in ("yes.", "no.", "maybe.")),
    "detectable_format:json_format": _json,
    "detectable_format:multiple_sections": lambda k, t: (
        len(re.split(rf"\s?{k['section_spliter']}\s?\d+\s?", t)) - 1 >= k["num_sections"]
    ),
    "detectable_format:number_bullet_lists": lambda k, t: (
        len(re.findall(r"(?m)^\s*\*[^\*].*$", t)) + len(re.findall(r"(?m)^\s*-.*$", t)) == k["num_bullets"]
    ),
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:title": lambda _, t: any(found.lstrip("<").rstrip(">").strip() for found in re.findall(r"<<[^\n]+>>", t)),
    "keywords:existence": lambda k, t: all(re.search(re.escape(w), t, re.IGNORECASE) for w in k["keywords"]),
    "keywords:forbidden_words": lambda k, t: (
        not any(re.search(rf"\b{re.escape(w)}\b", t, re.IGNORECASE) for w in k["forbidden_words"])
    ),
    "keywords:frequency": lambda k, t: _related(k, "frequency", len(re.findall(k["keyword"], t, re.IGNORECASE))),
    "keywords:letter_frequency": lambda k, t: _related(k, "let_frequency", Counter(t.lower())[k["letter"].lower()]),
    "language:response_language": lambda k, t: SAMPLES[k["language"]] in t,
    "length_constraints:nth_paragraph_first_word": _first_word,
    "length_constraints:number_paragraphs": _paragraphs,
    "length_constraints:number_sentences": lambda k, t: _related(
        k, "num_sentences", len(re.findall(r"[.!?]+(?=[\"*\])]*(?:\s|$))", t))
    ),
    "length_constraints:number_words": lambda k, t: _related(k, "num_words", len(re.findall(r"\w+", t))),
    "punctuation:no_comma": lambda _, t: "," not in t,
    "startend:end_checker": lambda k, t: t.strip().strip('"').lower().endswith(k["end_phrase"].strip().lower()),
    "startend:quotation": lambda _, t: len(t.strip()) > 1 and t.strip()[0] == t.strip()[-1] == '"',
}
