"""Damaged documents: whatever is missing, of the wrong type or cut off,
reading them ends with an outcome.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from mediavault.core.urls import parse_http_url
from mediavault.extraction.outcome import PageOutcome
from mediavault.extraction.saved_page import open_saved, read_saved_post
from mediavault.platforms.registry import identify

ROUNDS = 40
STRANGE: tuple[Any, ...] = (
    None, 0, -1, 10**30, 3.5, True, "", "x", "http://[", "https://", "\ud800", "NaN", [], {},
    [None], [[[]]], {"a": 1},
)  # fmt: skip
MP4 = "https://cdn.example/kite.mp4"
HLS = "https://cdn.example/kite.m3u8"
UNKNOWN_SITE = "https://clips.example/c/aB3dE5g"  # its data are read only inside a page

DOCUMENTS: dict[str, Any] = {
    "https://bsky.app/profile/jane.example/post/3kiteaaaaaaaa": {
        "thread": {
            "post": {
                "uri": "at://did:plc:jane/app.bsky.feed.post/3kiteaaaaaaaa",
                "author": {"did": "did:plc:jane", "handle": "jane.example", "displayName": "Jane"},
                "record": {
                    "$type": "app.bsky.feed.post",
                    "text": "A kite",
                    "createdAt": "2026-01-02T03:04:05Z",
                },
                "embed": {
                    "$type": "app.bsky.embed.recordWithMedia#view",
                    "media": {
                        "$type": "app.bsky.embed.video#view",
                        "cid": "baf",
                        "playlist": HLS,
                        "aspectRatio": {},
                    },
                    "record": {
                        "record": {
                            "uri": "at://did:plc:bob/app.bsky.feed.post/3b",
                            "embeds": [{"$type": "x"}],
                        }
                    },
                },
            }
        }
    },
    "https://mastodon.social/@jane/110000000000000001": {
        "id": "110000000000000001",
        "account": {"acct": "jane", "display_name": "Jane"},
        "media_attachments": [
            {
                "id": "1",
                "type": "video",
                "url": MP4,
                "remote_url": None,
                "meta": {"original": {"frame_rate": "30/1"}},
            }
        ],
        "reblog": None,
        "quote": {
            "state": "accepted",
            "quoted_status": {"id": "2", "media_attachments": [{"type": "gifv"}]},
        },
    },
    "https://pt.example/w/kkGMgK9ZtnKfYAgnEtQxbv": {
        "uuid": "9c9d",
        "shortUUID": "kkGMgK9ZtnKfYAgnEtQxbv",
        "duration": 93,
        "previewPath": "/p.jpg",
        "channel": {"name": "kites"},
        "account": {"name": "jane"},
        "files": [],
        "streamingPlaylists": [
            {"playlistUrl": HLS, "files": [{"resolution": {"id": 720}, "fileUrl": MP4, "fps": 30}]}
        ],
    },
    "https://lm.example/post/123": {
        "post_view": {
            "post": {"id": 123, "ap_id": "https://lm.example/post/123", "url": MP4},
            "creator": {"name": "jane"},
        }
    },
    "https://pl.example/objects/aa-bb": {
        "type": "Note",
        "id": "https://pl.example/objects/aa-bb",
        "attributedTo": ["https://pl.example/users/jane"],
        "attachment": [
            {"type": "Document", "url": [{"type": "Link", "mediaType": "video/mp4", "href": MP4}]}
        ],
    },
    "https://vimeo.com/12345678": {
        "request": {
            "files": {
                "progressive": [{"url": MP4, "width": 1280, "height": 720, "fps": 25}],
                "hls": {"cdns": {"a": {"url": HLS}}, "default_cdn": "a"},
            }
        },
        "video": {
            "id": 12345678,
            "owner": {"name": "Jane", "url": "https://vimeo.com/jane"},
            "thumbs": {"640": MP4},
        },
    },
    "https://clips.twitch.tv/CoolKiteClip-AbCdEf123456": [
        {
            "data": {
                "clip": {
                    "slug": "CoolKiteClip-AbCdEf123456",
                    "broadcaster": {"login": "jane"},
                    "playbackAccessToken": {"signature": "a", "value": "{}"},
                    "videoQualities": [{"quality": "720", "frameRate": 60, "sourceURL": MP4}],
                    "assets": [
                        {
                            "aspectRatio": 0.5,
                            "videoQualities": [{"quality": "720", "sourceURL": MP4}],
                        }
                    ],
                }
            }
        }
    ],
    "https://www.pinterest.com/pin/123456789012345678/": {
        "resource_response": {
            "data": {
                "id": "123456789012345678",
                "images": {"orig": {"url": "https://i.pinimg.com/a.jpg"}},
                "pinner": {"username": "jane"},
                "videos": {"video_list": {"V_720P": {"url": MP4, "duration": 9_000}}},
                "story_pin_data": {
                    "pages": [{"blocks": [{"video": {"video_list": {"V_EXP7": {"url": MP4}}}}]}]
                },
            }
        }
    },
    "https://www.snapchat.com/spotlight/W7_EDlXWTBiXAEEniNoMPwAAYZ2": {
        "story": {
            "storyId": {"value": "W7_EDlXWTBiXAEEniNoMPwAAYZ2"},
            "snapList": [
                {
                    "snapMediaType": 1,
                    "snapUrls": {"mediaUrl": MP4, "mediaPreviewUrl": {"value": MP4}},
                }
            ],
        },
        "metadata": {
            "videoMetadata": {
                "durationMs": "9000",
                "creator": {"personCreator": {"username": "jane"}},
            }
        },
    },
    "https://www.linkedin.com/feed/update/urn:li:activity:7100000000000000000": {
        "included": [
            {
                "entityUrn": "urn:li:activity:7100000000000000000",
                "actor": {
                    "name": {"text": "Jane"},
                    "navigationContext": {"actionTarget": "https://x/in/jane"},
                },
                "content": {
                    "videoPlayMetadata": {
                        "duration": 9_000,
                        "thumbnail": {
                            "rootUrl": "https://x/",
                            "artifacts": [{"fileIdentifyingUrlPathSegment": "a"}],
                        },
                        "progressiveStreams": [{"width": 1, "streamingLocations": [{"url": MP4}]}],
                    }
                },
            }
        ]
    },
    "https://www.tumblr.com/janeblog/712345678901234567": {
        "response": {
            "posts": [
                {
                    "id_string": "712345678901234567",
                    "blog": {"name": "janeblog"},
                    "content": [
                        {
                            "type": "video",
                            "media": {"url": MP4},
                            "poster": [{"url": MP4}],
                            "duration": 9,
                        }
                    ],
                    "trail": [{"content": [{"type": "video", "media": [{"url": MP4}]}]}],
                }
            ]
        }
    },
    "https://www.dailymotion.com/video/x8abcde": {
        "id": "x8abcde",
        "owner": {"username": "jane"},
        "qualities": {
            "auto": [{"type": "application/x-mpegURL", "url": HLS}],
            "720@60": [{"url": MP4}],
        },
        "posters": {"720": "https://s1.dmcdn.net/a"},
    },
    "https://www.bilibili.com/video/BV1xx411c7mD?p=2": {
        "p": 2,
        "videoData": {
            "bvid": "BV1xx411c7mD",
            "aid": 1,
            "owner": {"mid": 4},
            "pages": [{"page": 2}],
            "pic": "//x/a.jpg",
        },
        "data": {
            "timelength": 9_000,
            "dash": {
                "video": [{"baseUrl": MP4, "codecs": "avc1"}],
                "audio": [{"baseUrl": MP4, "bandwidth": 1}],
            },
        },
    },
    "https://weibo.com/1234567890/MabCdEfGh": {
        "mblogid": "MabCdEfGh",
        "user": {"id": 1, "screen_name": "Jane"},
        "page_info": {
            "media_info": {
                "playback_list": [{"play_info": {"url": MP4, "bitrate": 9}}],
                "stream_url": MP4,
            }
        },
        "mix_media_info": {"items": []},
    },
    UNKNOWN_SITE: {
        "post": {"id": "aB3dE5g", "video": {"url": MP4, "width": 9}},
        "@type": "VideoObject",
        "contentUrl": MP4,
        "duration": "PT1M",
        "sources": [{"src": MP4, "type": "video/mp4", "label": "720p"}],
        "playlist": [{"file": MP4}],
    },
}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, held in inner:
        yield (*path, key)
        yield from paths(held, (*path, key))


def damaged(document: Any, random: Random) -> Any:
    """A copy with one to three values removed or replaced by ones of another type."""
    changed = copy.deepcopy(document)
    for _ in range(random.randint(1, 3)):
        known = list(paths(changed))
        if not known:
            break
        *way, last = random.choice(known)
        holder = changed
        for key in way:
            holder = holder[key]
        if random.random() < 0.3:
            del holder[last]
        else:
            holder[last] = copy.deepcopy(random.choice(STRANGE))
    return changed


def in_page(text: str) -> str:
    return (
        f'<script type="application/ld+json">{text}</script><script id="__NEXT_DATA__"'
        f' type="application/json">{text}'
        f"</script><script>window.state={text};jwplayer('p').setup({text});</script><div"
        f" data-setup='{text}'>A kite</div>"
    )


def outcome(url: str, text: str) -> PageOutcome:
    post, platform = identify(parse_http_url(url))
    return read_saved_post(platform, post, open_saved(text.encode("utf-8", "replace"), url)).outcome


@pytest.mark.parametrize("url", DOCUMENTS)
def test_the_undamaged_document_shows_the_video(url: str) -> None:
    text = json.dumps(DOCUMENTS[url])

    assert outcome(url, in_page(text) if url == UNKNOWN_SITE else text) is PageOutcome.VIDEO


@pytest.mark.parametrize("url", DOCUMENTS)
def test_a_damaged_document_has_an_outcome(url: str) -> None:
    random = Random(url)

    for _ in range(ROUNDS):
        text = json.dumps(damaged(DOCUMENTS[url], random))
        assert outcome(url, text) in PageOutcome
        assert outcome(url, in_page(text)) in PageOutcome


@pytest.mark.parametrize("url", DOCUMENTS)
def test_a_page_that_was_cut_off_has_an_outcome(url: str) -> None:
    random = Random(url)
    whole = in_page(json.dumps(DOCUMENTS[url]))

    for _ in range(ROUNDS):
        end = random.randrange(40, len(whole))
        noise = random.choice(('"', "'", "<", ">", "{", "}", "\0", "&", "\\"))
        assert outcome(url, whole[:end]) in PageOutcome
        assert outcome(url, whole[:end] + noise + whole[end + 1 :]) in PageOutcome
