"""The shape of what we know about a site. The facts themselves stand in ``platforms/``, one file a site.

The record lives in core because extractors and downloaders are handed it, and ``services`` and ``platforms`` are
siblings that never import each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PostPattern:
    """A path (and query) that names a post. Groups ``post_id`` and ``handle`` are read where present."""

    path: re.Pattern[str]
    query: Mapping[str, re.Pattern[str]] = field(default_factory=dict)  # parameter -> pattern with the same groups


@dataclass(frozen=True, slots=True)
class Platform:
    """Facts about one site; no I/O, no behaviour."""

    name: str
    title: str  # as people write it: "TikTok"
    hosts: tuple[str, ...] = ()  # exact, lower case, no port
    host_suffixes: tuple[str, ...] = ()  # ".reddit.com": any host below it
    post_patterns: tuple[PostPattern, ...] = ()
    not_a_post: tuple[re.Pattern[str], ...] = ()  # profile, playlist, live pages
    canonical: str = ""  # format string with {post_id} and {handle}
    media_hosts: tuple[str, ...] = ()  # suffixes
    media_path: re.Pattern[str] | None = None
    media_key: re.Pattern[str] | None = None  # group 1 is the key
    reject_path: re.Pattern[str] | None = None
    json_paths: re.Pattern[str] | None = None  # API answers worth reading
    page_reader: str | None = None  # name of the page-data reader in services.extraction.page_data
    signs_media_urls: bool = False  # 401/403/410 on media means: extract afresh
    download_headers: Mapping[str, str] = field(default_factory=dict)
    referer: str | None = None  # "post" stands for the post's own address
    watermark_yes: re.Pattern[str] | None = None
    login_wall_url: re.Pattern[str] | None = None
    login_wall_text: tuple[str, ...] = ()
    challenge_text: tuple[str, ...] = ()
    gone_text: tuple[str, ...] = ()
    private_text: tuple[str, ...] = ()
    checked: str = ""  # ISO date on which these facts were last checked
