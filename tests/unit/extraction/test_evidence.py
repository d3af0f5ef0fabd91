"""What speaks for and against a video being a page's own, one by one, and what that amounts to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediavault.core.media import FoundIn, Ownership, Sign
from mediavault.extraction.candidates import NamedBy, Sighting
from mediavault.extraction.evidence import PageFacts, evidence, is_own, offers_to_skip, page_facts
from tests.stubs import candidate
from tests.unit.extraction.samples import player

PAGE = page_facts(
    "https://news.test/2026/kite-over-harbour-7491823",
    titles=["A kite over the harbour", None],
    text="On a windy summer day it flew home.",
    pictures=["https://pictures.test/2026/harbour-1.jpg?w=640"],
    length_s=62.0,
    marks_main=False,
    is_about_video=False,
)


def seen(url: str = "https://files.other.test/a1.mp4", **facts: Any) -> Sighting:
    return Sighting((candidate(url, found_in=FoundIn.DOM, ownership=Ownership.UNKNOWN),), **facts)


def signs(sighting: Sighting, page: PageFacts = PAGE) -> set[Sign]:
    return set(evidence(sighting, page))


@pytest.mark.parametrize(
    ("sighting", "sign"),
    [
        (seen(named_by=NamedBy.MAIN_ITEM), Sign.MAIN_ITEM),
        (seen(named_by=NamedBy.OBJECT), Sign.NAMED),
        (seen(names="h-entry u-video"), Sign.NAMED),
        (seen(named_by=NamedBy.CARD), Sign.CARD),
        (seen(player=player()), Sign.PLAYER),
        (seen("https://cdn.news.test/a1.mp4"), Sign.OWN_HOST),
        (seen("https://pictures.test/a1.mp4"), Sign.OWN_HOST),
        (seen("data:application/vnd.apple.mpegurl;base64,QQ=="), Sign.OWN_HOST),
        (seen("https://files.other.test/7491823.mp4"), Sign.SAME_ID),
        (seen(media_id="7491823"), Sign.SAME_ID),
        (seen("https://files.other.test/harbour.mp4"), Sign.SAME_TITLE),
        (seen(title="Harbours and kites"), Sign.SAME_TITLE),
        (seen(thumbnail_url="https://pictures.test/other-size/harbour-1.webp"), Sign.SAME_PICTURE),
        (seen(player=player(duration_s=61.0)), Sign.SAME_LENGTH),
        (seen(), Sign.OTHER_HOST),
        (seen(title="How to bake bread"), Sign.OTHER_TITLE),
        (seen(player=player(container="aside")), Sign.OUTSIDE),
        (seen(player=player(muted_loop=True)), Sign.LOOP),
        (seen(names="ad-slot"), Sign.ADVERT),
        (seen(names="promoBox"), Sign.ADVERT),
        (seen(names="player Recommended for you"), Sign.SUGGESTED),
        (seen(player=player(names="box More from the harbour")), Sign.SUGGESTED),
        (seen(names="modal-window"), Sign.PREVIEW),
        (seen(names="text2speech-player"), Sign.SPOKEN),
    ],
)
def test_each_sign_is_found_by_itself(sighting: Sighting, sign: Sign) -> None:
    assert sign in signs(sighting)
    assert signs(seen()) == {Sign.OTHER_HOST}


@pytest.mark.parametrize(
    "names",
    [
        "readable",
        "shadow head",
        "uploads",
        "download-list",
        "article-feedback",
        "main video-player",
    ],
)
def test_words_that_only_contain_a_mark_are_none(names: str) -> None:
    assert not signs(seen(names=names)) & {Sign.ADVERT, Sign.SUGGESTED, Sign.PREVIEW, Sign.SPOKEN}


def test_on_a_list_of_posts_a_video_is_no_posts_own() -> None:
    assert signs(seen(), replace(PAGE, is_index=True)) == {Sign.OTHER_HOST, Sign.INDEX}
    assert not is_own({Sign.OWN_HOST, Sign.INDEX})


def test_a_title_of_one_word_or_on_a_page_without_titles_says_nothing() -> None:
    assert Sign.OTHER_TITLE not in signs(seen(title="VID_20260102"))
    assert Sign.OTHER_TITLE not in signs(seen(title="How to bake bread"), PageFacts())


@pytest.mark.parametrize(
    ("found", "own"),
    [
        ({Sign.MAIN_ITEM, Sign.OTHER_HOST, Sign.OTHER_TITLE}, True),
        ({Sign.NAMED, Sign.OTHER_HOST}, True),
        ({Sign.NAMED, Sign.OTHER_TITLE, Sign.OWN_HOST}, False),
        ({Sign.CARD, Sign.OTHER_HOST}, False),
        ({Sign.CARD, Sign.OWN_HOST}, True),
        ({Sign.PLAYER, Sign.OTHER_HOST}, False),
        ({Sign.PLAYER, Sign.OTHER_HOST, Sign.SAME_PICTURE}, True),
        ({Sign.PLAYER, Sign.OWN_HOST}, True),
        ({Sign.PLAYER, Sign.OWN_HOST, Sign.SUGGESTED}, False),
        ({Sign.PLAYER, Sign.OWN_HOST, Sign.OUTSIDE}, False),
        (set(), False),
    ],
)
def test_a_video_is_the_pages_own_where_something_speaks_for_it_and_nothing_against(
    found: set[Sign], own: bool
) -> None:
    assert is_own(found) is own


def test_a_word_of_the_pages_text_says_only_that_a_title_is_not_about_something_else() -> None:
    assert signs(seen("https://files.other.test/summer-sale.mp4")) == {Sign.OTHER_HOST}
    assert signs(seen(title="Summer sale everywhere")) == {Sign.OTHER_HOST}


def test_a_pages_own_facts_are_read_from_its_address_too() -> None:
    assert {"kite", "harbour"} <= PAGE.words
    assert signs(seen(title="Kite surfing"), replace(PAGE, words=frozenset())) == {Sign.OTHER_HOST}


@pytest.mark.parametrize(
    ("html", "skips"),
    [
        ('<button class="skip-ad">»</button>', True),
        ('<div id="skipAdButton"></div>', True),
        ('<div onclick="go()" class="x">SKIP AD</div>', True),
        ('<button aria-label="Skip the video ad in 5 s">×</button>', True),
        ('<div class="videoAdUiSkipButton"></div>', True),
        ('<div class="jw-skip jw-reset jw-hidden"></div>', True),
        ("<span>Werbung überspringen</span>", True),
        ("<button>Passer l&#39;annonce</button>", True),
        ('<a class="skip-link" href="#content">Skip to the content</a>', False),
        ('<a href="#after-banner" class="a11y-skip">Passer la publicité</a>', False),
        ('<a href="javascript:closeInterruption()" class="skip-ad-text">SKIP AD</a>', False),
        ('<div class="ad skip-lazy"><img></div>', False),
        ('<div class="ads"><a>Skip</a></div>', False),
        ("<p>Press the key to skip adverts.</p>", False),
        ('<script>var l10n = {"mejs.ad-skip":"Skip ad"}; if (1<2) skipAd();</script>', False),
        ("", False),
    ],
)
def test_a_button_that_skips_adverts_is_found_by_its_names_or_its_text(
    html: str, *, skips: bool
) -> None:
    assert offers_to_skip(f"<body><main><video src='a.mp4'></video>{html}</main>") is skips


def test_a_page_that_can_skip_adverts_says_so_of_each_of_its_videos() -> None:
    assert Sign.SKIPS_ADVERTS in signs(seen(), replace(PAGE, skips_adverts=True))
    assert is_own({Sign.PLAYER, Sign.OWN_HOST, Sign.SKIPS_ADVERTS})
