"""Answers that give nothing: a question back, the prompt again, stock phrases (refusals: `pplab.scoring.refusals`)."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

from pplab.scoring.surface.text import words_of
from pplab.scoring.surface.words import FUNCTION, TASK_WORDS, forms

if TYPE_CHECKING:
    from pplab.scoring.surface.text import Reading

LONGEST: Final = 120
"""Words from which on an answer gives something, whatever it begins or ends with."""

OWN: Final = 0.2
"""Share of an answer's content words that are not the prompt's below which it says nothing of its own."""
ECHOED: Final = 0.5
"""Share of an answer's neighbouring words that are neighbours in the prompt too from which on it is the prompt again."""

Evasion = Literal["asks back", "echoes", "says nothing", ""]

_SENTENCE = re.compile(r"(?<=[.!?:])[\"')*\u201d]{0,2}\s+|\n+")
_ASKS_FOR_DETAILS = re.compile(
    r"(?:could|can|would|will) you (?:please |kindly |also )?(?:tell|give|provide|share|clarify|specify|let|explain"
    r"|describe|elaborate"
    r"|paste|confirm) (?:me|us|more|a|some|the|what|which|your|how)\b"
    r"|\b(?:what|which|how) (?:would|do) you (?:like|want)\b|\bplease (?:provide|share|clarify|specify|paste)\b"
    r"|\b(?:in mind|looking for|audience|tone|style|vibe|theme|occasion|details?|context|prefer|preferences?|called"
    r"|named|brand|specific\w*"
    r"|what (?:kind|sort|type)|who is (?:it|this) for|focus on|should (?:i|it|the))\b[^.!?]{0,80}\?"
)
"""What only somebody asks who has yet to write the thing."""
_ASKS_BACK = re.compile(
    r"(?:(?:could|can|would|will) you (?:please |kindly |also )?(?:tell|give|provide|share|clarify|specify|let|explain"
    r"|describe|elaborate|be"
    r"|send|paste|say|confirm)\b"
    r"|\b(?:what|which|who|how|where|when)\b[^.!?]{0,60}\b(?:you|your|yours)\b[^.!?]{0,80}\?|\b(?:do|are|have|did)"
    r" you\b[^.!?]{0,100}\?"
    r"|\bwould you (?:like|prefer|rather)\b|\bplease (?:provide|share|tell|clarify|specify|give|send|paste|let"
    r"|describe|explain|confirm)\b"
    r"|\blet me know (?:what|which|more|how|who|a|the|your|if|about)\b|\b(?:i(?:'d| would|'ll| will)?|we) (?:would "
    r"|will |do |just )?need"
    r" (?:to know |a |some |the )?(?:bit |little |few )?(?:more|details?|information|context|know)\b"
    r"|\bwh(?:at|ich) (?:kind|type|sort|style|tone|one)s?\b[^.!?]{0,60}\?|\b(?:any|some) (?:preferences?"
    r"|specifics?)\b[^.!?]{0,60}\?"
    r"|\bis (?:it|this|that) (?:for|about)\b[^.!?]{0,60}\?|\bwh(?:at|ich) ?(?:\w+ )?(?:is|'s|are) (?:the|it|this"
    r"|your)\b[^.!?]{0,60}\?)"
)
_WANTS_QUESTIONS = re.compile(
    r"\b(?:question|questions|ask|riddle|joke|quiz|survey|interview|line|message|text|email|reply|note|letter|invit\w+|rewrite|rephrase|make|formal|polite\w*|thank|apolog\w+|caption|headline|title|tagline|slogan|motto)\b"
)
_STOCK = re.compile(
    r"(?:[\W_]*)(?:"
    r"(?:sure|certainly|of course|absolutely|okay|ok|great|yes|no problem|definitely|gladly|hello|hi|hey|thanks|thank"
    r" you|good question)"
    r"[\W]*(?:thing|there|i can (?:help|do that)[^.!?:]{0,50})?[\W]*\Z"
    r"|[^.!?:]{0,20}\bi(?:'d| would|'m| am|'ll| will)? ?(?:be )?(?:can |really |very |so )?(?:happy|glad|love"
    r"|delighted|here|pleased|excited|able)?"
    r" ?to (?:help|assist)\b"
    r"|[^.!?:]{0,20}\bi(?:'d| would|'m|'ll| can| could) ?(?:be |certainly |definitely |also )?(?:happy to|glad to"
    r"|delighted to|pleased to|love to|like to|going to)?"
    r" ?(?:help|write|create|draft|compose|explain|describe|suggest|give|provide|share|list|come up|tell you|make)\b"
    r"|[^.!?:]{0,20}\b(?:i can|i'll|let me) (?:certainly |definitely |gladly )?(?:help|assist|think about)\b"
    r"|(?:well|so|as you know)?\W{0,2}there (?:are|is|can be|could be|exist) (?:so |very |quite |really )?(?:many|a"
    r" lot of|lots of|numerous|several"
    r"|various|a variety of|a number of|all (?:sorts|kinds) of|countless|a wide|a great|endless|plenty|different|no"
    r" (?:one|single|easy|right|simple))\b"
    r"|(?:well|so)?\W{0,2}(?:it|that|this|the answer) (?:all |really |just )?(?:depends|varies)\b"
    r"|(?:well|so)?\W{0,2}(?:that|this|it)(?:'s| is) (?:a|an|such a|not an?|quite an?|really an?) (?:very |really "
    r"|truly |quite |extremely )?(?:great|good"
    r"|interesting|important|excellent|complex|complicated|broad|big|fascinating|tough|difficult|hard|easy|fun|wonderful|nice|tricky)\b"
    r"[^.!?:]{0,25}\b(?:question|topic|subject|idea|request|thing|one|issue|matter|task|prompt|challenge)s?\b"
    r"|[^.!?:]{0,60}\b(?:is|are|can be) (?:a |an )?(?:very |really |truly |always |extremely |so |quite )?(?:important"
    r"|interesting|complex|useful|essential|popular"
    r"|crucial|difficult|hard to say|subjective|different for everyone|a matter of (?:taste|opinion))(?: \w+){0,4}\W*\Z"
    r"|(?:it is|it's) (?:always |very )?(?:important|worth|good|best|hard|difficult) to (?:remember|note|consider|know"
    r"|say|think|keep)\b"
    r"|(?:many|different|some|most|various) (?:people|factors|things|experts)\b[^.!?:]{0,80}\b(?:different|various"
    r"|many|think|say|believe|opinions?|play|agree"
    r"|depends?|affect|involved|matter)\b"
    r"|everyone (?:is|has|likes)\b|(?:you|one) (?:can|could|might|may|should) (?:always |also )?(?:consider|think"
    r" about|look (?:at|up|into)|do (?:some )?research"
    r"|search|find (?:more|many))\b"
    r"|(?:i|we) (?:hope|trust) (?:this|that|it)\b|let me know\b|feel free\b|in (?:conclusion|summary|today's world|the end)\W*\Z"
    r"|(?:i(?:'m| am) (?:not (?:really |quite |entirely |so )?sure|unsure|no expert))\b|i (?:do not|don't|am not able"
    r" to|can't|cannot) (?:really )?(?:know|say|tell)\b"
    r"|[^.!?]{0,80}\b(?:here (?:is|are|'s|you go)|here's|below (?:is|are)|the following)\b[^.!?]{0,80}:?\W*\Z"
    r")"
)


