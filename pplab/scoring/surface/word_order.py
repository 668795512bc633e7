"""Word order: neighbours that English never has, sentences that stop before they end, and sentences without a verb.

Only closed-class words are looked at, whose grammar is known without a dictionary of word classes; the classes and what may not
follow them are those of any reference grammar (Quirk et al., "A Comprehensive Grammar of the English Language", 1985).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, pairwise, product
from typing import TYPE_CHECKING, Final

from pplab.scoring.surface.words import FUNCTION_WORDS, word_set

if TYPE_CHECKING:
    from pplab.scoring.surface.text import Reading

VERBLESS: Final = 5
"""Words from which on a sentence of prose has a verb."""

LONGEST: Final = 120
"""Words up to which sentences without a verb are looked for; in a longer text they are a matter of style."""

_DETERMINERS = word_set("a an the my your our their its every")
_NOMINATIVES = word_set("i he she we they")
_OBJECTS = word_set("me him us them")
_FINITE_BE = word_set("am is are was were isn't aren't wasn't weren't")
_FINITE = _FINITE_BE | word_set("has had does did hasn't hadn't doesn't didn't")
_MODALS = word_set("would should could shall cannot can't won't wouldn't couldn't shouldn't")
_NOUN_MODALS = word_set("will can may might must")  # "the will", "a must", "in May": modals, and nouns too
_PASTS = word_set(
    "went came took gave knew grew flew drew threw ate began sang swam wrote drove chose froze became fell shook blew "
    "sat stood brought bought caught taught told heard kept slept wept swept ran met sent understood"
)
"""Irregular past tenses that are no nouns and no adjectives."""
_STRICT_PREPOSITIONS = word_set("of from with at into onto upon among towards toward during")
_COORDINATORS = word_set("and or but nor")
_SUBORDINATORS = word_set("because although though unless whereas than if")
_DEGREE = word_set("very")


def _pairs(first: frozenset[str], second: frozenset[str]) -> product[tuple[str, str]]:
    return product(sorted(first), sorted(second))


_IDIOMS = frozenset(
    {("of", "if"), ("from", "if"), ("at", "or"), ("and", "or"), ("or", "and"), ("had", "had"), ("my", "my"), ("very", "very")}
    | {("the", "then"), ("the", "us"), ("from", "to"), ("in", "to"), ("at", "and"), ("do", "is"), ("do", "was"), ("did", "was")}
    | {("is", "is"), ("was", "was")}
)
"""What occurs all the same: "and/or", "had had", "my, my", "the US", "AT&T", "all I could do was"."""

IMPOSSIBLE: Final = (
    frozenset(
        chain(
            _pairs(
                _DETERMINERS,
                _DETERMINERS
                | _NOMINATIVES
                | _OBJECTS
                | _FINITE
                | _MODALS
                | _PASTS
                | _STRICT_PREPOSITIONS
                | _COORDINATORS
                | _SUBORDINATORS
                | {"to", "in", "for", "by", "been", "be"},
            ),
            _pairs(_STRICT_PREPOSITIONS, _NOMINATIVES | _FINITE | _MODALS | _PASTS | _COORDINATORS | {"of", "to", "be"}),
            _pairs(frozenset({"to"}), _NOMINATIVES | _FINITE | _MODALS | _PASTS | {"to", "of", "been"}),
            _pairs(frozenset({"for", "in", "by"}), _NOMINATIVES | {"of", "to", "be"}),
            _pairs(
                _FINITE_BE,
                _FINITE | _MODALS | _PASTS - word_set("told heard kept sent met understood caught taught brought bought swept"),
            ),
            _pairs(word_set("has had have"), _FINITE - {"had"} | _MODALS),
            _pairs(word_set("does did do"), _FINITE | _MODALS | _PASTS),
            _pairs(_MODALS | _NOUN_MODALS, _FINITE | _MODALS | _PASTS),
            _pairs(_NOMINATIVES, _DETERMINERS | _OBJECTS | _NOMINATIVES | _STRICT_PREPOSITIONS | {"to"}),
            _pairs(_COORDINATORS, _COORDINATORS),
            _pairs(_DEGREE, _DETERMINERS | _FINITE | _MODALS | _STRICT_PREPOSITIONS | _COORDINATORS | _NOMINATIVES | {"to"}),
            _pairs(frozenset({"i"}), word_set("is are has does")),
            _pairs(word_set("he she"), word_set("am are have do")),
            _pairs(word_set("we they"), word_set("am is was has does")),
        )
    )
    - _IDIOMS
)
"""Neighbours within a sentence that no grammar of English has."""


_ALL_DETERMINERS = word_set(
    "the a an his her its my our your their this that these those all some any no each every another both many more "
    "most one such what "
    "which whose"
)
_PREPOSITIONS = word_set(
    "of in on at by to from with into onto over under about after before between through during against across along "
    "around behind "
    "without within near for as than like until toward towards upon among off out up down since"
)
_SUBJECTS = word_set("i you he she it we they there who this that these those what which")
_AUXILIARIES = word_set("is are was were am has have had do does did will would can could should may might must shall")
_PRONOUNS = word_set("me him us them it you her")
_CONJUNCTIONS = word_set(
    "and or but nor because if while although when where that than as until since before after so whether though unless"
)
_ADVERBS = word_set("not never also just only still even now once always often quite very too so more about there then")
USUAL: Final = frozenset(
    chain(
        _pairs(_PREPOSITIONS | _CONJUNCTIONS, _ALL_DETERMINERS | _PRONOUNS | _PREPOSITIONS - {"of"}),
        _pairs(_CONJUNCTIONS, _SUBJECTS | _AUXILIARIES | _ADVERBS | {"be"}),
        _pairs(_SUBJECTS, _AUXILIARIES | _ADVERBS | word_set("all both to in")),
        _pairs(_AUXILIARIES, _ADVERBS | _ALL_DETERMINERS | _SUBJECTS | _PREPOSITIONS | word_set("be been being")),
        _pairs(
            word_set("be been being have having to not"),
            _ALL_DETERMINERS | _ADVERBS | _PREPOSITIONS | word_set("be been have do"),
        ),
        _pairs(_PRONOUNS, _PREPOSITIONS | _ALL_DETERMINERS | _CONJUNCTIONS),
        _pairs(
            _ALL_DETERMINERS - _DETERMINERS, _ALL_DETERMINERS | _SUBJECTS | _AUXILIARIES | word_set("of to in and or than as")
        ),
        _pairs(_ADVERBS, _ALL_DETERMINERS | _ADVERBS | word_set("much many few than in to as be been")),
        _pairs(_SUBJECTS, _SUBJECTS - word_set("i he she we they")),
    )
)
"""Pairs of closed-class words that are usual neighbours ("in the", "it was", "and then")."""

OPEN_ENDS: Final = frozenset(
    _DETERMINERS - {"its"} | _COORDINATORS | word_set("of from into onto than because although unless whereas whose during")
)
"""Words that end no sentence."""

_STOPPED = re.compile(rf" (?:{'|'.join(sorted(OPEN_ENDS))})[.!?](?![\w.])")
_ARTICLES = re.compile(r" a(?: (?=[aeio])(?!one?\b|once\b|eu)|n (?=[bcdgjkpqtvwyz][a-z]))")
"""An article that does not fit the sound after it, as far as letters tell."""
_SMALL_BEGINNING = re.compile(r"[.!?](?<=[a-z]{4}.) +(?=[a-z]{2})")
"""A sentence that begins with a small letter, in a text that has capitals."""

_COMMON_VERBS = word_set(
    "accept add agree allow answer appear apply arrive ask avoid bake be beat become begin believe belong boil break "
    "bring build burn "
    "buy call care carry catch cause change check choose claim clean climb close come consider contain continue cook cost count "
    "cover create cross cry cut dance deal decide deliver depend describe die discover do draw dream drink drive drop eat end "
    "enjoy enter exist expect explain face fail fall fear feel feed fight fill find finish fit float fly follow forget "
    "form gather "
    "get give glow go grow guess hang host insist happen hate have hear help hide hit hold hope hunt hurt imagine "
    "improve include increase "
    "involve join jump keep kill kiss knock know land laugh lay lead learn leave let lie lift like listen live look "
    "lose love make "
    "mark mean meet miss mix move need notice occur offer open order pass pay pick plan play point pour prefer prepare press "
    "prevent produce promise protect prove provide pull push put raise reach read realize receive reduce refer rely remain "
    "remember remind remove repeat reply report require rest return ride ring rise roll run save say see seem sell "
    "send serve set "
    "shake share shine shout show shut sing sit sleep slip smell smile sound speak spend spread stand start stay steal stir stop "
    "strike suggest support swim take talk taste teach tell tend thank think throw touch travel treat trust try turn understand "
    "use visit wait wake walk want warm warn wash waste watch wear win wish wonder work worry write yell"
)


def _with_endings(verb: str) -> set[str]:
    stem = verb[:-1] + "ie" if verb.endswith("y") and verb[-2] not in "aeiou" else verb
    return {verb, stem + "s", verb + "es"}


_FINITE_WORDS: Final = (
    frozenset(chain.from_iterable(map(_with_endings, sorted(_COMMON_VERBS))))
    | (_FINITE | _MODALS | _NOUN_MODALS | _PASTS)
    | word_set(
        "have don't didn't ain't i'm i've i'd i'll you're you've you'd you'll he's he'd he'll she's she'd she'll it's it'd it'll "
        "we're we've we'd we'll they're they've they'd they'll that's that'd that'll there's here's what's who's who'd where's "
        "how's let's haven't mustn't needn't s m re ve ll d said made had found left lost felt thought saw rose spoke "
        "won paid led held hit put "
        "set cut let read spent built wrote woke wore paid laid rang stuck swore tore bent hung dug fed fled"
    )
)


@dataclass(frozen=True, slots=True)
class WordOrder:
    """What is wrong with the order of a text's words.

    Attributes
    ----------
    impossible : int
        Neighbours that English never has, articles that do not fit, and full stops after a word that ends no sentence.
    stopped : int
        Sentences that begin with a small letter after a full stop, in a text that has capitals.
    verbless : float
        Share of the words that stand in sentences of at least `VERBLESS` words without anything that could be a finite verb;
        0 for a long text and one with lines of their own (lists, verses).
    unusual : int
        Neighbouring closed-class words that are no usual neighbours; 0 for a long text.
    """

    impossible: int
    stopped: int
    verbless: float
    unusual: int


def word_order(reading: Reading) -> WordOrder:
    """Measure what is wrong with the order of words.

    Examples
    --------
    >>> from pplab.scoring.surface.text import read
    >>> word_order(read("The keeper of the light had counted the ships."))
    WordOrder(impossible=0, stopped=0, verbless=0.0, unusual=0)
    >>> word_order(read("Keeper the of light counted had ships the."))
    WordOrder(impossible=2, stopped=0, verbless=0.0, unusual=1)
    """
    impossible = len(_ARTICLES.findall(reading.prose))
    if not IMPOSSIBLE.isdisjoint(pairwise(reading.words)):
        impossible += sum(sum(map(IMPOSSIBLE.__contains__, pairwise(sentence))) for sentence in reading.sentences)
    if not OPEN_ENDS.isdisjoint(sentence[-1] for sentence in reading.sentences):
        impossible += len(_STOPPED.findall(reading.prose))
    stopped = 0 if reading.prose.islower() else len(_SMALL_BEGINNING.findall(reading.prose))
    verbless = unusual = 0
    if len(reading.words) <= LONGEST:
        unusual = sum(
            pair not in USUAL and pair[0] in FUNCTION_WORDS and pair[1] in FUNCTION_WORDS
            for sentence in reading.sentences
            for pair in pairwise(sentence)
        )
    if len(reading.words) <= LONGEST and not reading.free_lines:
        verbless = sum(len(sentence) for sentence in reading.sentences if _has_no_verb(sentence))
    return WordOrder(impossible, stopped, verbless / len(reading.words), unusual)


def _has_no_verb(sentence: list[str]) -> bool:
    return len(sentence) >= VERBLESS and _FINITE_WORDS.isdisjoint(sentence) and not any(word.endswith("ed") for word in sentence)
