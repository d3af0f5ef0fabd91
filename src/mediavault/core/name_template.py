"""The file name of a saved video: a template that the user may change, and the name that it gives a
post (pure).

Whatever the template, a name is safe on every file system, limited in bytes, and holds the post's
whole id, which makes it unique. Long parts are cut: the title first, then the account.

A template may name folders, as in ``{site}/{account}/{date} {title} [{id}]``. Without any, a video
is in its account's folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from mediavault.core.media import Account
from mediavault.core.messages import Message
from mediavault.core.names import (
    MAX_STEM_BYTES,
    reserved_name,
    safe_text,
    slug_keep_case,
    truncate_bytes,
)

DEFAULT_NAME_TEMPLATE = "{date} {title} [{id}]"
PLACES = ("date", "year", "site", "account", "title", "id")
MAX_TEMPLATE_CHARS = 120
# of the template's own words: the rest is enough for an id, a date and some of the title
MAX_OWN_BYTES = 60
MAX_ID_CHARS = 60
MAX_SITE_BYTES = 20
MAX_ACCOUNT_BYTES = 64
MAX_FOLDERS = 4
MAX_FOLDER_BYTES = 100
NO_ACCOUNT_FOLDER = "imported"  # only imported files have no account
FILE_ID_CHARS = 16  # of a hash: 64 bits

TOO_LONG = Message("The name is too long: its own words may take 60 bytes.")
NO_ID = Message("Add {id} to the file's name, so that names stay unique.")
TOO_DEEP = Message("At most four folders are possible, each with a name.")
TWICE = Message("Each placeholder can be used once.")
UNKNOWN_PLACE = Message(
    "Unknown placeholder. Available: {date} {year} {site} {account} {title} {id}."
)
UNSAFE = Message(
    "The name has a character that is not allowed in file names, or two spaces in a row."
)
FAULTS = (TOO_LONG, NO_ID, TOO_DEEP, TWICE, UNKNOWN_PLACE, UNSAFE)

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_EMPTY_BRACKETS = re.compile(r"\(\s*\)|\[\s*\]")


@dataclass(frozen=True, slots=True)
class NamedPost:
    """What a name can contain about a post. ``post_id`` survives whole as long as it has at most 60
    safe characters.
    """

    post_id: str
    published: datetime
    title: str | None = None
    site: str = ""
    account: str = ""


def named_post(
    *,
    job_id: str,
    canonical_url: str,
    post_id: str | None,
    platform: str,
    account: Account | None,
    published: datetime,
    title: str | None,
    number: int = 1,
    count: int = 1,
) -> NamedPost:
    """Return what the names of a post's videos contain, for video ``number`` of ``count``.

    A post without a URL belongs to no site, and its id is the beginning of its file's hash.
    """
    # the settings check templates, and every command reads the settings
    from mediavault.core.post_urls import has_url, hash_of_file

    if not has_url(canonical_url):
        post_id, platform = hash_of_file(canonical_url)[:FILE_ID_CHARS], ""
    post_id = post_id or job_id
    return NamedPost(
        post_id=f"{post_id[:50]}-{number}" if count > 1 else post_id,
        published=published,
        title=title,
        site=platform,
        account=(account.handle or account.display_name or account.slug) if account else "",
    )


def account_folder(account: Account | None) -> str:
    """Return the folder of an account's videos, for templates that name none."""
    return account.slug if account else NO_ACCOUNT_FOLDER


def check_template(template: str) -> str:
    """Return the template as it is stored. Raises ValueError with one of FAULTS."""
    parts = [part.strip() for part in template.strip().split("/")]
    template = "/".join(parts)
    names = _PLACEHOLDER.findall(template)
    own_words = _PLACEHOLDER.sub("", template)
    if (
        len(template) > MAX_TEMPLATE_CHARS
        or len(own_words.encode("utf-8", "replace")) > MAX_OWN_BYTES
    ):
        raise ValueError(TOO_LONG)
    if not set(names) <= set(PLACES) or "{" in own_words or "}" in own_words:
        raise ValueError(UNKNOWN_PLACE)
    if "{id}" not in parts[-1]:
        raise ValueError(NO_ID)
    if len(set(names)) < len(names):
        raise ValueError(TWICE)
    if len(parts) > MAX_FOLDERS + 1 or not all(parts):
        raise ValueError(TOO_DEEP)
    if not all(_tidy(part) for part in parts):  # nothing but dots
        raise ValueError(UNSAFE)
    if any(
        safe_text(f"a{piece}a") != f"a{piece}a"
        for part in parts
        for piece in _PLACEHOLDER.split(part)[::2]
    ):
        raise ValueError(UNSAFE)
    return template


def folder_of(post: NamedPost, template: str, account_folder: str) -> str:
    """Return the folder of the post's video, with forward slashes: ``account_folder``, unless the
    template names folders.

    A folder whose placeholders are all empty is left out; when none is left, it is
    ``account_folder``.
    """
    parts = template.split("/")[:-1]
    names = [truncate_bytes(_filled(post, part), MAX_FOLDER_BYTES).strip(" .") for part in parts]
    return "/".join(name for name in names if name) or account_folder


def stem_of(post: NamedPost, template: str = DEFAULT_NAME_TEMPLATE) -> str:
    """Return the file's name without folders and suffix;
    ``template`` must have passed ``check_template``.
    """
    return _filled(post, template.rpartition("/")[2])


def _filled(post: NamedPost, template: str) -> str:
    names = _PLACEHOLDER.findall(template)
    filled = {
        "id": slug_keep_case(post.post_id)[:MAX_ID_CHARS],
        "date": f"{post.published:%Y-%m-%d}",
        "year": f"{post.published:%Y}",
        "site": truncate_bytes(safe_text(post.site), MAX_SITE_BYTES),
    }
    fixed = [filled[name] for name in names if name in filled]
    room = MAX_STEM_BYTES - len((_PLACEHOLDER.sub("", template) + "".join(fixed)).encode())
    if "account" in names:
        limit = min(MAX_ACCOUNT_BYTES, room // 2 if "title" in names else room)
        filled["account"] = truncate_bytes(safe_text(post.account), limit).strip(" .")
        room -= len(filled["account"].encode())
    filled["title"] = truncate_bytes(safe_text(post.title or ""), room).strip(" .")
    return _tidy(_PLACEHOLDER.sub(lambda match: filled[match[1]], _without_empty(template, filled)))


def _without_empty(template: str, filled: dict[str, str]) -> str:
    """Return the template without placeholders that stay empty,
    and without brackets around nothing.
    """
    remaining = _PLACEHOLDER.sub(lambda match: match[0] if filled[match[1]] else "", template)
    return remaining if remaining == template else _EMPTY_BRACKETS.sub("", remaining)


def _tidy(name: str) -> str:
    # many tools read a name that begins with a dash as an option; an id never begins with one
    tidy = re.sub(r"\s+", " ", name).strip(" .").lstrip("- .")
    return f"_{tidy}" if reserved_name(tidy) else tidy
