"""Which language a text is in, as far as a metric has to know: by script, and by function words within the Latin script."""

from __future__ import annotations

import re

from pplab.scoring.surface.words import word_set

SCRIPTS: dict[str, str] = {
    "Greek": "\u0370-\u03ff",
    "Cyrillic": "\u0400-\u04ff",
    "Hebrew": "\u0590-\u05ff",
    "Arabic": "\u0600-\u06ff\u0750-\u077f",
    "Devanagari": "\u0900-\u097f",
    "Bengali": "\u0980-\u09ff",
    "Gurmukhi": "\u0a00-\u0a7f",
    "Gujarati": "\u0a80-\u0aff",
    "Tamil": "\u0b80-\u0bff",
    "Telugu": "\u0c00-\u0c7f",
    "Kannada": "\u0c80-\u0cff",
    "Malayalam": "\u0d00-\u0d7f",
    "Thai": "\u0e00-\u0e7f",
    "Hangul": "\uac00-\ud7af\u1100-\u11ff",
    "Kana": "\u3040-\u30ff",
    "Han": "\u4e00-\u9fff\u3400-\u4dbf",
}
"""Unicode blocks of the scripts that are told apart."""

LANGUAGE_SCRIPTS: dict[str, tuple[str, ...]] = {
    "greek": ("Greek",),
    "russian": ("Cyrillic",),
    "bulgarian": ("Cyrillic",),
    "ukrainian": ("Cyrillic",),
    "hebrew": ("Hebrew",),
    "arabic": ("Arabic",),
    "persian": ("Arabic",),
    "farsi": ("Arabic",),
    "urdu": ("Arabic",),
    "hindi": ("Devanagari",),
    "marathi": ("Devanagari",),
    "nepali": ("Devanagari",),
    "bengali": ("Bengali",),
    "punjabi": ("Gurmukhi",),
    "gujarati": ("Gujarati",),
    "tamil": ("Tamil",),
    "telugu": ("Telugu",),
    "kannada": ("Kannada",),
    "malayalam": ("Malayalam",),
    "thai": ("Thai",),
    "korean": ("Hangul",),
    "japanese": ("Kana", "Han"),
    "chinese": ("Han",),
}
"""Languages that their script gives away (languages sharing a script are not told apart)."""

FUNCTION_WORDS: dict[str, frozenset[str]] = {
    name: word_set(words)
    for name, words in {
        "german": "der die das und ist nicht ein eine einen dem den des ich du er sie es wir ihr zu mit auf für von im "
        "auch als wie aber sich bei nach wird sind war noch nur werden kann wenn dass oder um aus so hat haben zum zur",
        "french": "le la les et est un une des du de en que qui pas ne je tu il elle nous vous ils pour dans sur avec au "
        "aux ce cette son sa ses mais ou où plus par sont être l d c qu j n s",
        "spanish": "el la los las y es un una de del en que no se por con para su sus al lo como más pero o si le ya muy "
        "está son este esta yo tú mi todo sin sobre también",
        "italian": "il lo la i gli le e è un una di del della dei in che non per con su da al alla si come più ma o se "
        "sono questo questa anche ho nel nella mi ti ci",
        "portuguese": "o a os as e é um uma de do da dos das em no na nos nas que não por com para se como mais mas ou "
        "eu você ele ela seu sua ao à foi são está também muito",
        "dutch": "de het een en is niet van in op te dat die met voor zijn er aan ik je hij ze we wij maar om ook als bij "
        "naar uit dan nog wel wat werd heeft deze dit",
        "swedish": "och det att i en jag hon som han på den med var sig för så till är men ett om hade de av icke mig du "
        "henne då nu har inte hans",
        "finnish": "ja on ei se että hän oli mutta kun niin ovat joka myös tai jos minä sinä ne tämä voi olla kuin sekä "
        "mitä vain olen ole sen hänen",
        "vietnamese": "và là của có không được một những người trong cho với các này đã để thì khi tôi bạn chúng ta như "
        "từ đó ra vào nhiều rất cũng về",
        "swahili": "na ya wa kwa ni katika la za hii cha kuwa kama au lakini yake hiyo pia hivyo sana moja watu huu vya "
        "wao yangu yako mimi wewe",
        "polish": "i w na z do nie się to że jest o a po co jak ale za od czy są przez już tylko dla ten był był jej jego",
        "turkish": "ve bir bu da de için ile çok ne o ama gibi daha var en mi ben sen kadar olarak olan her değil ki",
        "indonesian": "yang dan di ini itu dengan untuk tidak dari dalam akan pada saya kamu anda ke juga ada adalah "
        "kita mereka bisa oleh atau karena",
    }.items()
}
"""The commonest function words of the languages in Latin script that are told from English."""

