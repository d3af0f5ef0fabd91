"""LinkedIn's guest page and voyager's records."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from mediavault.core.media import ItemRole
from mediavault.extraction.page_data.elements import element_documents
from tests.unit.extraction.page_data.reading import best, read, read_known

NUMBER = "7151241570371948544"
URL = f"https://www.linkedin.com/posts/jane_kite-activity-{NUMBER}-4Gu7"
FILE = "https://dms.licdn.com/playlist/vid/v2/D4E/"


def player(name: str) -> dict[str, Any]:
    sources = [
        {"src": f"{FILE}{name}/mp4-360p-30fp/x", "type": "video/mp4", "data-bitrate": 400_000},
        {"src": f"{FILE}{name}/mp4-720p-30fp/x", "type": "video/mp4", "data-bitrate": 1_600_000},
    ]
    attributes = {
        "data-sources": json.dumps(sources),
        "data-poster-url": "https://media.licdn.com/p.jpg",
    }
    return {"element": "video", "attributes": attributes}


def test_the_first_player_of_a_guest_page_is_taken() -> None:
    data = read_known(URL, player("own"), player("related"))

    assert best(data) == [f"{FILE}own/mp4-720p-30fp/x"]
    assert data.thumbnail_url == "https://media.licdn.com/p.jpg"


def card(number: str, **facts: str) -> dict[str, Any]:
    urns = {
        "data-activity-urn": f"urn:li:activity:{number}",
        "data-attributed-urn": "urn:li:share:1",
    }
    return {"element": "article", "attributes": {**urns, **facts}}


def test_a_player_in_the_element_of_another_post_is_ignored() -> None:
    assert best(read_known(URL, card("7"), player("other"), card(NUMBER), player("own"))) == [
        f"{FILE}own/mp4-720p-30fp/x"
    ]
    assert read(URL, card(NUMBER), card("7"), player("related")) is None


def test_the_video_of_a_reposted_post_has_that_role() -> None:
    reshared = card("7", **{"data-test-id": "feed-reshare-content"})

    assert [
        item.role for item in read_known(URL, card(NUMBER), reshared, player("other")).items
    ] == [ItemRole.REPOSTED]


def test_the_elements_of_posts_are_read_from_a_page() -> None:
    sources = json.dumps([{"src": f"{FILE}own/mp4-720p-30fp/x", "type": "video/mp4"}])
    html = (
        f'<article class="a" data-activity-urn="urn:li:activity:{NUMBER}">'
        f'<video data-sources="{escape(sources)}"></video></article>'
    )

    assert best(read_known(URL, *element_documents(html))) == [f"{FILE}own/mp4-720p-30fp/x"]


def metadata(name: str) -> dict[str, Any]:
    streams = [
        {
            "width": 1280,
            "height": 720,
            "bitRate": 1_600_000,
            "mediaType": "video/mp4",
            "streamingLocations": [{"url": f"{FILE}{name}/720"}],
        },
        {
            "width": 640,
            "height": 360,
            "bitRate": 400_000,
            "mediaType": "video/mp4",
            "streamingLocations": [{"url": f"{FILE}{name}/360"}],
        },
    ]
    return {
        "media": f"urn:li:digitalmediaAsset:{name}",
        "progressiveStreams": streams,
        "duration": 4_500,
    }


def test_the_signed_in_pages_records_assign_the_video_to_the_update() -> None:
    update = {
        "entityUrn": f"urn:li:fsd_update:(urn:li:activity:{NUMBER},FEED)",
        "content": {"*video": "urn:li:digitalmediaAsset:own"},
    }
    data = read_known(URL, {"included": [metadata("other"), update, metadata("own")]})

    assert (best(data), data.items[0].expected.duration_s) == ([f"{FILE}own/720"], 4.5)


def test_videos_of_other_updates_are_ignored() -> None:
    update = {
        "entityUrn": "urn:li:activity:1",
        "content": {"*video": "urn:li:digitalmediaAsset:other"},
    }

    assert read(URL, {"included": [update, metadata("other")]}) is None


def test_a_signed_in_answer_names_the_account() -> None:
    number = "7100000000000000000"
    actor = {
        "name": {"text": "Jane Doe"},
        "navigationContext": {"actionTarget": "https://www.linkedin.com/in/jane-doe?trk=x"},
    }
    stream = {"width": 1280, "streamingLocations": [{"url": "https://dms.licdn.com/playlist/720"}]}
    update = {
        "entityUrn": f"urn:li:fs_updateV2:(urn:li:activity:{number},FEED_DETAIL)",
        "actor": actor,
        "content": {
            "videoPlayMetadata": {
                "media": "urn:li:digitalmediaAsset:D4",
                "progressiveStreams": [stream],
            }
        },
    }

    data = read_known(
        f"https://www.linkedin.com/feed/update/urn:li:activity:{number}", {"included": [update]}
    )

    assert (data.handle, data.display_name) == ("jane-doe", "Jane Doe")


def update(number: str, **facts: Any) -> dict[str, Any]:
    urn = f"urn:li:fs_updateV2:(urn:li:activity:{number},MAIN_FEED,EMPTY,DEFAULT,false)"
    actor = {
        "name": {"text": "Jane"},
        "navigationContext": {"actionTarget": "https://www.linkedin.com/in/jane"},
    }
    return {
        "entityUrn": urn,
        "updateMetadata": {"urn": f"urn:li:activity:{number}"},
        "actor": actor,
        **facts,
    }


OTHER = "7151241570371940001"


def test_an_update_without_a_video_does_not_get_the_only_one_in_its_feed() -> None:
    theirs = update(OTHER, content={"*videoPlayMetadata": "urn:li:digitalmediaAsset:theirs"})
    own = update(NUMBER, content={"$type": "com.linkedin.voyager.feed.render.ImageComponent"})
    data = read_known(URL, {"included": [metadata("theirs"), theirs, own]})

    assert (data.items, data.handle, data.display_name) == ((), "jane", "Jane")


def test_the_video_of_a_reshared_update_has_that_role() -> None:
    theirs = update(OTHER, content={"*videoPlayMetadata": "urn:li:digitalmediaAsset:theirs"})
    by_name = read_known(
        URL,
        {
            "included": [
                metadata("theirs"),
                theirs,
                update(NUMBER, **{"*resharedUpdate": theirs["entityUrn"]}),
            ]
        },
    )
    inside = update(OTHER, content={"videoPlayMetadata": metadata("theirs")})
    held = read_known(URL, {"included": [update(NUMBER, resharedUpdate=inside)]})

    assert [(item.role, item.label) for item in by_name.items] == [(ItemRole.REPOSTED, OTHER)]
    assert [(item.role, item.label) for item in held.items] == [(ItemRole.REPOSTED, OTHER)]


def test_a_video_that_an_answer_only_announces_has_no_candidates() -> None:
    own = update(
        NUMBER, content={"$type": "com.linkedin.voyager.feed.render.LinkedInVideoComponent"}
    )

    assert [
        (item.is_video, item.candidates) for item in read_known(URL, {"included": [own]}).items
    ] == [(True, ())]
