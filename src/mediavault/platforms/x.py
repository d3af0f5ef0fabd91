"""What we know of x.com; checked 2026-11-24 against recorded answers."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform, PostPattern

X = Platform(
    name="x",
    title="X",
    hosts=(
        "x.com",
        "www.x.com",
        "mobile.x.com",
        "twitter.com",
        "www.twitter.com",
        "mobile.twitter.com",
        "m.twitter.com",
    ),
    mirror_hosts=(
        "fxtwitter.com",
        "vxtwitter.com",
        "fixupx.com",
        "fixvx.com",
        "twittpr.com",
        "nitter.net",
        "nitter.inpt.fr",
        "nitter.poast.org",
        "xcancel.com",
    ),
    post_patterns=(
        PostPattern(re.compile(r"^/(?:i/web|i|web)/status(?:es)?/(?P<post_id>\d{1,19})(?=/|$)", re.IGNORECASE)),
        PostPattern(re.compile(r"^/(?P<handle>\w{1,15})/status(?:es)?/(?P<post_id>\d{1,19})(?=/|$)", re.IGNORECASE)),
        PostPattern(re.compile(r"^/i/videos/(?:tweet/)?(?P<post_id>\d{1,19})(?=/|$)")),
    ),
    not_a_post=(
        re.compile(r"^/(?:home|explore|notifications|messages|hashtag|search|lists?|settings|compose)(?:/|$)"),
        re.compile(r"^/i/(?:timeline|communities|events|user|lists|bookmarks|moments|spaces|broadcasts|flow)(?:/|$)"),
        re.compile(r"^/(?:id:\d+|\w{1,15})/?$"),
        re.compile(
            r"^/(?:id:\d+|\w{1,15})/(?:timeline|with_replies|media|likes|following|followers|info|lists|highlights|"
            r"articles|verified_followers)/?$"
        ),
    ),
    canonical="https://x.com/i/status/{post_id}",  # ids are unique without the handle, and handles change
    page="https://x.com/{handle}/status/{post_id}",
    media_hosts=("video.twimg.com",),
    media_path=re.compile(r"/(?:amplify_video|ext_tw_video|tweet_video)/"),
    media_key=re.compile(r"/(?:amplify_video|ext_tw_video|tweet_video)/(\w+)[/.]"),
    reject_path=re.compile(r"/(?:amplify_video_thumb|ext_tw_video_thumb|tweet_video_thumb)/"),
    json_paths=re.compile(r"/graphql/[^/]+/(?:TweetResultByRestId|TweetDetail|TweetResultsByRestIds)\b"),
    page_reader="x",
    watermark_no=re.compile(r"."),  # X adds no mark of its own
    login_wall_url=re.compile(r"^https://(?:x|twitter)\.com/(?:i/flow/(?:login|signup)|login|account/access)"),
    login_wall_text=("Log in to X to see this post",),
    challenge_text=("Your account is temporarily locked", "Confirm you’re human"),
    gone_text=("this page doesn’t exist", "This Post was deleted", "Account suspended"),
    private_text=("limits who can view their Posts", "These posts are protected"),
    checked="2026-11-24",
)
