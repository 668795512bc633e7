"""Stock phrases of English: openings, endings and praise that have been read a thousand times before."""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 80
"""Words up to which a text can consist of stock phrases; in a longer one a few of them weigh nothing."""

_PHRASES: Final = (
    # openings and endings of stories
    r"once upon a time|(?:long,? )?long (?:time )?ago|in a (?:land|kingdom|galaxy) far,? far away|happily ever after"
    r"|it was (?:a dark and stormy night|all (?:just )?a dream)|little did (?:he|she|they|i|we) know|and they all lived"
    r"|the (?:sun was|birds were) (?:shining|singing)|in the middle of nowhere|time stood still|a blessing in disguise"
    # similes and idioms that have lost their picture
    r"|(?:white|cold) as (?:snow|ice)|(?:busy|busy as) as a bee|quiet as a mouse|light as a feather|brave as a lion|sly as a fox"
    r"|fast as lightning|clear as (?:day|crystal)|bright as the sun|strong as an ox|blue as the sky|like (?:a shining"
    r" star|a dream come true)"
    r"|at the end of the day|think outside (?:of )?the box|last but not least|(?:only|just) the tip of the iceberg"
    r"|avoid .{0,6}like the plague"
    r"|easier said than done|better late than never|every cloud has a silver lining|time will tell|the calm before the storm"
    r"|in the blink of an eye|heart of gold|head over heels|love at first sight|stars? in the (?:night )?sky|a breath"
    r" of fresh air"
    r"|take it to the next level|hit the ground running|follow your (?:dreams|heart|passion)|(?:the )?sky(?:'s| is) the limit"
    r"|(?:live|living) (?:life )?to the fullest|make(?:s)? your dreams come true|dreams? (?:do )?come true|reach for the stars"
    r"|roses are red|violets are blue|sugar is sweet"
    # praise and advertising
    r"|(?:the )?best (?:\w+ ){0,3}(?:in (?:town|the (?:city|world|business))|around|ever|for you|of the best)"
    r"|(?:quality|taste|service|results?) (?:you can (?:trust|count on|rely on|taste)|guaranteed)|you(?:'ll| will)"
    r" love it|you deserve the best"
    r"|(?:your|a) one[- ]stop[- ]shop|(?:good|great) (?:food|coffee|things?|times?|people|vibes|prices|service"
    r"|taste),? (?:good|great) \w+"
    r"|second to none|something for everyone|fun for the whole family|world[- ]class|top[- ]notch|state[- ]of[- ]the[- ]art"
    r"|we (?:care about|put) (?:our |you)\w*|come (?:on in|and (?:see|try|visit)|visit us)|where (?:\w+ )?(?:dreams"
    r"|quality) (?:come|meets?)"
    # what language models write
    r"|in today's (?:\w+[- ]){0,3}world|(?:rich |vibrant )?tapestry of|(?:stands as )?a testament to|in the heart of"
    r"|nestled (?:in|between|among)"
    r"|unlock (?:the|your) \w+|elevate your|embark on a|hustle and bustle|a symphony of|game[- ]changer|(?:is|was) a"
    r" (?:nice|good|great|beautiful) (?:day|place|thing|time)"
)
_CLICHES = re.compile(rf"\b(?:{_PHRASES})\b", re.IGNORECASE)


def stock_share(prose: str, words: int) -> float:
    """Return the share of a short text's words that stand in stock phrases.

    Examples
    --------
    >>> stock_share("The best coffee in town.", 5), stock_share("Slow mornings, strong brews.", 4)
    (1.0, 0.0)
    """
    if words > LONGEST:
        return 0.0
    found = _CLICHES.findall(prose.replace("\u2019", "'"))
    return min(1.0, sum(len(phrase.split()) for phrase in found) / words)
