"""The renderer of model text and the parts of static HTML: hostile text stays text, pages are complete and equal every time."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pplab.errors import BadInput
from pplab.views import html as views
from pplab.views.records import Card, Display, Estimate
from tests import texts

ALLOWED = {
    **dict.fromkeys(
        ("p", "br", "hr", "h4", "h5", "h6", "blockquote", "ul", "li", "em", "strong", "s", "code", "pre"), frozenset()
    ),
    **dict.fromkeys(("table", "thead", "tbody", "tr", "th", "td"), frozenset()),
    "ol": {"start"},
    "a": {"href", "target", "rel"},
    "kbd": {"class"},
}
VOID = {"br", "hr", "img"}
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


class Reader(HTMLParser):
    """Collects every element with its attributes, whether it is inside model text, and the words of the whole."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None], bool]] = []
        self.open: list[tuple[str, bool]] = []
        self.inside: list[str] = []
        self.outside: list[str] = []
        self.feed(markup)
        self.close()

    @property
    def in_text(self) -> bool:
        return any(marked for _, marked in self.open)

    def handle_starttag(self, tag, attrs):
        given_ = dict(attrs)
        assert len(given_) == len(attrs), "an attribute is given twice"
        self.elements.append((tag, given_, self.in_text))
        if tag not in VOID:
            self.open.append((tag, given_.get("data-pplab") == "text"))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop()[0] == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        (self.inside if self.in_text else self.outside).append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    handle_decl = handle_pi = unknown_decl = handle_comment


def check_model_text(markup: str) -> Reader:
    """Assert that nothing but the allow-list is inside model text and that the markup is balanced."""
    reader = Reader(markup)
    assert not reader.open
    for tag, attributes, inside in reader.elements:
        if not inside:
            assert tag in {"div", "details", "summary", "p", "em", "br", "kbd"}
            continue
        assert tag in ALLOWED
        assert set(attributes) <= ALLOWED[tag]
        if tag == "a":
            assert re.match(r"(https?://|mailto:)", attributes.get("href", "mailto:"), re.IGNORECASE)  # or none: nh3 refused it
            assert attributes["rel"] == "noopener noreferrer"
        if tag == "kbd":
            assert attributes["class"] == "pplab-badge"
        if tag == "ol":
            assert attributes.get("start", "1").isdigit()
    assert not HIDDEN.search("".join(reader.inside + reader.outside))
    assert sum(attributes.get("data-pplab") == "text" for _, attributes, _ in reader.elements) == 1
    return reader


def inner(markup: str) -> str:
    return re.fullmatch(r'<div data-pplab="text"[^>]*>(.*?)</div>(?:<details.*)?', markup, re.DOTALL)[1]


@pytest.fixture(scope="module")
def hostile():
    payloads = texts.hostile()
    assert len(payloads) > 900
    return payloads


def test_every_payload_of_the_hostile_corpora_stays_text(hostile):
    for payload in hostile:
        check_model_text(views.model_html(payload))


def test_hostile_payloads_stay_text_inside_markdown_structures(hostile):
    for payload in hostile[::7]:
        for frame in (
            "[x]({})",
            "![x]({})",
            "# {}",
            "- {}",
            "|a|\n|-|\n|{}|",
            "`{}`",
            "<{}>",
            "```{}\ncode\n```",
            "[x]: {}\n\n[x]",
        ):
            check_model_text(views.model_html(frame.replace("{}", payload)))


def test_words_of_hostile_html_are_shown_as_they_are():
    payload = '<img src=x onerror="alert(1)"><form action=//evil><input name=a></form><svg/onload=alert(1)>'
    assert "".join(check_model_text(views.model_html(payload)).inside) == payload


@settings(max_examples=300)
@given(st.text(alphabet=st.characters(codec=None), max_size=400))
def test_any_string_is_rendered_safely(text):
    check_model_text(views.model_html(text))


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    "<",
                    ">",
                    '"',
                    "'",
                    "&",
                    "&#",
                    ";",
                    "x3c",
                    "[",
                    "](",
                    ")",
                    "!",
                    "`",
                    "```",
                    "~~~",
                    "*",
                    "_",
                    "|",
                    "-|",
                    "\n",
                    "\n\n",
                ),
                *(
                    "    ",
                    "javascript:",
                    "https://e.org",
                    "data:text/html,",
                    "\u202e",
                    "\x00",
                    "\ud800",
                    "\x1b[31m",
                    "\x1b]8;;",
                    "\x07",
                ),
                *(
                    "<script>",
                    "</div>",
                    "<kbd class=pplab-badge>",
                    "style=x",
                    "<!--",
                    "-->",
                    "<![CDATA[",
                    "]]>",
                    "\\",
                    "a",
                    "0",
                    "# ",
                ),
            ]
        ),
        max_size=60,
    ).map("".join)
)
def test_fragments_of_markup_never_become_markup_that_is_not_allowed(text):
    check_model_text(views.model_html(text))


