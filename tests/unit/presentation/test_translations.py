"""Every language is whole: what the pages say has a translation, and each fits its text."""

from __future__ import annotations

import ast
import io
import re
from functools import cache

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from scripts.assets import LOCALES, ROOT, SOURCE, texts_of_the_code

LANGUAGES = sorted(path.parents[1].name for path in LOCALES.glob("*/LC_MESSAGES/mediavault.po"))
PLACE = re.compile(r"%\((\w+)\)(s|d|\.\df)")
TAG = re.compile(r"</?\w+[^>]*>|`[^`]*`|MEDIAVAULT_\w+")


@cache
def catalogue(language: str) -> Catalog:
    source = LOCALES / language / "LC_MESSAGES" / "mediavault.po"
    return read_po(io.BytesIO(source.read_bytes()), locale=language)


def messages(language: str) -> dict[tuple[str | None, str], Message]:
    return {(one.context, first(one.id)): one for one in catalogue(language) if one.id}


def first(text: str | tuple[str, ...] | list[str]) -> str:
    return text if isinstance(text, str) else text[0]


def forms(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [text or ""] if text is None or isinstance(text, str) else list(text)


def test_there_is_german() -> None:
    assert "de" in LANGUAGES


def test_the_texts_of_every_module_that_translates_are_collected() -> None:
    """The doctor's were lost once, when its folder got another name."""
    marked = re.compile(r"\b(gettext|ngettext|pgettext|N_|_)\(\s*\"")
    modules = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if "presentation.translation import" in (text := path.read_text()) and marked.search(text)
    }
    collected = {name for one in texts_of_the_code() for name, _line in one.locations}

    assert "app/doctor/checks.py" in modules
    assert modules - collected == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_holds_the_texts_of_the_code_and_no_others(language: str) -> None:
    """`make words` brings a catalogue up to the code; then translate what is new."""
    known = messages(language)
    wanted = {(one.context, first(one.id)) for one in texts_of_the_code() if one.id}

    assert {"missing": sorted(wanted - set(known), key=str), "unused": sorted(set(known) - wanted, key=str)} == {
        "missing": [],
        "unused": [],
    }
    assert not catalogue(language).obsolete


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    """Empty or unsure translations are shown in English, in the middle of another language."""
    bad = [key for key, one in messages(language).items() if one.fuzzy or not all(forms(one.string))]

    assert bad == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_has_the_forms_of_its_language(language: str) -> None:
    wanted = catalogue(language).num_plurals
    bad = [key for key, one in messages(language).items() if one.pluralizable and len(forms(one.string)) != wanted]

    assert bad == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_places_marks_and_names_of_its_text(language: str) -> None:
    """A lost place loses a fact, an invented one breaks the page; commands, settings and elements are the same in all languages."""
    bad = []
    for one in messages(language).values():
        for text, said_there in zip(forms(one.id)[-1:] * len(forms(one.string)), forms(one.string), strict=True):
            same = set(PLACE.findall(text)) >= set(PLACE.findall(said_there)) and (
                one.pluralizable or set(PLACE.findall(text)) == set(PLACE.findall(said_there))
            )
            if not same or sorted(map(kept_word, TAG.findall(text))) != sorted(map(kept_word, TAG.findall(said_there))):
                bad.append((text, said_there))

    assert bad == []


def kept_word(mark: str) -> str:
    """A command's own placeholders may be translated: ``mediavault answer ID``."""
    return re.sub(r"\b(?!MEDIAVAULT_)[A-Z]{2,}\b", "…", mark)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_ends_as_its_text_does(language: str) -> None:
    """A sentence stays a sentence, a label stays a label."""
    bad = [
        (text, there)
        for one in messages(language).values()
        for text, there in zip(forms(one.id), forms(one.string), strict=False)
        if there and (text.rstrip()[-1:] in ".?!…") != (there.rstrip()[-1:] in ".?!…") and one.context is None
    ]

    assert bad == []


def calls_inside_f_strings(source: str) -> list[int]:
    """The lines on which a text is marked for translation inside an f-string: before Python 3.12 Babel does not see it."""
    marks = {"gettext", "ngettext", "pgettext", "N_", "_"}
    return [
        call.lineno
        for text in ast.walk(ast.parse(source))
        if isinstance(text, ast.JoinedStr)
        for call in ast.walk(text)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in marks
        if isinstance(call.args[0], ast.Constant)
    ]


def test_no_text_is_marked_inside_an_f_string() -> None:
    found = {
        str(path): lines for path in (ROOT / "src").rglob("*.py") if (lines := calls_inside_f_strings(path.read_text()))
    }

    assert calls_inside_f_strings("x = f\"{gettext('It broke.')}\"") == [1]
    assert found == {}
