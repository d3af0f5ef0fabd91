"""Templates and scripts contain no untranslated text,
and styles use no physical directions such as left and right.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mediavault.web

WEB = Path(mediavault.web.__file__).parent
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
STYLES = sorted((WEB / "static").glob("*.css"))
SCRIPTS = sorted((WEB / "static").glob("*.js"))

# Names, and words that are the same in every language.
SAME_EVERYWHERE = {
    "mediavault",
    "API",
    "JSON",
    "CSV",
    "MP4",
    "SponsorBlock",
    "ZIP",
    "SHA",
    "ID",
    "Bearer",
    "F6",
    "HTTP",
    "OK",
    "ms",
    "Esc",
    "doctor",
    "serve",
    "worker",
}
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
TRANSLATED = re.compile(r"\{%-?\s*trans\b.*?endtrans\s*-?%\}", re.DOTALL)
CODE = re.compile(r"<code>.*?</code>|<kbd>.*?</kbd>|<(script|style)\b.*?</\1>", re.DOTALL)
SWITCHED_ATTRIBUTE = re.compile(
    r"%\}\s*(?:checked|disabled|hidden|open|required|selected|data-[\w-]+)\s*\{%"
)
EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
SPOKEN_ATTRIBUTE = re.compile(
    r"""\b(?:aria-label|aria-description|title|placeholder|alt|content|data-ask[\w-]*)=(?:"([^"]*)"|'([^']*)')"""
)
# a block or a macro may hold only attributes
TAG = re.compile(r"<[^>]*>|[\w-]+=\"[^\"]*\"", re.DOTALL)
WORD = re.compile(r"[A-Za-z]{2,}")
NOT_SPOKEN = re.compile(
    r"width=device-width|light dark|^video[./]\w+$|^summary_large_image$|\"allowEval\"|"
    r"^(?:no-)?(?:referrer|index)|^en, de$"
)


def bare(template: str) -> list[str]:
    """Return the visible words of a template outside ``_()`` and ``trans``."""
    text = CODE.sub(" ", TRANSLATED.sub(" ", COMMENT.sub(" ", template)))
    text = EXPRESSION.sub(" ", SWITCHED_ATTRIBUTE.sub("%}{%", text))
    spoken = [a or b for a, b in SPOKEN_ATTRIBUTE.findall(text) if not NOT_SPOKEN.search(a or b)]
    return [
        word
        for piece in (*spoken, TAG.sub(" ", text))
        for word in WORD.findall(unescaped(piece))
        if word not in SAME_EVERYWHERE
    ]


def unescaped(text: str) -> str:
    return re.sub(r"&\w+;", " ", text)


def test_the_rule_finds_bare_texts_and_ignores_marked_ones() -> None:
    assert bare(
        '<p title="Bare title">{{ _("marked") }} bare {% trans %}marked{% endtrans %}</p>'
    ) == [
        "Bare",
        "title",
        "bare",
    ]
    assert bare('<a class="quiet" href="/jobs">{% if job %}{{ job.title }}{% endif %}</a>') == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_text_of_a_template_is_marked_for_translation(path: Path) -> None:
    assert bare(path.read_text("utf-8")) == []


SENTENCE = re.compile(r"""(["'`])([A-Z][a-z]+(?: [a-z]+)+[^"'`]*)\1""")
LINE_COMMENT = re.compile(r"(?m)^\s*//.*$|\s//\s.*$")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_take_their_texts_from_the_page(path: Path) -> None:
    """A script's texts are in attributes of its page, where the catalogue reaches them."""
    assert [
        text for _, text in SENTENCE.findall(LINE_COMMENT.sub("", path.read_text("utf-8")))
    ] == []


PHYSICAL = re.compile(
    r"(?<![-\w])(?:(?:margin|padding|border|scroll-margin|scroll-padding)-(?:left|right)(?:-\w+)?|left|right|border-(?:top|bottom)-(?:left|right)-radius)\s*:"
    r"|(?:text-align|float|clear)\s*:\s*(?:left|right)\b"
)


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_styles_use_start_and_end_so_that_pages_can_be_mirrored(path: Path) -> None:
    assert [match.group() for match in PHYSICAL.finditer(path.read_text("utf-8"))] == []
