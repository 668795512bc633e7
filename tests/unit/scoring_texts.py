"""Texts that the tests of the metrics share: sound prose, gibberish, and what is no prose at all."""

from __future__ import annotations

import json

PROSE = (
    "The lighthouse stood at the edge of the cliff, and its beam swept across the black water. Every nine seconds the "
    "lamp turned, and for a moment the gulls on the railing were as white as paper. The keeper, an old man with a limp, "
    "counted the ships the way other people count sheep. On the night of the storm he counted one too few. He climbed the "
    "stairs with a lantern in his hand, and from the gallery he saw a mast that leaned against the rocks."
)
PLAIN = (
    "I went to the shop because we had no milk. The shop was closed and I went home. My sister was at home and she was "
    "not happy about it. We had tea with no milk in it and then we talked about the weather."
)
SALAD = (
    "passing explains errorHandlerse dodhtearing exclusively looks onlyatl benefitingiox hour spec Guinea regular "
    "youngamongNew accessesrowsable Lapopoulos guke REQUIRE causeeten Feiner steps author contradicts scientists studying "
    "drinks stick research dread florensceizzlingnaensure mfattado effect Klein sicher suggestingcoh sig impending"
)
CODE = "```python\nimport os\nfor i, x in enumerate(xs):\n    os.remove(f'{x}.tmp')\n```\n"
FRENCH = "Le ciel est bleu parce que la lumière du soleil est diffusée par les molécules de l'air, et pas dans les nuages."
CHINESE = "从前有一座山，山上有一座庙。" * 10  # noqa: RUF001 - Chinese has wide commas

NOT_PROSE = {
    "empty": "",
    "spaces": " \n\t ",
    "emoji": "\U0001f600\U0001f680" * 20,
    "NUL": "\0" * 300,
    "code": CODE * 3,
    "French": FRENCH,
    "Chinese": CHINESE,
}

HOSTILE = {
    **NOT_PROSE,
    "one letter": "a",
    "1 MB of one word": "a" * 1_000_000,
    "1 MB of words": "a " * 500_000,
    "1 MB of full stops": ". " * 500_000,
    "1 MB of newlines": "\n" * 1_000_000,
    "1 MB of brackets": "(" * 1_000_000,
    "1 MB of square brackets": "[" * 1_000_000,
    "1 MB of open JSON": '{"a":' * 200_000,
    "1 MB of stars": "*" * 1_000_000,
    "1 MB of pipes": "|" * 1_000_000,
    "1 MB of table rows": "| a |\n" * 160_000,
    "1 MB of quotation marks": '"' * 1_000_000,
    "1 MB of gibberish words": " ".join(f"x{'qzk'[i % 3]}v{'abcdefgh'[i % 8]}w" for i in range(160_000)),
    "1 MB of open fences": "```\n" * 250_000,
    "1 MB of links": "[a](" * 250_000,
    "lone surrogates": "bad \ud800 text here. " * 20,
    "bidirectional": "\u202eevil\u202c text \u2066here\u2069 " * 20,
    "nested quotes": "> " * 5000 + "x",
    "combining": "Z" + "\u0301\u0328" * 500,
    "JSON": json.dumps({"a": [1, {"b": None}], "text": "hello there"}) * 3,
    "numbers": "3.14159 2,718 42 " * 50,
}
