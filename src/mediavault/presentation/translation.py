"""Translation of texts into the reader's language (gettext). The English texts are in the code.

``locales/<language>/LC_MESSAGES/mediavault.po`` holds a language; scripts/assets.py compiles it,
``make words`` collects new texts into it. A text without a translation is shown in English. A text
that is defined in one place and shown in another (such as a table of labels) is marked with ``N_``
where it is defined and translated where it is shown.
"""

from __future__ import annotations

import gettext as gnu
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable

from mediavault.core.failures import FAILURES, ErrorCode
from mediavault.core.messages import Message, fill
from mediavault.presentation.preferences import current

SOURCE_LOCALE = "en"
# Languages written from right to left that have a catalogue or may get one.
_RIGHT_TO_LEFT = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})


def gettext(text: str) -> str:
    """Return the text in the reader's language."""
    return _translations(current().locale).gettext(text) if text else ""


def ngettext(one: str, many: str, count: int) -> str:
    """Return the form that fits ``count``, in the reader's language;
    the caller fills in the number itself.
    """
    return _translations(current().locale).ngettext(one, many, count)


def pgettext(context: str, text: str) -> str:
    """Return the translation for a context, for a text that means different things in different
    places.
    """
    return _translations(current().locale).pgettext(context, text)


def translated(text: str) -> str:
    """Return a message in the reader's language, with numbers in that language's format.

    A plain string (an older row's, or a third party's) is returned unchanged when it has no
    translation.
    """
    if not isinstance(text, Message):
        return gettext(text)
    if text.one is not None:
        template = ngettext(text.one, text.template, int(text.values["count"]))
    else:
        template = gettext(text.template)
    return fill(template, text.values, text=_translated_value, number=number)


def _translated_value(value: str) -> str:
    return translated(value) if isinstance(value, Message) else value


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text for the catalogues without translating it yet."""
    return text


@cache
def locales() -> frozenset[str]:
    """Return all available languages: English, and each folder with a compiled catalogue."""
    root = files("mediavault.presentation").joinpath("locales")
    compiled = {
        folder.name
        for folder in root.iterdir()
        if folder.joinpath("LC_MESSAGES", "mediavault.mo").is_file()
    }
    return frozenset({SOURCE_LOCALE, *compiled})


def direction(locale: str) -> str:
    """Return the value of a page's ``dir`` attribute in the language."""
    return "rtl" if locale in _RIGHT_TO_LEFT else "ltr"


def decimal(value: float, digits: int) -> str:
    """Return ``1.5``, or ``1,5`` in languages that write it so."""
    return f"{value:.{digits}f}".replace(".", pgettext("decimal point", "."))


def number(text: str) -> str:
    """Return a number such as ``1,234.5`` in the reader's format.
    ``text`` must be a number in English format.
    """
    separators = {",": pgettext("thousands separator", ","), ".": pgettext("decimal point", ".")}
    return "".join(separators.get(char, char) for char in text)


def grouped(count: int) -> str:
    """Return ``1,234``, or ``1.234`` in languages that write it so."""
    return number(f"{count:,}")


def names() -> dict[str, str]:
    """Return each language's own name by its code, English first."""
    own = {
        locale: _translations(locale).pgettext("this language's own name", "English")
        for locale in sorted(locales())
    }
    return {SOURCE_LOCALE: own[SOURCE_LOCALE]} | own


@cache
def _translations(locale: str) -> gnu.NullTranslations:
    if locale not in locales() or locale == SOURCE_LOCALE:
        return gnu.NullTranslations()
    with as_file(_compiled(locale)) as path, path.open("rb") as compiled:
        return gnu.GNUTranslations(compiled)


def _compiled(locale: str) -> Traversable:
    return files("mediavault.presentation").joinpath(
        "locales", locale, "LC_MESSAGES", "mediavault.mo"
    )


@dataclass(frozen=True, slots=True)
class LocalizedMessage:
    """A message for the reader. ``original`` is the English message when ``text`` is not its
    translation, else "".
    """

    text: str
    original: str = ""


def localize(code: ErrorCode | None, message: str) -> LocalizedMessage:
    """Return the message for the current reader. Readers of English get it unchanged.

    Without a translation, ``text`` is the translated summary of ``code`` (if any), with the message
    as ``original``.
    """
    text = translated(message)
    if not message or text != message or current().locale == SOURCE_LOCALE:
        return LocalizedMessage(text)
    return (
        LocalizedMessage(gettext(FAILURES[code].summary), message)
        if code is not None
        else LocalizedMessage(message)
    )
