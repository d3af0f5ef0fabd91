"""What we know of facebook.com; checked 2026-11-24 against recorded pages and published
extractors.
"""

from __future__ import annotations

import re

from mediavault.core.platform import (
    AccountCookie,
    AddressPattern,
    KnownFrom,
    Matching,
    MediaRules,
    Pace,
    PageReader,
    Platform,
    SignIn,
    Walls,
    YtdlpRules,
    paths,
)
from mediavault.platforms.facebook.reader import NAMES_A_VIDEO, ids_of, own_records, read
from mediavault.platforms.facebook.video import measures

# videos, reels and watch pages share one number space
_VIDEO = "https://www.facebook.com/watch/?v={post_id}"
_AD = "https://www.facebook.com/ads/library/?id={post_id}"
_NUMBER = re.compile(r"(?P<post_id>\d{6,25})")
_ANY_ID = re.compile(r"(?P<post_id>pfbid\w+|\d{6,25})")
# behind the title of the post, where there is one
_POST_ID = r"(?:[^/]+/)?(?P<post_id>pfbid\w+|\d{6,25})(?=/|$)"
_GROUP = r"/groups/(?P<group>[\w.-]{1,80})"
_GROUP_POST = "https://www.facebook.com/groups/{group}/posts/{post_id}"
_NOT_A_NAME = (
    "ads|bookmarks|business|events|flx|fundraisers|gaming|groups|hashtag|help|home\\.php|legal|live|login|login\\.php"
    "|marketplace|media|messages|notifications|p|pages|people|permalink\\.php|pg|photo|photo\\.php|plugins|policies|privacy"
    "|profile\\.php|r\\.php|recover|reel|reels|saved|search|settings|share|sharer|sharer\\.php|stories|story\\.php|terms\\.php|video"
    "|video\\.php|watch|watchparty|l\\.php"
)
_NAME = rf"(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>[\w.-]{{1,80}})"
_TABS = (
    "about|about_\\w+|avatar|community|directory_\\w+|events|followers|following|friends|groups|info|likes|live_videos"
    "|mentions|posts|reels|reels_tab|reviews|shop|videos|videos_by|map|music|sports|tv|books"
)

