"""The shape of what we know about a site. The facts themselves stand in ``platforms/``, one file a site.

The record lives in core because extractors and downloaders are handed it, and ``services`` and ``platforms`` are
siblings that never import each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from mediavault.core.urls import DEFAULT_PORTS, HttpUrl


@dataclass(frozen=True, slots=True)
class PostPattern:
    """A path (and query) that names a post. Groups ``post_id`` and ``handle`` are read where present.

    ``host`` and the ``query`` patterns must match too where they are given; their groups join those of the path.
    ``canonical`` and ``page`` stand in for the platform's own where this kind of address needs another form.
    """

    path: re.Pattern[str]
    query: Mapping[str, re.Pattern[str]] = field(default_factory=dict)  # parameter -> pattern with the same groups
    host: re.Pattern[str] | None = None
    canonical: str = ""
    page: str = ""


@dataclass(frozen=True, slots=True)
class Platform:
    """Facts about one site; no I/O, no behaviour."""

    name: str
    title: str  # as people write it: "TikTok"
    hosts: tuple[str, ...] = ()  # exact, lower case, no port
    host_suffixes: tuple[str, ...] = ()  # ".reddit.com": any host below it
    mirror_hosts: tuple[str, ...] = ()  # other people's front ends with the same paths: rewritten, never visited
    short_hosts: tuple[str, ...] = ()  # every path there is a share link that leads to a post
    share_paths: tuple[re.Pattern[str], ...] = ()  # share links on the platform's own hosts
    post_patterns: tuple[PostPattern, ...] = ()
    not_a_post: tuple[re.Pattern[str], ...] = ()  # profile, playlist, live pages
    canonical: str = ""  # format string with {post_id} and {handle}: the key under which a post is one job
    page: str = ""  # the address people share; ``canonical`` stands in where a field of it is not known
    media_hosts: tuple[str, ...] = ()  # suffixes
    media_path: re.Pattern[str] | None = None
    media_key: re.Pattern[str] | None = None  # group 1 is the key
    reject_path: re.Pattern[str] | None = None
    json_paths: re.Pattern[str] | None = None  # API answers worth reading
    page_reader: str | None = None  # name of the page-data reader in services.extraction.page_data
    page_data_css: str = ""  # the element that holds the data in the page itself
    signs_media_urls: bool = False  # 401/403/410 on media means: extract afresh
    download_headers: Mapping[str, str] = field(default_factory=dict)
    referer: str | None = None  # "post" stands for the post's own address
    watermark_yes: re.Pattern[str] | None = None
    watermark_no: re.Pattern[str] | None = None
    login_wall_url: re.Pattern[str] | None = None
    login_wall_text: tuple[str, ...] = ()
    challenge_text: tuple[str, ...] = ()
    gone_text: tuple[str, ...] = ()
    private_text: tuple[str, ...] = ()
    checked: str = ""  # ISO date on which these facts were last checked


@dataclass(frozen=True, slots=True)
class PostMatch:
    """What an address says about the post that it names."""

    post_id: str
    handle: str | None
    canonical_url: str
    page_url: str


def is_host_of(platform: Platform, url: HttpUrl) -> bool:
    """Whether ``url`` lies on the platform: host by exact name or dot-bounded suffix, and only on the usual port.

    Look-alikes (``eviltiktok.com``), other ports and anything that :func:`parse_http_url` refuses never match.
    """
    if url.port != DEFAULT_PORTS[url.scheme]:
        return False
    return (
        url.host in platform.hosts
        or url.host in platform.mirror_hosts
        or url.host in platform.short_hosts
        or any(url.host.endswith(suffix) for suffix in platform.host_suffixes)
    )


def read_post(platform: Platform, url: HttpUrl) -> PostMatch | None:
    """The post that ``url`` names on ``platform``; None when it names none. Needs no network."""
    for pattern in platform.post_patterns:
        groups = _groups(pattern, url)
        if groups is not None and groups.get("post_id"):
            return _match(platform, pattern, groups)
    return None


def _groups(pattern: PostPattern, url: HttpUrl) -> dict[str, str] | None:
    matches = [pattern.path.match(url.path)]
    if pattern.host is not None:
        matches.append(pattern.host.fullmatch(url.host))
    if pattern.query:
        given = dict(parse_qsl(url.query))
        matches += [wanted.fullmatch(given.get(name, "")) for name, wanted in pattern.query.items()]
    groups: dict[str, str] = {}
    for match in matches:
        if match is None:
            return None
        groups |= {name: value for name, value in match.groupdict().items() if value}
    return groups


def _match(platform: Platform, pattern: PostPattern, groups: dict[str, str]) -> PostMatch:
    canonical = (pattern.canonical or platform.canonical).format_map(groups)
    try:
        page = (pattern.page or platform.page).format_map(groups)
    except KeyError:  # the address does not name its author
        page = ""
    return PostMatch(groups["post_id"], groups.get("handle"), canonical, page or canonical)
