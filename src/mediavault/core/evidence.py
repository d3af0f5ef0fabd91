"""What a page says for or against a video being its own, by name and in words (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from mediavault.core.messages import Message, join


class Sign(StrEnum):
    """One thing that a page says for or against a video being its own. The values are stored: never rename one."""

    MAIN_ITEM = "main_item"  # what the page is about names it as its video
    NAMED = "named"  # a VideoObject of the page names it, or the microformat of its entry
    RECORD = "record"  # the record of its article names it, in the page's state
    CARD = "card"  # the link preview names it
    PLAYER = "player"  # a player of the page plays it
    OWN_HOST = "own_host"  # its host is the page's, or that of the page's pictures
    SAME_ID = "same_id"  # its id or its file's name is a part of the page's address
    SAME_TITLE = "same_title"
    SAME_PICTURE = "same_picture"
    SAME_LENGTH = "same_length"
    OTHER_HOST = "other_host"
    OTHER_TITLE = "other_title"  # it has a title that has nothing in common with the page's
    ADVERT = "advert"  # it is in a box named as an advert; the following likewise
    SUGGESTED = "suggested"
    PREVIEW = "preview"
    SPOKEN = "spoken"
    OUTSIDE = "outside"  # it is in a sidebar, or outside of the page's main content
    INDEX = "index"  # the page is a list of posts
    LOOP = "loop"  # it plays muted, again and again, without controls
    SKIPS_ADVERTS = "skips_adverts"  # the page has a button that skips adverts, and declares no length
    # what is known only of a downloaded file
    OTHER_LENGTH = "other_length"
    NO_SOUND = "no_sound"
    ADVERT_LENGTH = "advert_length"


_IN_WORDS: Mapping[Sign, str] = {
    Sign.MAIN_ITEM: Message("the page's data name it"),
    Sign.NAMED: Message("the page's data name it"),
    Sign.RECORD: Message("the article's record names it"),
    Sign.CARD: Message("the link preview names it"),
    Sign.PLAYER: Message("a player plays it"),
    Sign.OWN_HOST: Message("from the page's own host"),
    Sign.SAME_ID: Message("its id is in the page's URL"),
    Sign.SAME_TITLE: Message("its name is like the page's title"),
    Sign.SAME_PICTURE: Message("its picture is the page's"),
    Sign.SAME_LENGTH: Message("as long as the page says"),
    Sign.OTHER_HOST: Message("from another host"),
    Sign.OTHER_TITLE: Message("its title is about something else"),
    Sign.ADVERT: Message("in a box for adverts"),
    Sign.SUGGESTED: Message("in a box for recommended videos"),
    Sign.PREVIEW: Message("in a box for previews or pop-ups"),
    Sign.SPOKEN: Message("in a box for spoken text"),
    Sign.OUTSIDE: Message("beside the main content"),
    Sign.INDEX: Message("the page is a list of posts"),
    Sign.LOOP: Message("it plays muted, again and again"),
    Sign.SKIPS_ADVERTS: Message("the page has a button that skips adverts"),
    Sign.OTHER_LENGTH: Message("not as long as the page says"),
    Sign.NO_SOUND: Message("without the sound that the page announces"),
    Sign.ADVERT_LENGTH: Message("as long as an advert"),
}


# Of other players than the page's own, independent of the user's wishes for the site
_NO_PLAYER = frozenset({Sign.ADVERT, Sign.SUGGESTED, Sign.PREVIEW, Sign.SPOKEN, Sign.LOOP, Sign.INDEX})


def is_players(signs: Collection[Sign]) -> bool:
    """Whether a player of the page plays a video that is not an advert, a recommended video, a preview or the like."""
    return Sign.PLAYER in signs and not _NO_PLAYER & set(signs)


def in_words(signs: Iterable[Sign]) -> str:
    """Return the evidence in words, in the order given; "" for none."""
    return join(", ", list(dict.fromkeys(_IN_WORDS[sign] for sign in signs)))
