"""Classify a URL without any network: its kind, platform, handle, id,
and the form in which people share it.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import unquote

from mediavault.core.failures import BadUrl
from mediavault.core.platform import AddressKind
from mediavault.core.post_urls import read_page
from mediavault.core.urls import DEFAULT_PORTS, HttpUrl, canonical_generic, parse_http_url
from mediavault.platforms.bluesky import BLUESKY
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.registry import (
    is_deceptive_host,
    is_share_link,
    lies_below_a_platform,
    names_a_platform,
    platform_at,
    platform_of_media,
)

_NSID = "app.bsky.feed.post"  # the collection of posts in a repository
_AT_URI = re.compile(
    rf"at://(?P<who>did:(?:plc|web):[A-Za-z0-9._:%-]+|[\w-]+(?:\.[\w-]+)+)/{re.escape(_NSID)}/(?P<key>[A-Za-z0-9._~:-]+)"
)


_PARENT_SEGMENT = re.compile(r"/(?:\.|%2e){2}(?:[/#]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Classification:
    """What a URL is. ``url`` is as given; a field is None where it is not known or does not apply.

    ``platform`` is "generic" on sites that we do not know, and None for what is not the URL of a
    public site (one that is refused only for spaces between words keeps its site).
    ``post_id`` of a redirect is the token of the share link, of a live broadcast its room.
    """

    url: str
    kind: AddressKind
    platform: str | None = None
    handle: str | None = None
    post_id: str | None = None
    canonical_url: str | None = None


def classify(text: str) -> Classification:
    """Classify one line of text as a URL. Never raises: what cannot be parsed is unsupported."""
    if (at_uri := _AT_URI.fullmatch(text.strip())) is not None:
        canonical = BLUESKY.matching.canonical.format(handle=at_uri["who"], post_id=at_uri["key"])
        return Classification(
            text, AddressKind.POST, BLUESKY.name, at_uri["who"], at_uri["key"], canonical
        )
    try:
        url = parse_http_url(text)
    except BadUrl:
        return Classification(text, AddressKind.UNSUPPORTED, _site_before_space(text))
    platform = platform_at(url)
    if platform is GENERIC:
        return _classify_on_unknown_site(text, url)
    # such a URL shows one path and names another
    if _PARENT_SEGMENT.search(text.partition("?")[0]):
        return Classification(text, AddressKind.UNSUPPORTED)
    page = read_page(platform, url)
    if page is None:
        return Classification(text, AddressKind.UNSUPPORTED, platform.name)
    return Classification(text, page.kind, platform.name, page.handle, page.post_id, page.page_url)


_SPACES_BETWEEN_WORDS = re.compile(r"(https?://[^/\s]+/\S*\w)(?: \w[\w./?=&%+'-]*)+", re.IGNORECASE)


def _site_before_space(text: str) -> str | None:
    """Return the known site of a URL that is refused only for spaces between its words: a search
    copied from a list.

    Two URLs in one line, or a command after one, are something else.
    """
    match = _SPACES_BETWEEN_WORDS.fullmatch(text.strip())
    if match is None:
        return None
    try:
        platform = platform_at(parse_http_url(match[1]))
    except BadUrl:
        return None
    return None if platform is GENERIC else platform.name


def _classify_on_unknown_site(text: str, url: HttpUrl) -> Classification:
    if _is_disguised(text, url):
        return Classification(text, AddressKind.UNSUPPORTED)
    if is_share_link(url):
        return Classification(text, AddressKind.REDIRECT, GENERIC.name)
    if url.host in GENERIC.matching.short_hosts:
        return Classification(text, AddressKind.UNSUPPORTED, GENERIC.name)
    if _fetches_another_site(url):
        return Classification(text, AddressKind.UNSUPPORTED)
    if lies_below_a_platform(url):
        return Classification(text, AddressKind.UNSUPPORTED, GENERIC.name)
    return Classification(
        text, AddressKind.POST, GENERIC.name, canonical_url=canonical_generic(url)
    )


def _is_disguised(text: str, url: HttpUrl) -> bool:
    """Whether a URL hides where it leads, or leads to no public site."""
    # written as a single number, in octal or in hexadecimal
    if _is_ip(url.host) and url.host not in text:
        return True
    return is_deceptive_host(url) or (
        url.port != DEFAULT_PORTS[url.scheme] and _would_be_known(url)
    )


_ARCHIVES = frozenset(["web.archive.org", "archive.org"])  # their copies are pages of their own
_REFERRER_PARAMETER = re.compile(
    r"(?:ref|ref_\w+|referr?er|utm_\w+|source|src|via|from|origin)", re.IGNORECASE
)


def _fetches_another_site(url: HttpUrl) -> bool:
    """Whether a URL only makes a site fetch another's page, named at the start of its path or in
    its home page's query.

    The post is not on the fetching site. A referrer (``?ref=x.com``) does not name a page.
    """
    if url.host in _ARCHIVES:
        return False
    if url.path != "/":
        return names_a_platform(_OTHER_SITE.sub("", url.path).partition("/")[0])
    query_values = (
        pair.rpartition("=")[2]
        for pair in url.query.split("&")
        if not _REFERRER_PARAMETER.fullmatch(pair.partition("=")[0])
    )
    return any(map(names_a_platform, map(_host_in, (*query_values, url.fragment))))


_OTHER_SITE = re.compile(r"^/(?:https?:/{1,2}|@)?")


def _host_in(text: str) -> str:
    return re.sub(r"^(?:https?://|@)", "", unquote(text)).partition("/")[0]


def _would_be_known(url: HttpUrl) -> bool:
    """Whether only the port keeps the host from being a platform's."""
    usual = HttpUrl("https", url.host, DEFAULT_PORTS["https"], url.path)
    return platform_at(usual) is not GENERIC or platform_of_media(str(usual)) is not GENERIC


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
