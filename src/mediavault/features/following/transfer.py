"""Sources from and to other programs: what an import of a list would follow,
and the export as OPML.
"""

from __future__ import annotations

import asyncio
import binascii
import json
from base64 import b64decode
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from mediavault.core.failures import BadInput, BadUrl, MediavaultError
from mediavault.core.listings import SourceAddress
from mediavault.core.messages import Message
from mediavault.core.profiles import unknown_profile
from mediavault.core.submission import Submission
from mediavault.core.urls import parse_http_url
from mediavault.core.xml_tree import in_xml
from mediavault.features.following.decisions import first_checks
from mediavault.features.following.lists import ListedSource, read_source_list
from mediavault.features.following.model import (
    SettingValues,
    Source,
    SourceSettings,
    SourceState,
    changed,
)
from mediavault.features.following.records import MOST_SOURCES, Followed, NewSource, id_of_url
from mediavault.features.following.views import (
    ListedSourceView,
    RefusedSourceView,
    SourceRequest,
    SourcesImportView,
)
from mediavault.platforms import registry
from mediavault.presentation.opml import opml_document
from mediavault.presentation.record_models import given
from mediavault.presentation.translation import translated

EXPORT_HEADERS: Mapping[str, str] = {
    "Content-Disposition": 'attachment; filename="mediavault-sources.opml"',
    "Cache-Control": "no-store",
}
LOOK_UP_S = 10.0  # for all hosts of a list together


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """An entry of a list that can't be followed, and why."""

    entry: ListedSource
    error: MediavaultError


@dataclass(frozen=True, slots=True)
class SourcesImport:
    """What an import follows, which entries are already followed, and which can't be.

    ``private`` are the ids of the new ones on private hosts that MEDIAVAULT_ALLOW_PRIVATE allows:
    the list may be a stranger's, and who follows them lets it send requests there.
    """

    new: tuple[NewSource, ...] = ()
    known: tuple[ListedSource, ...] = ()
    refused: tuple[RefusedEntry, ...] = ()
    private: frozenset[str] = frozenset()


# --- import ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImportTerms:
    """What an import depends on: the sources that are already ``followed``, the names of the
    ``profiles``, and the settings that the user ``asked`` for, by name, which override those in the
    list. ``user`` None: the owner.
    """

    submit: Submission
    followed: Sequence[Followed]
    profiles: Collection[str]
    asked: SettingValues
    now: datetime
    user: str | None = None


async def read_import(content: bytes, terms: ImportTerms) -> SourcesImport:
    """Return what an import of a file would follow, as :func:`read_entries` does in a thread,
    and what of it is private.
    """
    read = await asyncio.to_thread(read_entries, content, terms)
    return replace(
        read, private=await _private([new_entry.source for new_entry in read.new], terms.submit)
    )


def read_entries(content: bytes, terms: ImportTerms) -> SourcesImport:
    """Return what an import of a file would follow. An invalid entry never stops the rest.

    Can take seconds. Raises BadInput for a file that contains no list, and for invalid settings for
    all sources.
    """
    changed(Source("", "", "", terms.now), terms.asked)
    _known_profile(terms.asked.get("profile"), terms.profiles)
    taken = {
        name: None for one in terms.followed for name in _names(one.source.url, one.state.stable_id)
    }
    new: list[tuple[Source, str]] = []
    known: list[ListedSource] = []
    refused: list[RefusedEntry] = []
    for entry in read_source_list(content):
        try:
            source = _source(entry, terms)
            names = _names(source.url)
            if names & taken.keys():
                known.append(entry)
                continue
            if len(terms.followed) + len(new) >= MOST_SOURCES:
                raise BadInput(
                    Message(
                        "There are already %(most)s sources, the most allowed.", most=MOST_SOURCES
                    ),
                    help="Remove one first.",
                )
        except MediavaultError as exc:
            refused.append(RefusedEntry(entry, exc))
            continue
        taken.update(dict.fromkeys(names))
        new.append((source, "" if entry.title == source.url else entry.title))
    checks = first_checks([source.served_by for source, _ in new], terms.now)
    return SourcesImport(
        tuple(
            NewSource(source, title, at) for (source, title), at in zip(new, checks, strict=True)
        ),
        tuple(known),
        tuple(refused),
    )


async def _private(sources: Sequence[Source], submit: Submission) -> frozenset[str]:
    """Return the ids of the sources on private hosts;
    a host that is not looked up in time counts as one.
    """
    urls = {source.id: parse_http_url(source.url) for source in sources}
    servers = {url.netloc: url for url in urls.values()}
    looking = {
        netloc: asyncio.ensure_future(submit.is_private(url)) for netloc, url in servers.items()
    }
    if looking:
        await asyncio.wait(looking.values(), timeout=LOOK_UP_S)
    private = {netloc for netloc, found in looking.items() if not found.done() or found.result()}
    for found in looking.values():
        found.cancel()
    return frozenset(source_id for source_id, url in urls.items() if url.netloc in private)


