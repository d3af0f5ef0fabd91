"""Every language is complete: each text has a translation, and each translation fits its text."""

from __future__ import annotations

import ast
import io
import re
from functools import cache

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from scripts.assets import LOCALES, ROOT, SOURCE, texts_of_the_code

from tests.syntax import nodes

LANGUAGES = sorted(path.parents[1].name for path in LOCALES.glob("*/LC_MESSAGES/mediavault.po"))
PLACEHOLDER = re.compile(r"%\((\w+)\)(s|d|\.\df)")
TAG = re.compile(r"</?\w+[^>]*>|`[^`]*`|MEDIAVAULT_\w+")


wanted_texts = cache(texts_of_the_code)


@cache
def catalogue(language: str) -> Catalog:
    source = LOCALES / language / "LC_MESSAGES" / "mediavault.po"
    return read_po(io.BytesIO(source.read_bytes()), locale=language)


def messages(language: str) -> dict[tuple[str | None, str], Message]:
    return {(entry.context, first(entry.id)): entry for entry in catalogue(language) if entry.id}


def first(text: str | tuple[str, ...] | list[str]) -> str:
    return text if isinstance(text, str) else text[0]


def forms(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [text or ""] if text is None or isinstance(text, str) else list(text)


def test_there_is_german() -> None:
    assert "de" in LANGUAGES


def test_the_texts_of_every_module_that_translates_are_collected() -> None:
    """The doctor's were lost once, when its folder was renamed."""
    marked = re.compile(r"\b(gettext|ngettext|pgettext|N_|_)\(\s*\"")
    modules = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if "presentation.translation import" in (text := path.read_text()) and marked.search(text)
    }
    collected = {name for entry in wanted_texts() for name, _line in entry.locations}

    assert "app/doctor/checks.py" in modules
    assert modules - collected == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_holds_the_texts_of_the_code_and_no_others(language: str) -> None:
    """`make words` updates a catalogue from the code; then translate the new texts."""
    known = messages(language)
    wanted = {(entry.context, first(entry.id)) for entry in wanted_texts() if entry.id}

    assert {
        "missing": sorted(wanted - set(known), key=str),
        "unused": sorted(set(known) - wanted, key=str),
    } == {
        "missing": [],
        "unused": [],
    }
    assert not catalogue(language).obsolete


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    """Empty or fuzzy translations are shown in English, in the middle of another language."""
    bad = [
        key
        for key, entry in messages(language).items()
        if entry.fuzzy or not all(forms(entry.string))
    ]

    assert bad == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_has_the_forms_of_its_language(language: str) -> None:
    wanted = catalogue(language).num_plurals
    bad = [
        key
        for key, entry in messages(language).items()
        if entry.pluralizable and len(forms(entry.string)) != wanted
    ]

    assert bad == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_placeholders_markup_and_names_of_its_text(language: str) -> None:
    """A missing placeholder loses a fact, and an extra one breaks the page. Commands,
    settings and tags are never translated.
    """
    bad = []
    for entry in messages(language).values():
        for text, translation in zip(
            forms(entry.id)[-1:] * len(forms(entry.string)), forms(entry.string), strict=True
        ):
            same = set(PLACEHOLDER.findall(text)) >= set(PLACEHOLDER.findall(translation)) and (
                entry.pluralizable
                or set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(translation))
            )
            if not same or sorted(map(without_placeholders, TAG.findall(text))) != sorted(
                map(without_placeholders, TAG.findall(translation))
            ):
                bad.append((text, translation))

    assert bad == []


def without_placeholders(mark: str) -> str:
    """Replace a command's own placeholders, which may be translated: ``mediavault answer ID``."""
    return re.sub(r"\b(?!MEDIAVAULT_)[A-Z]{2,}\b", "…", mark)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_percent_sign_is_part_of_a_placeholder(language: str) -> None:
    """The texts of pages are formatted, in which a lone one is an error."""
    translations = [text for entry in messages(language).values() for text in forms(entry.string)]

    assert [
        text for text in translations if "%" in PLACEHOLDER.sub("", text).replace("%%", "")
    ] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_ends_as_its_text_does(language: str) -> None:
    """A sentence stays a sentence, a label stays a label."""
    bad = [
        (text, translation)
        for entry in messages(language).values()
        for text, translation in zip(forms(entry.id), forms(entry.string), strict=False)
        if translation
        and (text.rstrip()[-1:] in ".?!…") != (translation.rstrip()[-1:] in ".?!…")
        and entry.context is None
    ]

    assert bad == []


def calls_inside_f_strings(source: str) -> list[int]:
    """Return the lines on which a text is marked inside an f-string,
    where Babel does not see it before Python 3.12.
    """
    marks = {"gettext", "ngettext", "pgettext", "N_", "_"}
    return [
        call.lineno
        for text in nodes(source)
        if isinstance(text, ast.JoinedStr)
        for call in ast.walk(text)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in marks
        if isinstance(call.args[0], ast.Constant)
    ]


def test_no_text_is_marked_inside_an_f_string() -> None:
    calls = {
        str(path): lines
        for path in (ROOT / "src").rglob("*.py")
        if (lines := calls_inside_f_strings(path.read_text()))
    }

    assert calls_inside_f_strings("x = f\"{gettext('It broke.')}\"") == [1]
    assert calls == {}
