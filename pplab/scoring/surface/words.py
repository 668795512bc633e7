"""What is known about single words: how rare they are, which only hold sentences together, and their inflected forms."""

from __future__ import annotations

import functools
from pathlib import Path

FUNCTION = -1.0
"""The value `lexicon` gives to function words, whose frequency says nothing about rarity."""


def word_set(words: str) -> frozenset[str]:
    """Return the words of a list written as text."""
    return frozenset(words.split())


FUNCTION_WORDS = word_set(
    # articles, conjunctions, prepositions
    "a an the and or but nor so yet for of in on at by to from with without within into onto over under about above below "
    "after before between beyond through throughout during against among amid upon toward towards across along around "
    "behind beneath beside besides despite except inside outside near off out up down per than as like via "
    "if then because while whereas although though until till unless since when whenever where wherever whether "
    # pronouns, determiners
    "i me my mine myself you your yours yourself yourselves he him his himself she her hers herself it its itself "
    "we us our ours ourselves they them their theirs themselves who whom whose which what whatever whoever this that "
    "these those there here some any no none each every either neither both all few many much more most less least "
    "several such own same other others another anyone anything anybody everyone everything everybody someone something "
    "somebody nobody nothing "
    # auxiliaries, negation, question words, plain adverbs
    "am is are was were be been being do does did doing done have has had having will would shall should can could may "
    "might must ought not never how why just only also too very quite rather even still again once ever now almost "
    "already always often perhaps maybe however therefore thus hence instead else "
    # contractions, whole and as some tokenisers leave them
    "s t d m ll re ve n't don didn doesn isn aren wasn weren hasn haven hadn couldn wouldn shouldn won ain "
    "i'm i've i'd i'll you're you've you'd you'll he's he'd he'll she's she'd she'll it's it'd it'll we're we've we'd "
    "we'll they're they've they'd they'll that's that'd that'll there's here's what's who's who'd where's how's let's "
    "don't didn't doesn't isn't aren't wasn't weren't hasn't haven't hadn't couldn't wouldn't shouldn't won't can't "
    "cannot ain't mustn't needn't"
)
"""Closed-class words of English. They carry grammar, not content."""

TASK_WORDS = word_set(
    "write writing written rewrite essay article story post blog email letter poem song lyrics limerick haiku "
    "summary summarise summarize describe description explain explanation list name give provide create generate "
    "make compose draft tell talk discuss imagine show use using used include including contain mention add put "
    "start begin end finish wrap repeat follow following please want like need help let ensure sure entire whole "
    "response responses reply answer answers question request prompt prompted prompts text word words sentence "
    "sentences paragraph paragraphs section sections line lines bullet bullets point points item items keyword "
    "keywords letters capital lowercase uppercase comma commas quotation marks mark markdown json format title "
    "headings table bracket brackets double angular exactly times time appear least than wp rf eu cw tt ip"
)
"""Words that say what to do, not what about. The last six are the tags of r/WritingPrompts."""

THING_WORDS = word_set(
    "ideas names tips examples reasons ways options facts jokes questions suggestions steps slogans titles recipes books "
    "movies songs benefits advantages disadvantages items points things alternatives taglines features strategies principles "
    "lessons topics headlines recommendations places foods exercises goals risks limericks haikus riddles quotes"
)
"""What lists are asked of ("five ideas")."""

RAREST = 2.5
"""The Zipf value below which a word is not in the table; an unknown word is taken to be this rare."""


@functools.cache
def lexicon() -> dict[str, float]:
    """Return every known word with its Zipf value, function words with `FUNCTION`.

    The Zipf value (van Heuven et al. 2014) is log10 of the occurrences per billion words: 7 for *the*, 3 for a word met
    once in a million. The table holds the 55,000 English words of wordfreq 3.1 from 2.5 up (``data/README.md``);
    it takes about 15 ms to load, once, on the first score.
    """
    import gzip

    table: dict[str, float] = {}
    packed = Path(__file__).with_name("data") / "english_zipf.txt.gz"
    for line in gzip.decompress(packed.read_bytes()).decode("ascii").split("\n"):
        zipf, _, words = line.partition(" ")
        table.update(dict.fromkeys(words.split(" "), float(zipf)))
    table.update(dict.fromkeys(FUNCTION_WORDS, FUNCTION))
    return table


def is_known(word: str) -> bool:
    """Say whether ``word`` (lower case), or the word it is derived from by a regular ending, is English.

    Examples
    --------
    >>> is_known("lighthouses"), is_known("florensceizzlingn")
    (True, False)
    """
    table = lexicon()
    if word in table:
        return True
    return any(
        word.endswith(suffix) and len(word) > len(suffix) + 2 and word[: -len(suffix)] + back in table
        for suffix, back in _DERIVED
    )


_DERIVED = (
    ("'s", ""),
    ("s", ""),
    ("es", ""),
    ("ies", "y"),
    ("ed", ""),
    ("ed", "e"),
    ("ing", ""),
    ("ing", "e"),
    ("ly", ""),
    ("ily", "y"),
    ("er", ""),
    ("er", "e"),
    ("est", ""),
    ("ness", ""),
    ("iness", "y"),
    ("less", ""),
    ("ish", ""),
    ("like", ""),
    ("able", ""),
)

_ENDINGS = ("", "s", "es", "ed", "d", "ing", "er", "ers", "or", "ly", "'s", "ion", "ions", "al", "ment", "ness", "y", "n")


@functools.lru_cache(maxsize=4096)
def forms(word: str) -> frozenset[str]:
    """Return the written forms a reader would count as the same word: plural, tenses, and near derivations.

    Examples
    --------
    >>> sorted(forms("dragon") & {"dragons", "dragon's", "drag"})
    ["dragon's", 'dragons']
    >>> "robbers" in forms("robbery") or "robber" in forms("robbery")
    True
    """
    stems = {word}
    for suffix in ("'s", "ies", "es", "s", "ied", "ed", "ing", "ly", "ion", "ment", "ness", "ery", "er", "or", "al", "y", "e"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            stems.add(word[: -len(suffix)])
    out = {word}
    for stem in stems:
        out.update(stem + ending for ending in _ENDINGS if len(stem) + len(ending) > 2)
        if len(stem) >= 3:
            out.update((stem + "ies", stem + "ied", stem + "e", stem + "ery"))
            out.update(stem + stem[-1] + ending for ending in ("ed", "ing", "er", "ers", "y"))
    return frozenset(out)
