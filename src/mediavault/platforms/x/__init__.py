"""What we know of x.com; checked 2026-11-24 against recorded answers and published extractors."""

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
from mediavault.platforms.x.media import measures
from mediavault.platforms.x.reader import address_of, ids_of, read

# front ends link to the file by its extension
_ID = r"(?P<post_id>\d{1,19})(?:\.(?:mp4|jpe?g|png|gif))?(?=/|$)"
_NUMBER = re.compile(r"(?P<post_id>\d{1,19})")
_NOT_A_NAME = (
    "account|articles|compose|download|explore|hashtag|home|i|intent|jobs|login|logout|messages|notifications|oauth"
    "|privacy|search|settings|share|signup|statuses|tos|who_to_follow"
)
_NAME = rf"(?!(?:{_NOT_A_NAME})(?:/|$))(?P<handle>\w{{1,15}})"
_TABS = (
    "timeline|tweets|with_replies|highlights|articles|media|photo|header_photo|info|about|likes|favorites|following"
    "|followers|verified_followers|followers_you_follow|lists|moments|communities|superfollows|search|subscriptions"
)
_FRONT_ENDS = (
    "fxtwitter.com www.fxtwitter.com d.fxtwitter.com g.fxtwitter.com t.fxtwitter.com fixupx.com"
    " d.fixupx.com g.fixupx.com t.fixupx.com vxtwitter.com www.vxtwitter.com d.vxtwitter.com"
    " c.vxtwitter.com fixvx.com d.fixvx.com c.fixvx.com twittpr.com www.nitter.net lightbrd.com"
    " xcancel.com ntr.odyssey346.dev birdsite.xanny.family bird.trom.tf bird.habedieeh.re n.l5.ca"
    " n.opnxng.com n.sneed.network notabird.site nt.vern.cc nttr.stream tweet.lambda.dance"
    " tw.artemislena.eu twitr.gq unofficialbird.com twiiit.com"
    " twitter3e4tixl4xyajtrzo62zg5vztmjuricljdp2c5kshju4avyoid.onion"
    " www.twitter3e4tixl4xyajtrzo62zg5vztmjuricljdp2c5kshju4avyoid.onion"
)

X = Platform(
    name="x",
    title="X",
    checked="2026-11-24",
    known_from=(KnownFrom.RECORDED, KnownFrom.PUBLISHED),
    reads="posts with videos and GIFs, several in one post, those of the quoted post, player cards",
    leaves_out="live broadcasts, spaces, lists and accounts; answers and adverts around the post",
    extractors=("browser", "ytdlp"),
    matching=Matching(
        brands=("twitter",),
        hosts=(
            "x.com",
            "www.x.com",
            "mobile.x.com",
            "m.x.com",
            "pro.x.com",
            "twitter.com",
            "www.twitter.com",
            "mobile.twitter.com",
            "m.twitter.com",
            "platform.twitter.com",
            "platform.x.com",
        ),
        mirror_hosts=tuple(_FRONT_ENDS.split()),
        mirror_prefixes=("nitter.",),
        short_hosts=("pic.twitter.com", "pic.x.com"),
        image_hosts=("pbs.twimg.com", "abs.twimg.com"),
        posts=(
            AddressPattern(re.compile(rf"^/(?:i/web|i|web)/status(?:es)?/{_ID}", re.IGNORECASE)),
            AddressPattern(
                re.compile(rf"^/@?(?P<handle>\w{{1,15}})/status(?:es)?/{_ID}", re.IGNORECASE)
            ),
            AddressPattern(re.compile(rf"^/statuses/{_ID}")),
            AddressPattern(re.compile(rf"^/i/(?:videos/(?:tweet/)?|cards/tfw/v1/){_ID}")),
            AddressPattern(re.compile(r"^/i/bookmarks/?$"), query={"post_id": _NUMBER}),
            AddressPattern(
                re.compile(r"^/intent/(?:like|favorite|retweet)/?$"), query={"tweet_id": _NUMBER}
            ),
            AddressPattern(
                re.compile(r"^/embed/Tweet\.html$"),
                query={"id": _NUMBER},
                host=re.compile(r"platform\.(?:twitter|x)\.com"),
            ),
        ),
        lives=paths(r"^/i/broadcasts/\w+"),
        playlists=paths(
            r"^/i/(?:user|events|lists|communities|moments|topics|bookmarks|history)(?:/|$)"
        ),
        profiles=(
            AddressPattern(
                re.compile(r"^/intent/(?:user|follow)/?$"),
                query={"screen_name": re.compile(r"@?(?P<handle>\w{1,15})")},
            ),
            *paths(
                rf"^/@?{_NAME}/?(?:$|(?:{_TABS})(?:/|$))",
                r"^/id:\d+(?:/|$)",
                r"^/intent/user(?:/|$)",
            ),
        ),
        # including spaces, which have only sound
        other_pages=paths(rf"^/(?:{_NOT_A_NAME})?(?:/|$)"),
        # ids are unique without the handle, and handles change
        canonical="https://x.com/i/status/{post_id}",
        page="https://x.com/{handle}/status/{post_id}",
    ),
    reader=PageReader(
        read=read,
        ids_of=ids_of,
        address_of=address_of,
        json_paths=re.compile(
            r"/graphql/[^/]+/(?:TweetResultByRestId|TweetDetail|TweetResultsByRestIds)\b"
        ),
        always_sent=True,
    ),
    ytdlp=YtdlpRules(
        ("twitter", "twitter:(?:amplify|card|broadcast)"), mixes_single=True, lists_subtitles=True
    ),
    media=MediaRules(
        hosts=("video.twimg.com", "pbs.twimg.com", "abs.twimg.com", ".video.pscp.tv"),
        path=re.compile(r"/(?:amplify_video|ext_tw_video|tweet_video)/"),
        key=re.compile(r"/(?:amplify_video|ext_tw_video|tweet_video)/([\w-]+)[/.]"),
        reject_path=re.compile(r"/(?:amplify_video_thumb|ext_tw_video_thumb|tweet_video_thumb)/"),
        watermark_no=re.compile(r"."),  # X adds no watermark
        measures=measures,
    ),
    sign_in=SignIn(
        url="https://x.com/i/flow/login",
        session_cookies=("auth_token", "ct0"),
        account_cookie=AccountCookie("twid", re.compile(r"^u=(\d+)$")),
    ),
    walls=Walls(
        login_url=re.compile(r"^https://(?:x|twitter)\.com/(?:i/flow/(?:login|signup)|login)"),
        login_text=("Log in to X to see this post",),
        age_text=("Age-restricted adult content",),
        age_json=("NsfwLoggedOut", "NsfwViewerHasNoStatedAge"),
        challenge_text=("Your account is temporarily locked", "Confirm you’re human"),
        gone_text=("this page doesn’t exist", "This Post was deleted", "Account suspended"),
        private_text=("limits who can view their Posts", "These posts are protected"),
        private_json=("Protected",),
    ),
    pace=Pace(interval_s=(3, 6)),
)