def _source(entry: ListedSource, terms: ImportTerms) -> Source:
    """Return the source of an entry, as it is stored. Raises BadInput,
    and the error for its URL.
    """
    stated = _settings(entry.settings)
    address = (
        terms.submit.read_source(stated.pop("url")) if stated else _address(entry, terms.submit)
    )
    source = Source(
        id_of_url(address.url), address.url, address.platform, terms.now, added_by=terms.user
    )
    source = changed(source, {**stated, **terms.asked})
    _known_profile(source.profile, terms.profiles)
    return source


def _known_profile(name: str | None, profiles: Collection[str]) -> None:
    if name and name not in profiles:
        raise unknown_profile(name, profiles)


def _settings(text: str) -> dict[str, Any]:
    """Return the settings of an entry that this program has written, its URL included;
    none for any other.
    """
    try:
        return given(SourceRequest.model_validate_json(text)) if text else {}
    except ValidationError as exc:
        raise BadInput(
            "The settings of this source can't be read.",
            help=(
                "They may come from a newer version. Remove the mediavault:settings attribute to"
                " follow the source without them."
            ),
        ) from exc


def _address(entry: ListedSource, submit: Submission) -> SourceAddress:
    """Return what to follow: the feed, or the page if both belong to the same known site, since a
    page can be read in more ways.
    """
    if not entry.feed:
        return submit.read_source(_url(entry.page))
    if not entry.page:
        return submit.read_source(_url(entry.feed))
    try:
        feed = submit.read_source(entry.feed)
    except MediavaultError:
        return submit.read_source(entry.page)
    if feed.platform == "generic":
        return feed
    try:
        page = submit.read_source(entry.page)
    except MediavaultError:
        return feed
    return page if page.platform == feed.platform else feed


def _url(text: str) -> str:
    """Return the URL; text without a scheme, as people often write it, gets one."""
    return text if "://" in text or "." not in text else f"https://{text}"


def _names(url: str, key: str = "") -> set[str]:
    """Return the names of a source, whatever the form of its URL."""
    try:
        read = parse_http_url(url)
    except BadUrl:
        return {url}
    return {registry.names_source(read), registry.names_source(read, key)}


def uploaded(text: str) -> bytes:
    """Return the bytes of Base64 text in a request. Raises BadInput."""
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadInput(
            "The file is not valid Base64.",
            help="Encode the file as standard Base64 (RFC 4648, section 4).",
        ) from exc


def import_view(done: SourcesImport, *, is_dry_run: bool) -> SourcesImportView:
    return SourcesImportView(
        is_dry_run=is_dry_run,
        new=[
            ListedSourceView(
                url=new_entry.source.url,
                title=new_entry.title or None,
                platform=new_entry.source.platform,
                id=new_entry.source.id,
                is_private=new_entry.source.id in done.private,
            )
            for new_entry in done.new
        ],
        known=[ListedSourceView(url=entry.text, title=entry.title or None) for entry in done.known],
        refused=[
            RefusedSourceView(
                line=one.entry.line,
                text=one.entry.text,
                error=translated(one.error.message),
                help=translated(one.error.help),
            )
            for one in done.refused
        ],
    )


# --- export ---------------------------------------------------------------------------------------


def sources_opml(sources: Iterable[Followed]) -> bytes:
    """Return sources as OPML that other programs read,
    with our own settings in an attribute that an import reads.
    """
    return opml_document("mediavault", map(_outline, sources))


def as_followed(new: Iterable[NewSource]) -> list[Followed]:
    """Return what an import would follow as sources, for :func:`sources_opml`."""
    return [Followed(new_entry.source, SourceState(title=new_entry.title)) for new_entry in new]


def _outline(followed: Followed) -> Mapping[str, str]:
    url, feed = followed.source.url, _feed_of(followed)
    name = followed.stated_name if in_xml(followed.stated_name).strip() else url
    return {
        "type": "rss" if feed else "link",
        "text": name,
        "title": name,
        "xmlUrl": feed or "",
        "htmlUrl": url if url != feed else "",
        "url": "" if feed else url,
        "mediavault:settings": json.dumps(_settings_of(followed.source)),
    }


def _feed_of(followed: Followed) -> str | None:
    """Return the source's feed, as far as it is known: that of an unknown site is what was read,
    or what was pasted.
    """
    source, state = followed.source, followed.state
    if source.platform == "generic":
        return state.validators.url or (source.url if state.method in {"", "feed"} else None)
    try:
        return registry.feed_url(parse_http_url(source.url), state.stable_id)
    except BadUrl:
        return None


def _settings_of(source: Source) -> dict[str, Any]:
    """Return the request with which the source would be followed as it is: its URL,
    and what is not as usual.
    """
    usual = SourceSettings().settings()
    own = {name: value for name, value in source.settings().items() if value != usual[name]}
    request: dict[str, Any] = SourceRequest.model_construct(url=source.url, **own).model_dump(
        mode="json", exclude_unset=True
    )
    return request
