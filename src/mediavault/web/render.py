"""Pages from templates, everything escaped. The only importer of Jinja2."""

from __future__ import annotations

import shlex
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from mediavault import __version__
from mediavault.presentation.labels import (
    GATE_WORDS,
    ITEM_WORDS,
    ROLE_WORDS,
    RUNG_WORDS,
    STAGE_WORDS,
    STATUS_WORDS,
    VERDICT_WORDS,
    format_duration,
    format_length,
    format_size,
    one_line,
)
from mediavault.presentation.preferences import current
from mediavault.presentation.schemas import ErrorView
from mediavault.presentation.translation import direction, gettext, localize, names, ngettext, pgettext, translated
from mediavault.presentation.translation import gettext as _
from mediavault.web.assets import static_address
from mediavault.web.badges import icon, letter, tone

PAGE_HEADERS = {
    "Cache-Control": "no-store",
    # Under no-referrer a browser sends a page's own form with "Origin: null", and over plain http in a home network
    # there is no Sec-Fetch-Site to go by instead: the gate would turn our own forms away. Other sites learn no more.
    "Referrer-Policy": "same-origin",
}


def render(template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """An HTML page. Nothing of it is ever cached: it shows the current state of the store."""
    seen_as = current()
    text = _environment().get_template(template).render(appearance=seen_as, **context)
    # what a file system or a program said may hold what no text of the web does
    return HTMLResponse(
        text.encode("utf-8", "replace"),
        status_code=status,
        headers={**PAGE_HEADERS, "Content-Language": seen_as.locale},
    )


def error_page(status: int, error: ErrorView) -> Response:
    """The page that shows an error to a person."""
    return render("error.html", status=status, error=error)


def sections() -> list[tuple[str, str, str, str]]:
    """Return name, path, icon and label of each section, in order. A template sets ``section`` to its own name."""
    return [
        ("home", "/", "home", _("Home")),
        ("library", "/library", "library", _("Library")),
        ("accounts", "/accounts", "people", _("Accounts")),
        ("sites", "/sites", "globe", _("Sites")),
        ("settings", "/settings", "settings", _("Settings")),
    ]


def use_icon(name: str) -> Markup:
    """Return an icon of ``static/icons.svg``. It is decoration: the text next to it must say the same."""
    address = f"{static_address('icons.svg')}#{name}"
    return Markup('<svg class="icon" aria-hidden="true" focusable="false"><use href="{}"></use></svg>').format(address)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mediavault.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(gettext, ngettext, newstyle=True, pgettext=pgettext)  # type: ignore[attr-defined]
    environment.policies["ext.i18n.trimmed"] = True
    environment.filters.update(
        coded=coded,
        size=format_size,
        duration=format_duration,
        length_of=format_length,
        factor=_factor,
        in_braces=_in_braces,
        moment=_moment,
        link=safe_link,
        one_line=one_line,
        isolated=isolated,
        in_path=in_path,
        shell_word=shlex.quote,
        translated=translated,
    )
    environment.globals.update(
        version=__version__,
        static=static_address,
        languages=names,
        direction=direction,
        sections=sections,
        use_icon=use_icon,
        message_of=localize,
        letter_of=letter,
        tone_of=tone,
        icon_of=icon,
        status_words=STATUS_WORDS,
        gate_words=GATE_WORDS,
        stage_words=STAGE_WORDS,
        rung_words=RUNG_WORDS,
        item_words=ITEM_WORDS,
        role_words=ROLE_WORDS,
        verdict_words=VERDICT_WORDS,
    )
    return environment


def _factor(value: object) -> str:
    """A number as people write it; what is none as it was typed."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _in_braces(name: str) -> str:
    return f"{{{name}}}"


def coded(text: str) -> Markup:
    """Escape a text and show parts between backticks as code, such as commands in hints."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one of them is no mark
        return escape(text)
    pieces = (Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts))
    return Markup("").join(pieces)


def isolated(text: str) -> Markup:
    """A stranger's text in an element of its own: inside of a sentence it turns nothing round."""
    return Markup("<bdi>{}</bdi>").format(text)


def in_path(name: str) -> str:
    """One part of an address."""
    return quote(name, safe="", errors="replace")


def safe_link(url: str) -> str | None:
    """The address where it may be a link; None for anything but http and https."""
    return url if url.startswith(("https://", "http://")) else None


def _moment(moment: datetime) -> str:
    """As text in the reader's time zone, if a previous visit has reported it; the page's script words it as is the custom."""
    zone = current().zone
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if zone else f"{moment:%Y-%m-%d %H:%M} UTC"
