"""How a kept video is called: a template that a person may change, and the name that it gives a post (pure).

Whatever the template, a name is safe on every file system, limited in bytes, and holds the post's id whole, which keeps two
posts apart. What is long gives way: the title first, then the account.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from mediavault.core.messages import Message
from mediavault.core.names import MAX_STEM_BYTES, reserved_name, safe_text, slug_keep_case, truncate_bytes

DEFAULT_NAME_TEMPLATE = "{date} {title} [{id}]"
PLACES = ("date", "year", "site", "account", "title", "id")
MAX_TEMPLATE_CHARS = 120
MAX_OWN_BYTES = 60  # of the template's own words: what is left is enough for an id, a date and some of the title
MAX_ID_CHARS = 60
MAX_SITE_BYTES = 20
MAX_ACCOUNT_BYTES = 64

TOO_LONG = Message("The name is too long: its own words may take 60 bytes.")
NO_ID = Message("Add {id}, so that names stay unique.")
TWICE = Message("Each placeholder can be used once.")
UNKNOWN_PLACE = Message("Unknown placeholder. Available: {date} {year} {site} {account} {title} {id}.")
UNSAFE = Message("The name has a character that is not allowed in file names, or two spaces in a row.")
FAULTS = (TOO_LONG, NO_ID, TWICE, UNKNOWN_PLACE, UNSAFE)

_PLACE = re.compile(r"\{([^{}]*)\}")
_EMPTY_BRACKETS = re.compile(r"\(\s*\)|\[\s*\]")


@dataclass(frozen=True, slots=True)
class NamedPost:
    """What a name can tell of a post. ``post_id`` survives whole as long as it has at most 60 safe characters."""

    post_id: str
    published: datetime
    title: str | None = None
    site: str = ""
    account: str = ""


def check_template(template: str) -> str:
    """The template as it is kept. Raises ValueError with one of FAULTS."""
    template = template.strip()
    places = _PLACE.findall(template)
    own = _PLACE.sub("", template)
    if len(template) > MAX_TEMPLATE_CHARS or len(own.encode("utf-8", "replace")) > MAX_OWN_BYTES:
        raise ValueError(TOO_LONG)
    if not set(places) <= set(PLACES) or "{" in own or "}" in own:
        raise ValueError(UNKNOWN_PLACE)
    if "id" not in places:
        raise ValueError(NO_ID)
    if len(set(places)) < len(places):
        raise ValueError(TWICE)
    if any(safe_text(f"a{piece}a") != f"a{piece}a" for piece in _PLACE.split(template)[::2]):
        raise ValueError(UNSAFE)
    return template


def stem_of(post: NamedPost, template: str = DEFAULT_NAME_TEMPLATE) -> str:
    """The name without its suffix; ``template`` has passed ``check_template``."""
    places = _PLACE.findall(template)
    filled = {
        "id": slug_keep_case(post.post_id)[:MAX_ID_CHARS],
        "date": f"{post.published:%Y-%m-%d}",
        "year": f"{post.published:%Y}",
        "site": truncate_bytes(safe_text(post.site), MAX_SITE_BYTES),
    }
    fixed = [filled[place] for place in places if place in filled]
    room = MAX_STEM_BYTES - len((_PLACE.sub("", template) + "".join(fixed)).encode())
    if "account" in places:
        limit = min(MAX_ACCOUNT_BYTES, room // 2 if "title" in places else room)
        filled["account"] = truncate_bytes(safe_text(post.account), limit).strip(" .")
        room -= len(filled["account"].encode())
    filled["title"] = truncate_bytes(safe_text(post.title or ""), room).strip(" .")
    return _tidy(_PLACE.sub(lambda place: filled[place[1]], _without_empty(template, filled)))


def _without_empty(template: str, filled: dict[str, str]) -> str:
    """The template without the places that stay empty, and without brackets round nothing."""
    kept = _PLACE.sub(lambda place: place[0] if filled[place[1]] else "", template)
    return kept if kept == template else _EMPTY_BRACKETS.sub("", kept)


def _tidy(name: str) -> str:
    # a name that begins with a dash would be read as an option by many a tool; an id never does
    tidy = re.sub(r"\s+", " ", name).strip(" .").lstrip("- .")
    return f"_{tidy}" if reserved_name(tidy) else tidy
