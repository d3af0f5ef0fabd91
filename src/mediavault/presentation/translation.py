"""The texts in the reader's language (gettext). English is in the code.

``locales/<language>/LC_MESSAGES/mediavault.po`` holds a language; scripts/assets.py compiles it, ``make words`` collects
new texts into it. A text that no catalogue has is shown in English. What is said later than it is written down (a table of
words, say) is marked ``N_`` there and translated where it is shown.
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
# Languages that are written from right to left, of those that have a catalogue or may get one.
_FROM_THE_RIGHT = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})


def gettext(text: str) -> str:
    """The text in the reader's language."""
    return _translations(current().locale).gettext(text) if text else ""


def ngettext(one: str, many: str, count: int) -> str:
    """The form that fits ``count``; the number itself is filled in by the caller."""
    return _translations(current().locale).ngettext(one, many, count)


def pgettext(context: str, text: str) -> str:
    """For a text that means different things in different places."""
    return _translations(current().locale).pgettext(context, text)


def translated(text: str) -> str:
    """A message in the reader's language, with its numbers in the form that is usual there.

    Text without values (an older row's, or a stranger's) is shown as it is where no catalogue has it.
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
    """Marks a text for the catalogues without translating it yet."""
    return text


@cache
def locales() -> frozenset[str]:
    """Every language there is: English, and each folder with a compiled catalogue."""
    root = files("mediavault.presentation").joinpath("locales")
    found = {one.name for one in root.iterdir() if one.joinpath("LC_MESSAGES", "mediavault.mo").is_file()}
    return frozenset({SOURCE_LOCALE, *found})


def direction(locale: str) -> str:
    """What ``dir`` says of a page in the language."""
    return "rtl" if locale in _FROM_THE_RIGHT else "ltr"


def decimal(value: float, digits: int) -> str:
    """``1.5``, or ``1,5`` where that is the custom."""
    return f"{value:.{digits}f}".replace(".", pgettext("decimal point", "."))


def number(text: str) -> str:
    """``1,234.5`` in the reader's form. Only for what is a number."""
    marks = {",": pgettext("thousands separator", ","), ".": pgettext("decimal point", ".")}
    return "".join(marks.get(sign, sign) for sign in text)


def grouped(count: int) -> str:
    """``1,234``, or ``1.234`` where that is the custom."""
    return number(f"{count:,}")


def names() -> dict[str, str]:
    """Each language by its code, in its own words, English first."""
    own = {
        locale: _translations(locale).pgettext("this language's own name", "English") for locale in sorted(locales())
    }
    return {SOURCE_LOCALE: own[SOURCE_LOCALE]} | own


@cache
def _translations(locale: str) -> gnu.NullTranslations:
    if locale not in locales() or locale == SOURCE_LOCALE:
        return gnu.NullTranslations()
    with as_file(_compiled(locale)) as path, path.open("rb") as compiled:
        return gnu.GNUTranslations(compiled)


def _compiled(locale: str) -> Traversable:
    return files("mediavault.presentation").joinpath("locales", locale, "LC_MESSAGES", "mediavault.mo")


@dataclass(frozen=True, slots=True)
class LocalizedMessage:
    """``text`` is in the reader's language; ``original`` the message in English where ``text`` is not it, else ""."""

    text: str
    original: str = ""


def localize(code: ErrorCode | None, message: str) -> LocalizedMessage:
    """The message for the current reader. Readers of English get it unchanged."""
    text = translated(message)
    if not message or text != message or current().locale == SOURCE_LOCALE:
        return LocalizedMessage(text)
    return LocalizedMessage(gettext(FAILURES[code].summary), message) if code is not None else LocalizedMessage(message)
