"""Rendering of pages from templates, with everything escaped. The only importer of Jinja2."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from mediavault import __version__
from mediavault.core.post_urls import has_url
from mediavault.presentation.labels import (
    ITEM_LABELS,
    ROLE_LABELS,
    SITE_STATE_LABELS,
    STAGE_LABELS,
    STATUS_LABELS,
    STRATEGY_LABELS,
    VERDICT_LABELS,
    format_duration,
    format_length,
    format_size,
    hold_label,
    one_line,
)
from mediavault.presentation.preferences import current
from mediavault.presentation.schemas import ErrorView
from mediavault.presentation.translation import (
    direction,
    gettext,
    localize,
    names,
    ngettext,
    pgettext,
    translated,
)
from mediavault.server.authentication import may
from mediavault.server.middleware import base_path
from mediavault.store.search_words import Term, words_of
from mediavault.web.assets import static_address
from mediavault.web.cards import icon, letter, site_name, tone
from mediavault.web.places import (
    palette_commands,
    palette_places,
    sections,
    settings_sections,
    who,
    your_places,
)

PAGE_HEADERS = {
    "Cache-Control": "no-store",
    # Under no-referrer a browser sends a page's own form with "Origin: null", and over plain HTTP
    # in a home network there is no Sec-Fetch-Site instead: the middleware would refuse our own
    # forms. Other sites still get no referrer.
    "Referrer-Policy": "same-origin",
}


def render(template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Return an HTML page. It is never cached, since it shows the current state of the store."""
    appearance = current()
    base = base_path()
    text = _environment().get_template(template).render(appearance=appearance, base=base, **context)
    if base:
        text = _OWN_ADDRESS.sub(rf"\g<0>{base}", text)
    # "replace", since file names and program output may contain lone surrogates
    return HTMLResponse(
        text.encode("utf-8", "replace"),
        status_code=status,
        headers={**PAGE_HEADERS, "Content-Language": appearance.locale},
    )


# The attributes of our templates that hold addresses of the vault. Texts from sites are escaped, so
# none can look like one.
_OWN_ADDRESS = re.compile(
    r'(?<=[\s])(?:href|src|action|formaction|poster|hx-get|hx-post)="(?=/(?!/))'
)


def error_page(status: int, error: ErrorView) -> Response:
    """Return the page that shows an error."""
    return render("error.html", status=status, error=error)


def marked(text: str, terms: Iterable[Term]) -> Markup:
    """Return the text with what a search found in it marked: words that begin like one of the
    terms, and runs of single characters.
    """
    runs = ["".join(term) for term in terms if len(term) > 1]
    beginnings = tuple(term[0] for term in terms if len(term) == 1)
    mark = Markup("<mark>{}</mark>").format
    shown = Markup()
    for part in _WORDS.split(text):
        run = next((run for run in runs if run in part), None)
        if run:  # in a script without spaces a part is a whole sentence
            shown += mark(run).join(map(escape, part.split(run)))
        elif any(word.startswith(beginnings) for word in words_of(part)):
            shown += mark(part)
        else:
            shown += escape(part)
    return shown


_WORDS = re.compile(r"(\w+)")


def use_icon(name: str) -> Markup:
    """Return an icon of ``static/icons.svg``. It is decoration:
    the text next to it must say the same.
    """
    address = f"{static_address('icons.svg')}#{name}"
    return Markup(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}"></use></svg>'
    ).format(address)


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
        marked=marked,
        moment=_moment,
        has_url=has_url,
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
        your_places=your_places,
        who=who,
        palette_commands=palette_commands,
        palette_places=palette_places,
        settings_sections=settings_sections,
        use_icon=use_icon,
        may=may,
        message_of=localize,
        letter_of=letter,
        site_of=site_name,
        tone_of=tone,
        icon_of=icon,
        hold_label=hold_label,
        status_words=STATUS_LABELS,
        site_state_labels=SITE_STATE_LABELS,
        stage_words=STAGE_LABELS,
        strategy_words=STRATEGY_LABELS,
        item_words=ITEM_LABELS,
        role_words=ROLE_LABELS,
        verdict_words=VERDICT_LABELS,
    )
    return environment


def _factor(value: object) -> str:
    """Format a number without trailing zeros; other input is returned as it was typed."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _in_braces(name: str) -> str:
    return f"{{{name}}}"


def coded(text: str) -> Markup:
    """Escape a text and show parts between backticks as code, such as commands in hints."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # an unpaired backtick
        return escape(text)
    pieces = (
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )
    return Markup("").join(pieces)


def isolated(text: str) -> Markup:
    """Return untrusted text in its own ``bdi`` element,
    so that it cannot change the direction of surrounding text.
    """
    return Markup("<bdi>{}</bdi>").format(text)


def in_path(name: str) -> str:
    """Return a name quoted for use as one segment of a path."""
    return quote(name, safe="", errors="replace")


def safe_link(url: str) -> str | None:
    """Return the address if it may be a link; None unless it is http or https."""
    return url if url.startswith(("https://", "http://")) else None


def _moment(moment: datetime) -> str:
    """Format a time in the reader's time zone if a previous visit has reported it, else in UTC.

    The page's script replaces it by the reader's local format.
    """
    zone = current().zone
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if zone else f"{moment:%Y-%m-%d %H:%M} UTC"