FACEBOOK = Platform(
    name="facebook",
    title="Facebook",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads=(
        "videos, reels, posts of accounts, pages and groups with one or several videos, shared"
        " posts, the mobile site's too"
    ),
    leaves_out="stories, live broadcasts, the advert library",
    extractors=("browser", "ytdlp"),
    resolve_with="browser",
    matching=Matching(
        brands=("facebook",),
        hosts=("facebook.com", "fb.com", "www.fb.com", "m.fb.com"),
        host_suffixes=(".facebook.com",),  # www, web, m, mbasic, touch, and one for each language
        names_in_paths=True,
        mirror_hosts=(
            "facebookwkhpilnemxj7asaniu7vnjjbiltxjqhye3mhbshg7kx5tfyd.onion",
            "www.facebookwkhpilnemxj7asaniu7vnjjbiltxjqhye3mhbshg7kx5tfyd.onion",
            "m.facebookwkhpilnemxj7asaniu7vnjjbiltxjqhye3mhbshg7kx5tfyd.onion",
        ),
        short_hosts=("fb.watch", "fb.me", "fb.gg"),
        share_links=paths(
            r"^/share/(?:[rvp]/)?(?P<post_id>\w{5,})/?$",
            r"^/(?:l\.php|flx/warn/?|plugins/(?:video|post)\.php)$",
        ),
        posts=(
            AddressPattern(
                re.compile(r"^/reels?/(?P<post_id>\d{6,25})(?=/|$)"),
                page="https://www.facebook.com/reel/{post_id}",
            ),
            AddressPattern(
                re.compile(rf"^/(?:pg/)?{_NAME}/videos/(?:[^/]+/)?(?P<post_id>\d{{6,25}})(?=/|$)"),
                page="https://www.facebook.com/{handle}/videos/{post_id}",
            ),
            AddressPattern(
                re.compile(
                    r"^/(?:watch(?:/live)?|reel|video(?:/(?:embed|video\.php))?|(?:video|photo)\.php)/?$"
                ),
                query={"v": _NUMBER},
            ),
            # behind the page's name or number
            AddressPattern(re.compile(r"^/watch/[\w.-]+/(?P<post_id>\d{6,25})/?$")),
            AddressPattern(re.compile(r"^/video/embed/?$"), query={"video_id": _NUMBER}),
            AddressPattern(
                re.compile(rf"^/{_NAME}/posts/{_POST_ID}"),
                canonical="https://www.facebook.com/{handle}/posts/{post_id}",
            ),
            AddressPattern(
                re.compile(rf"^{_GROUP}/(?:permalink|posts)/{_POST_ID}"),
                canonical=_GROUP_POST,
            ),
            AddressPattern(
                re.compile(r"^/(?:permalink|story)\.php/?$"),
                query={"story_fbid": _ANY_ID, "id": re.compile(r"(?P<handle>\d{3,25})")},
                canonical="https://www.facebook.com/permalink.php?story_fbid={post_id}&id={handle}",
            ),
            AddressPattern(
                re.compile(rf"^{_GROUP}/?$"),
                query={"multi_permalinks": _NUMBER},
                canonical=_GROUP_POST,
            ),
            AddressPattern(
                re.compile(rf"^{_GROUP}/?$"),
                query={"view": re.compile("permalink"), "id": _NUMBER},
                canonical=_GROUP_POST,
            ),
            AddressPattern(re.compile(r"^/ads/library/?$"), query={"id": _NUMBER}, canonical=_AD),
        ),
        stories=paths(r"^/stories/\d+(?:/|$)"),
        lives=paths(rf"^/{_NAME}/live(?:/|$)", r"^/(?:live|watch/live)/?$"),
        playlists=paths(r"^/(?:watch|hashtag)/[^/]+", rf"^/{_NAME}/playlists?(?:/|$)"),
        profiles=(
            *paths(r"^/(?:people|pages(?:/category)?)/[^/]+/(?P<handle>\d{3,25})(?:/|$)"),
            # pages of the new form, which have no name
            *paths(r"^/p/[^/]+-(?P<handle>\d{6,25})(?:/|$)"),
            AddressPattern(
                re.compile(r"^/profile\.php/?$"),
                query={"id": re.compile(r"(?P<handle>\d{3,25})(?:/.*)?")},
            ),
            *paths(rf"^/(?:pg/)?{_NAME}/?(?:$|(?:{_TABS})(?:/|$))"),
        ),
        other_pages=paths(
            rf"^/(?:{_NOT_A_NAME})?(?:/|$)", rf"^/{_NAME}/(?:photos|photos_\w+)(?:/|$)"
        ),
        canonical=_VIDEO,
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        own_records=own_records,
        video_path=NAMES_A_VIDEO,
        json_paths=re.compile(r"/api/graphql|/graphqlbatch|/video/(?:playback|tahoe)/"),
        viewer=("CurrentUserInitialData", "NAME"),
    ),
    ytdlp=YtdlpRules(
        ("facebook", "facebook:(?:reel|ads)", "facebookredirecturl"),
        handle="",
        lists_subtitles=True,
    ),
    media=MediaRules(
        hosts=(".fbcdn.net", ".fbsbx.com"),
        path=re.compile(r"/(?:o1/)?v/t\d++(?:(?!/v/t\d)[^?])*\.mp4"),
        key=re.compile(r"/([\w-]{15,})\.mp4"),
        signs_urls=True,
        max_connections=2,  # an account is at risk: no more than a viewer's browser
        # an encode for its player; Facebook adds no watermark
        watermark_no=re.compile(r"[?&]efg="),
        max_range_bytes=250 * 1024 * 1024,  # past 500 MB in one request: 403
        measures=measures,
    ),
    sign_in=SignIn(
        url="https://www.facebook.com/login",
        session_cookies=("c_user", "xs"),
        account_cookie=AccountCookie("c_user", re.compile(r"^(\d+)$")),
    ),
    walls=Walls(
        blocks_media=True,
        login_url=re.compile(r"^https://(?:www|m|web|mbasic)\.facebook\.com/login"),
        login_text=("You must log in to continue", "You must log in first"),
        challenge_url=re.compile(r"^https://(?:www|m|web|mbasic)\.facebook\.com/checkpoint/"),
        challenge_text=("You’re Temporarily Blocked", "You're Temporarily Blocked"),
        challenge_json=("CometErrorRoot.react",),
        gone_text=(
            "This content isn't available",
            "This video isn't available anymore",
            "The page you requested cannot be displayed",
        ),
    ),
    pace=Pace(interval_s=(10, 20), account_daily_cap=60),
)