def test_a_badge_cannot_be_forged():
    forged = views.model_html('<kbd class="pplab-badge">U+202E</kbd> &lt;kbd class="pplab-badge"&gt;')
    assert not any(tag == "kbd" for tag, _, _ in check_model_text(forged).elements)


@pytest.mark.parametrize("spelling", ["\u202e", "&#x202e;", "&#8238;", "`\u202e`", "```\n\u202e\n```", "[\u202e](https://e.org)"])
def test_a_bidirectional_control_becomes_a_badge_however_it_is_written(spelling):
    assert '<kbd class="pplab-badge">U+202E</kbd>' in views.model_html(f"pay {spelling} 001")


def test_emoji_and_scripts_that_need_joiners_are_left_alone():
    text = "👩‍👩‍👧 ❤️ می‌خواهم"
    assert "".join(check_model_text(views.model_html(text)).inside) == text


def test_terminal_codes_are_removed_and_a_hidden_terminal_link_keeps_only_its_words():
    assert inner(views.model_html("\x1b[1;31mred\x1b[0m \x1b]8;;http://evil\x07word\x1b]8;;\x07")) == "<p>red word</p>"


def test_markdown_is_rendered():
    markup = inner(
        views.model_html("# Title\n\n**bold** ~~gone~~ `x<1`\n\n```python\na = '<b>'\n```\n\n|a|b|\n|-|-:|\n|1|2|\n\n3. third")
    )
    for part in ("<h4>Title</h4>", "<strong>bold</strong>", "<s>gone</s>", "<code>x&lt;1</code>", "<td>2</td>", '<ol start="3">'):
        assert part in markup
    assert "class" not in markup
    assert "style" not in markup