_OFFERS = re.compile(r"\b(?:help|assist|sure|of course|certainly|absolutely|gladly|(?:happy|glad|love) to)\b")
_ABOUT_IT = re.compile(
    r"\W*(?:(?:an? |the |most |all |good |writing (?:an? )?)?(?:\w+[ -]){0,2}(?:tagline|slogan|name|title|headline"
    r"|motto|caption|joke|pun|riddle"
    r"|haiku|poem|limerick|stor(?:y|ie)|note|letter|e-?mail|message|apolog(?:y|ie)|invitation|summar(?:y|ie)|essay|list|table|recipe|speech"
    r"|toast|greeting|tweet|sentence|paragraph)(?:s|es)?(?: (?:for|about|of|to) (?:[a-z]+ ){0,4}?[a-z]+)?"
    r" (?:is|are|can|should|must|may|usually|often|always|has to|have to|consists?|contains?|helps?|requires?|needs?)\b"
    r"|(?:to|when) (?:writ|creat|mak|draft|classify|summari[sz]|rewrit)\w* [^.!?:]{0,60}\b(?:you|one|it is|it's)\b)"
)
"""A sentence about the thing that was to be written."""
_MAKES = re.compile(r"\b(?:write|compose|create|draft|give|suggest|make|come up with|think of|summari[sz]e|rewrite)\b")
_WANTS_TO_KNOW = re.compile(r"\b(?:explain|describe|discuss|what|how|why|tips|advice|guide)\b")