_SCRIPT_PATTERNS = {name: re.compile(f"[{block}]") for name, block in SCRIPTS.items()}
_LATIN = re.compile("[a-z\u00c0-\u024f\u1e00-\u1eff]", re.IGNORECASE)


def main_script(text: str) -> str:
    """Return the script most letters of the text's first 20,000 characters are in (``Latin`` if none is seen).

    Examples
    --------
    >>> main_script("Здравствуй, world and peace to everybody")
    'Latin'
    """
    text = text[:20_000]
    if text.isascii():
        return "Latin"
    counts = {name: len(pattern.findall(text)) for name, pattern in _SCRIPT_PATTERNS.items()}
    counts["Latin"] = len(_LATIN.findall(text))
    if counts["Kana"]:
        counts["Kana"] += counts.pop("Han")
    return max(counts, key=counts.__getitem__) if any(counts.values()) else "Latin"


def other_language(text: str, words: list[str], english: int) -> str:
    """Return the language or script a text is in when that is not English, else an empty string.

    Parameters
    ----------
    text
        The text.
    words
        Its words, lower case.
    english
        How many of them are English function words.

    Notes
    -----
    A Latin-script language wins when its function words make up at least 12 % of the words and are 1.5 times as many
    as English ones; where 30 % are English nothing else is tried. Gibberish matches no language and is therefore judged
    (and scored low), not excused.
    """
    if english >= 0.3 * len(words):
        return ""
    script = main_script(text)
    if script != "Latin":
        return {"Han": "Chinese", "Kana": "Japanese", "Hangul": "Korean"}.get(script, f"{script} script")
    best, count = "", 0
    for name, function_words in FUNCTION_WORDS.items():
        matches = sum(word in function_words for word in words)
        if matches > count:
            best, count = name, matches
    return best.capitalize() if count >= 0.12 * len(words) and count > 1.5 * english and count >= 3 else ""


def is_in(text: str, language: str) -> bool | None:
    """Say whether ``text`` is in ``language`` (English name, any case); ``None`` when this cannot be told.

    Examples
    --------
    >>> is_in("Der Hund ist nicht in dem Haus und das ist gut.", "German")
    True
    >>> is_in("The dog is not in the house.", "Kannada")
    False
    """
    language = language.lower()
    if language in LANGUAGE_SCRIPTS:
        return main_script(text) in LANGUAGE_SCRIPTS[language]
    words = re.findall(r"[^\W\d_]+", text[:20_000].lower())
    if main_script(text) != "Latin" or not words:
        return False
    languages = {"english": ENGLISH, **FUNCTION_WORDS}
    if language not in languages:
        return None
    counts = {name: sum(word in members for word in words) for name, members in languages.items()}
    return max(counts, key=counts.__getitem__) == language if any(counts.values()) else None


ENGLISH = word_set(
    "the a an and or but of in on at by to from with is are was were be been it he she they we you i that this not for as "
    "his her their our my your have has had do does did will would can could if so when what who there"
)
"""The commonest function words of English, as many as of each other language."""


KNOWN = frozenset({"english", *LANGUAGE_SCRIPTS, *FUNCTION_WORDS})
"""Names of all languages `is_in` can tell, in lower case."""
