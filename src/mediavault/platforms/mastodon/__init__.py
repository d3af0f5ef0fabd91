"""What we know of Mastodon servers; checked 2026-11-24 against its documentation.

There are thousands of hosts. Large ones are listed here; on all others only URL forms that no other software uses are
taken for Mastodon's: an account's name and a post's number of 18 digits (since 2016 a snowflake: the time comes first).
"""

from __future__ import annotations

import re

from mediavault.core.platform import AddressPattern, KnownFrom, Matching, MediaRules, PageReader, Platform, Walls, paths
from mediavault.extraction.page_data.statuses import ids_of
from mediavault.platforms.mastodon.feeds import ACCOUNT_FEEDS
from mediavault.platforms.mastodon.reader import read

_HOSTS = (
    "mastodon.social mastodon.online mastodon.world mastodon.art mastodon.cloud mastodon.xyz mastodon.gamedev.place "
    "mastodon.uno mastodon.nl mastodon.ie mastodon.sdf.org mastodon.green mastodon.lol mastodonapp.uk mstdn.social "
    "mstdn.jp mstdn.ca mstdn.party mas.to masto.ai masto.nu fosstodon.org hachyderm.io infosec.exchange techhub.social "
    "chaos.social troet.cafe pawoo.net baraag.net aethy.com social.vivaldi.net social.tchncs.de norden.social "
    "det.social sfba.social piaille.fr mamot.fr ohai.social universeodon.com toot.community tech.lgbt kolektiva.social "
    "social.coop journa.host indieweb.social home.social aus.social c.im newsie.social wandering.shop zirk.us"
)
_NAME = r"(?P<handle>[\w.-]+(?:@[\w.-]+)?)"
_USER = r"(?P<handle>[\w.-]+)"

MASTODON = Platform(
    name="mastodon",
    title="Mastodon",
    checked="2026-11-24",
    known_from=(KnownFrom.DOCUMENTED,),
    reads="posts of servers that answer without a sign-in, with their videos, GIFs and sounds",
    leaves_out="servers on unknown hosts whose URLs look like other software's; they are read as any page",
    extractors=("api", "browser"),
    api_url="https://{host}/api/v1/statuses/{post_id}",
    matching=Matching(
        hosts=tuple(_HOSTS.split()),
        image_hosts=("files.mastodon.social",),
        posts=(
            AddressPattern(re.compile(rf"^/(?:web/|deck/)?@{_NAME}/(?P<post_id>\d{{1,20}})(?=/|$)")),
            AddressPattern(re.compile(rf"^/users/{_USER}/statuses/(?P<post_id>\d{{1,20}})(?=/|$)")),
            AddressPattern(
                re.compile(r"^/web/statuses/(?P<post_id>\d{1,20})(?=/|$)"),
                canonical="https://{host}/web/statuses/{post_id}",
            ),
        ),
        posts_on_any_host=(
            AddressPattern(re.compile(rf"^/@{_NAME}/(?P<post_id>1\d{{17}})/?$")),
            AddressPattern(re.compile(rf"^/users/{_USER}/statuses/(?P<post_id>1\d{{17}})/?$")),
        ),
        playlists=paths(r"^/(?:web/|deck/)?(?:tags|lists|collections)/[^/]+"),
        profiles=paths(
            rf"^/(?:web/|deck/)?@{_NAME}(?:/|$)",
            r"^/(?:(?:web/|deck/)?@|users/)id:\d+(?:/|$)",
            rf"^/users/{_NAME}(?:/|$)",
            r"^/web/accounts/\d+",
        ),
        other_pages=paths(
            r"^/(?:$|(?:explore|public|about|search|directory|web|deck|home|bookmarks|favourites|notifications|settings"
            r"|auth|privacy-policy|getting-started|links)(?:/|$))"
        ),
        canonical="https://{host}/@{handle}/{post_id}",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        json_paths=re.compile(r"/api/v1/statuses/\d+(?:\?|$)"),
    ),
    feeds=(ACCOUNT_FEEDS,),
    media=MediaRules(
        hosts=("files.mastodon.social", "media.mastodon.social"),
        reject_path=re.compile(r"/small/|/cache/preview_cards/"),
        watermark_no=re.compile(r"."),  # Mastodon adds no watermark
    ),
    walls=Walls(
        gone_text=("The page you are looking for isn't here",),
        gone_json=("Record not found",),
        login_json=("This method requires an authenticated user", "This API requires an authenticated user"),
    ),
)