def evasion(reading: Reading, prompt: str) -> Evasion:
    """Return how an answer gives nothing; empty: it gives something.

    Examples
    --------
    >>> from pplab.scoring.surface.text import read
    >>> ask = "Write a tagline for a coffee shop."
    >>> evasion(read("Sure! Could you tell me more about your shop?"), ask), evasion(read("A tagline for a coffee shop."), ask)
    ('asks back', 'echoes')
    >>> evasion(read("There are many ways to look at this."), ask), evasion(read("Slow mornings, strong brews."), ask)
    ('says nothing', '')
    """
    if len(reading.words) > LONGEST or not reading.words:
        return ""
    if echoes(reading, prompt):
        return "echoes"
    low = reading.prose.lower().replace("\u2019", "'").strip()
    sentences = [sentence for sentence in _SENTENCE.split(low) if any(map(str.isalpha, sentence))]
    asks_back = _ASKS_FOR_DETAILS if _WANTS_QUESTIONS.search(prompt.lower()) else _ASKS_BACK
    asking = [bool(asks_back.search(sentence)) for sentence in sentences]
    asked = prompt.lower()
    makes = bool(_MAKES.search(asked)) and not _WANTS_TO_KNOW.search(asked)
    about = [makes and bool(_ABOUT_IT.match(sentence)) for sentence in sentences]
    if any(about[:1]):
        return "says nothing"
    stock = [about_it or bool(_STOCK.match(sentence)) for sentence, about_it in zip(sentences, about, strict=True)]
    sizes = [len(sentence.split()) for sentence in sentences]
    given = sum(size for size, asks, empty in zip(sizes, asking, stock, strict=True) if not asks and not empty)
    back = sum(size for size, asks in zip(sizes, asking, strict=True) if asks)
    helps = any(empty and _OFFERS.search(sentence) for sentence, empty in zip(sentences, stock, strict=True))
    if helps and all(empty or sentence.endswith("?") for sentence, empty in zip(sentences, stock, strict=True)) and "?" in low:
        return "asks back"
    if back and (given == 0 or given < back / 2):
        return "asks back"
    return "says nothing" if given == 0 and len(reading.words) > 1 and any(stock) else ""


def echoes(reading: Reading, prompt: str) -> bool:
    """Say whether most of an answer's words are the prompt's, in the prompt's order."""
    asked = words_of(prompt)
    if len(reading.words) < 4 or not asked:
        return False
    pairs = set(pairwise(asked))
    shared = sum(pair in pairs for pair in pairwise(reading.words)) / (len(reading.words) - 1)
    if shared < ECHOED:
        return False
    known = set(asked) | TASK_WORDS
    own = [w for w in reading.types if reading.types[w] != FUNCTION and w not in known and forms(w).isdisjoint(known)]
    content = sum(value != FUNCTION for value in reading.types.values())
    return len(own) <= OWN * content