@pytest.mark.parametrize(
    "address",
    [
        *("javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "file:///x", "ftp://x"),
        *("//evil.org", "/api/kernels", "#fragment", "https://bank.org@evil.org", "https:evil.org", "https://evil.org:port"),
    ],
)
def test_a_link_that_is_not_web_or_mail_is_shown_as_source(address):
    assert "<a" not in views.model_html(f"[click]({address}) <{address}> [r]\n\n[r]: {address}")


def test_web_and_mail_links_cannot_reach_the_page_that_opened_them():
    for address in ("https://example.org/a?b=1", "HTTP://example.org", "mailto:a@b.org"):
        assert 'rel="noopener noreferrer"' in views.model_html(f"[x]({address})")


def test_no_image_is_ever_requested():
    assert "<img" not in views.model_html("![x](https://evil.org/x.png) [![y](https://evil.org/y.png)](https://evil.org)")


def test_a_long_text_is_cut_at_a_word_and_the_rest_stands_outside_the_text():
    text = "word " * 2000
    reader = check_model_text(views.model_html(text, cap=1000))
    assert len("".join(reader.inside)) <= 1000
    assert "show more (9,0" in "".join(reader.outside)
    assert "".join(reader.inside).endswith("word")


def test_what_is_beyond_show_more_is_counted():
    outside = "".join(check_model_text(views.model_html("x" * 10_000, cap=1000)).outside)
    assert "5,000 more characters are in the data frame" in outside


@pytest.mark.parametrize(
    "piece", ["[", "![", "*a_ ", ">", "\x1b]", "\x1b[0", "\u202e", "a\u202e", "`a``", "[a](b", "- ", "~~a", "<a ", "&", "\ud800"]
)
def test_a_megabyte_of_hostile_text_is_rendered_in_a_moment(piece):
    started = time.perf_counter()
    markup = views.model_html(piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - started < 5, "about 0.1 s on an idle core"
    assert len(markup) < 600_000


def test_a_table_of_missing_cells_cannot_blow_up_the_page():
    markup = views.model_html("|" + "a|" * 300 + "\n|" + "-|" * 300 + "\n" + "a\n" * 400)
    assert len(markup) < 100_000


def test_a_parser_that_fails_leaves_the_words(monkeypatch):
    def broken():
        raise IndexError

    monkeypatch.setattr(views, "_parser", broken)
    assert inner(views.model_html("a **b** <c>")) == "<p>a **b** &lt;c&gt;</p>"


# --- cards ---


def card(**changes) -> Card:
    values = {
        "status": "ok",
        "text": "An *answer*.",
        "setting": "temperature 0.7",
        "scores": {"creativity": 0.62, "structure": None},
    }
    return Card(**{**values, **changes})


def names(markup: str) -> list[str]:
    return [a["data-pplab"] for _, a, _ in Reader(markup).elements if "data-pplab" in a]


def test_a_card_has_the_names_that_scripts_rely_on():
    markup = views.response_card(card(badges=("embedded",), input_tokens=12))
    assert names(markup) == ["card", "text", "metrics"]
    assert 'data-status="ok"' in markup
    assert "embedded" in markup
    assert "12 in" in markup


def test_the_text_of_a_card_holds_model_text_only():
    reader = Reader(views.response_card(card(badges=("embedded",))))
    assert "".join(reader.inside) == "An answer."


def test_scores_are_meters_with_names_and_a_missing_score_is_not_applicable():
    markup = views.response_card(card())
    assert '<meter value="0.62" aria-label="creativity"' in markup
    assert "n/a" in markup
    assert markup.count("<meter") == 1


@pytest.mark.parametrize("status", ["failed", "timeout", "rejected"])
def test_a_failed_card_says_what_happened_as_an_alert(status):
    markup = views.response_card(card(status=status, text="", error="502 from the server: <html>"))
    assert '<div role="alert"' in markup
    assert "502 from the server: &lt;html&gt;" in markup


@pytest.mark.parametrize("status", ["truncated", "empty", "refused", "filtered", "tool_call", "cancelled"])
def test_an_answer_that_falls_short_says_why_without_an_alert(status):
    markup = views.response_card(card(status=status))
    assert "alert" not in markup
    assert 'class="pplab-reason"' in markup


def test_cards_stand_under_their_prompt_and_setting_once():
    many = [card(prompt="Why?", setting=s, replicate=r) for s in ("temperature 0", "temperature 1") for r in range(2)]
    words = "".join(Reader(views.cards(many)).outside)
    assert words.count("Why?") == 1
    assert words.count("temperature 1") == 1


def test_cards_beyond_the_limit_are_counted():
    markup = views.cards([card()] * 105)
    assert names(markup).count("card") == 100
    assert "100 of 105 responses are shown here, 5 more are in the data frame" in markup


def test_a_hundred_ordinary_cards_fit_into_a_committed_notebook():
    many = [card(text="words " * 100, scores=dict.fromkeys(("creativity", "coherence", "structure", "completeness"), 0.5))] * 100
    assert len(views.cards(many)) < 200_000


# --- parts of a page ---


def test_numbers_stand_right_and_words_left_and_missing_values_are_named():
    markup = views.table([{"setting": "a<b", "n": 1200, "score": 0.5}, {"setting": "c", "n": 5, "score": None}], caption="Means")
    assert '<td style="text-align:left">a&lt;b</td>' in markup
    assert '<td style="text-align:right">1,200</td>' in markup
    assert '<td style="text-align:right">n/a</td>' in markup
    assert ">Means</caption>" in markup


def test_a_frame_and_its_records_give_the_same_table():
    rows = [{"n": 1, "score": 0.25, "who": "a"}, {"n": 2, "score": None, "who": None}]
    assert views.table(pd.DataFrame(rows)) == views.table(rows)


def test_headings_choose_and_order_the_columns():
    words = "".join(Reader(views.table([{"a": 1, "b": 2, "c": 3}], headings={"c": "third", "a": "first"})).outside)
    assert words == "thirdfirst31"


def test_rows_beyond_the_limit_are_counted_and_an_empty_table_says_so():
    assert "and 7 more" in views.table([{"a": n} for n in range(10)], limit=3)
    assert "nothing here yet" in views.table([])


def test_an_estimate_in_a_table_shows_its_interval():
    assert "0.62 (0.55 to 0.68)" in views.table([{"creativity": Estimate(0.62, 0.55, 0.68)}])


def test_an_error_shows_message_and_hint_but_no_correlation_id():
    markup = views.error({"code": "bad_input", "message": "n=<0>", "hint": "give n of 1 or more", "correlation_id": "c0ffee"})
    assert "n=&lt;0&gt;" in markup
    assert "give n of 1 or more" in markup
    assert "c0ffee" not in markup


def test_a_page_escapes_what_it_is_given_as_words():
    markup = views.page(
        "<b>\u202e", views.notice("warning", "<i>"), views.key_values({"<u>": "<s>", "n": None}), views.beside("<p>part</p>", "")
    )
    assert not {"b", "i", "u", "s"} & {tag for tag, _, _ in Reader(markup).elements}


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "javascript:x", "C:\\x", "//evil.org/x"])
def test_a_file_link_stays_beside_the_notebook(path):
    with pytest.raises(BadInput):
        views.file_link(path)


def test_a_file_link_quotes_its_path():
    assert views.file_link("exports/a b&c.csv") == '<a href="exports/a%20b%26c.csv" download>exports/a b&amp;c.csv</a>'


def test_a_display_shows_both_forms_and_its_repr_is_the_text():
    display = Display(html="<p>x</p>", text="x")
    assert display._repr_mimebundle_() == {"text/plain": "x", "text/html": "<p>x</p>"}
    assert repr(display) == "x"


def test_colours_are_understood_by_the_sanitiser_of_untrusted_notebooks():
    """It drops a declaration with ``var()`` and every ``<style>``; see `pplab.views.theme`."""
    markup = views.page("t", views.cards([card(), card(status="failed")]), views.table([{"a": 1}]), views.notice("info", "x"))
    assert "var(" not in markup
    assert "<style" not in markup


def test_a_table_too_wide_for_the_page_can_be_scrolled_with_the_keyboard():
    (wrapper, attributes, _), *_ = Reader(views.table([{"a": 1}])).elements
    assert wrapper == "div"
    assert attributes["tabindex"] == "0"
    assert "overflow-x:auto" in attributes["style"]
