"""What we know of snapchat.com; checked 2026-11-24 against published extractors."""

from __future__ import annotations

import re

from mediavault.core.platform import (
    AddressPattern,
    KnownFrom,
    Matching,
    MediaRules,
    Pace,
    PageReader,
    Platform,
    YtdlpRules,
    paths,
)
from mediavault.platforms.snapchat.reader import ids_of, read

_ID = r"(?P<post_id>[\w-]{10,255})(?=/|$)"
_NAME = r"(?P<handle>[\w.-]{1,36})"
_TABS = "avatar|stories|highlights|spotlights?|lenses|info"
_STORY = "https://www.snapchat.com/add/{handle}/{post_id}"

SNAPCHAT = Platform(
    name="snapchat",
    title="Snapchat",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="spotlights, single public stories and highlights",
    leaves_out="lenses, the map",
    extractors=("page", "browser", "ytdlp"),
    matching=Matching(
        brands=("snapchat",),
        hosts=("snapchat.com", "www.snapchat.com", "story.snapchat.com", "web.snapchat.com"),
        short_hosts=("t.snapchat.com",),
        share_links=paths(r"^/t/(?P<post_id>\w{5,})/?$"),
        posts=(
            AddressPattern(re.compile(rf"^/@{_NAME}/spotlight/{_ID}")),
            AddressPattern(re.compile(rf"^/spotlight/{_ID}")),
        ),
        stories=(
            AddressPattern(
                re.compile(rf"^/@{_NAME}/highlight/{_ID}"),
                canonical="https://www.snapchat.com/@{handle}/highlight/{post_id}",
            ),
            AddressPattern(
                re.compile(rf"^/p/(?P<owner>[\w-]{{10,60}})/{_ID}"),
                canonical="https://www.snapchat.com/p/{owner}/{post_id}",
            ),
            AddressPattern(re.compile(rf"^/(?:add|u|s)/{_NAME}/{_ID}"), canonical=_STORY),
            *paths(rf"^/s/{_NAME}/?$"),
        ),
        profiles=paths(rf"^/(?:add|u)/{_NAME}/?$", rf"^/@{_NAME}/?(?:$|(?:{_TABS})/?$)", r"^/p/[\w-]{10,60}/?$"),
        other_pages=paths(
            r"^/(?:$|(?:spotlight|explore|discover|lens|unlock|topic|search|download|login|map|add|u|p)(?:/|$))"
        ),
        canonical="https://www.snapchat.com/spotlight/{post_id}",
    ),
    reader=PageReader(
        read=read,
        account_path=re.compile(r"/(?:add/|@)([\w.-]{2,36})/?$"),
        ids_of=ids_of,
        data_css="#__NEXT_DATA__",
        always_sent=True,
    ),
    ytdlp=YtdlpRules(("snapchatspotlight",), handle="uploader", display_name=""),
    media=MediaRules(
        hosts=(".sc-cdn.net",),
        signs_urls=True,
        watermark_yes=re.compile(r"\.27\.[A-Z]+"),  # the copy for sharing
        watermark_no=re.compile(r"\.1034\.[A-Z]+"),
    ),
    pace=Pace(interval_s=(3, 5)),
)
