"""Players of a saved page that do not show its video, and error pages of servers."""

from __future__ import annotations

from mediavault.extraction.outcome import PageOutcome
from mediavault.extraction.saved_page import open_saved, read_saved_post
from mediavault.platforms.generic import GENERIC
from tests.unit.extraction.samples import page_post


def previewed(link: str, attributes: str = "muted loop") -> PageOutcome:
    post = page_post()
    video = f'<a href="{link}"><video {attributes} src="/clips/preview.mp4"></video></a>'
    html = f"<html><body><h1>Kites</h1>{video}<p>{'word ' * 30}</p></body></html>"
    return read_saved_post(GENERIC, post, open_saved(html.encode(), post.url)).outcome


def test_a_video_inside_a_link_to_another_page_is_not_this_pages() -> None:
    assert previewed("/another/page") is PageOutcome.NO_OWN_VIDEO
    assert previewed("https://elsewhere.example/page", "autoplay muted") is PageOutcome.NO_OWN_VIDEO


def test_a_video_linked_to_the_page_itself_or_to_a_file_or_with_controls_counts() -> None:
    post = page_post()
    own = [post.url, f"{post.url}/with-a-title", "#top", "/clips/large.mp4"]

    assert [previewed(link) for link in own] == [PageOutcome.VIDEO] * len(own)
    assert previewed("/another/page", "controls") is PageOutcome.VIDEO


def test_a_servers_own_404_page_means_that_the_post_is_gone() -> None:
    html = (
        "<html><head><title>404 Not Found</title></head><body><center><h1>404 Not"
        " Found</h1></center>nginx</body></html>"
    )
    post = page_post()

    assert (
        read_saved_post(GENERIC, post, open_saved(html.encode(), post.url)).outcome
        is PageOutcome.GONE
    )
