"""Lists of sources that other programs export: what is read of them,
and which files are refused.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping

import pytest

from mediavault.core.failures import BadInput
from mediavault.core.listings import MAX_LIST_BYTES
from mediavault.features.following import lists as source_lists
from mediavault.features.following.lists import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    ListedSource,
    read_source_list,
)

ID = "UCaaaaaaaaaaaaaaaaaaaaaa"
OTHER_ID = "UCbbbbbbbbbbbbbbbbbbbb-_"
PAGE = f"https://www.youtube.com/channel/{ID}"
OTHER_PAGE = f"https://www.youtube.com/channel/{OTHER_ID}"
FEED = "https://walks.example/feed.xml"


def urls(content: bytes | str) -> list[str]:
    return [
        entry.text
        for entry in read_source_list(content.encode() if isinstance(content, str) else content)
    ]


def opml(*outlines: str, head: str = "<?xml version='1.0'?>") -> str:
    return f'{head}<opml version="1.1"><head/><body>{"".join(outlines)}</body></opml>'


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


# --- OPML


def test_nested_outlines_are_read_in_the_order_of_the_document() -> None:
    document = opml(
        '<outline text="Trains">\n<outline type="rss" text="Slow &amp; late" xmlUrl="https://a.example/feed"'
        ' htmlUrl="https://a.example/"/>\n<outline text="More">'
        '<outline title="T" text="t" xmlUrl="https://b.example/feed"/></outline></outline>\n',
        '<outline text="Link" type="link" url="https://c.example/"/>',
    )

    assert read_source_list(document.encode()) == (
        ListedSource(2, "https://a.example/feed", "https://a.example/", "Slow & late"),
        ListedSource(3, "https://b.example/feed", "", "T"),
        ListedSource(4, "", "https://c.example/", "Link"),
    )


@pytest.mark.parametrize(
    "address",
    [
        f"https://www.youtube.com/feeds/videos.xml?channel_id={ID}",
        f"http://invidious.example/feed/channel/{ID}",
    ],
)
def test_the_feed_of_a_channel_becomes_its_page(address: str) -> None:
    assert urls(opml(f'<outline text="x" xmlUrl="{address}"/>')) == [PAGE]


@pytest.mark.parametrize(
    ("encoding", "title"),
    [
        ("utf-8", "Bäume 列車"),
        ("utf-16", "Bäume 列車"),
        ("iso-8859-1", "Bäume"),
        ("windows-1252", "Bäume “€”"),
        ("shift_jis", "列車"),
        ("koi8-r", "поезд"),
    ],
)
def test_the_encoding_that_the_xml_states_is_used(encoding: str, title: str) -> None:
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    [entry] = read_source_list(
        opml(f'<outline text="{title}" xmlUrl="{FEED}"/>', head=head).encode(encoding)
    )

    assert entry.title == title


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE opml [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + f']><opml><body><outline text="&i;" xmlUrl="{FEED}"/></body></opml>'
)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n# nothing\n",
        "[]",
        "{}",
        '{"subscriptions": null}',
        "<html><body/></html>",
        opml(),
        opml('<outline text="a folder"/>'),
        opml('<outline text="a"'),
        opml(f'<outline text="\x00" xmlUrl="{FEED}"/>'),
        opml(f'<outline text="\x1b" xmlUrl="{FEED}"/>'),
        opml("<outline>" * MAX_DEPTH, "</outline>" * MAX_DEPTH),
        opml("<a/>" * MAX_ELEMENTS),
        opml(f'<outline xmlUrl="{FEED}"/>', head="<?xml version='1.0' encoding='punycode'?>"),
        opml(f'<outline xmlUrl="{FEED}"/>', head="<?xml version='1.0' encoding='utf-7'?>"),
        opml('<outline text="ä"/>', head="<?xml version='1.0' encoding='us-ascii'?>"),
        BOMB,
        opml(f'<outline text="&a;" xmlUrl="{FEED}"/>', head="<!DOCTYPE opml [<!ENTITY a 'b'>]>"),
        f"<!DOCTYPE opml SYSTEM 'file:///etc/passwd'>{opml()}",
        "[" * 100_000,
        '{"subscriptions": ["a"',
        "x" * (MAX_LIST_BYTES + 1),
        b"PK\x03\x04 not a zip",
        zipped({}),
        zipped({"a.txt": FEED, "b/c.csv": "a,b\n1,2\n"}),
    ],
)
def test_a_file_without_a_list_or_made_to_do_harm_is_refused_with_a_sentence(
    content: str | bytes,
) -> None:
    with pytest.raises(BadInput) as refused:
        urls(content)

    assert refused.value.help


def test_more_entries_than_a_list_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_lists, "MOST_LISTED", 3)
    lines = [f"https://{n}.example/" for n in range(4)]

    assert len(urls("\n".join(lines[:3]))) == 3
    with pytest.raises(BadInput, match="more than 3 sources"):
        urls("\n".join(lines))


# --- what other programs write


@pytest.mark.parametrize(
    "header", ["Channel Id,Channel Url,Channel Title", "Kanal-ID,Kanal-URL,Kanaltitel"]
)
def test_takeouts_table_is_recognised_by_its_ids_in_any_language(header: str) -> None:
    table = (
        f'{header}\n{ID},http://www.youtube.com/channel/{ID},"Slow, and ""late"""\nbroken,,Other\n'
        "\n"
    )

    assert read_source_list(table.encode("utf-8-sig")) == (
        ListedSource(2, "", PAGE, 'Slow, and "late"'),
        ListedSource(3, "", "broken", "Other"),
    )


TABLE = f"Kanal-ID,Kanal-URL,Titel\n{ID},http://www.youtube.com/channel/{ID},Trains\n"


def test_the_table_is_found_in_a_takeout_among_tables_with_ids_of_channels() -> None:
    takeout = zipped(
        {
            "Takeout/archive_browser.html": "<html/>",
            "Takeout/YouTube/channels/channel.csv": f"Channel ID,Channel Title\n{OTHER_ID},me\n",
            "Takeout/YouTube/comments/comments.csv": f"Comment ID,Channel ID\nxyz,{OTHER_ID}\n",
            "Takeout/YouTube/history/watch-history.json": json.dumps(
                [{"title": "a", "titleUrl": "https://b.example"}]
            ),
            "Takeout/YouTube/Abos/Abos.csv": TABLE,
        }
    )

    assert urls(takeout) == [PAGE]


def test_a_bomb_in_a_zip_is_not_unpacked() -> None:
    bomb = zipped({"a.csv": TABLE + "\n" * (MAX_LIST_BYTES - 1_000)})
    assert len(bomb) < 10_000

    with pytest.raises(BadInput):
        urls(bomb)


def test_a_table_that_is_larger_than_the_zip_states_is_refused() -> None:
    lying = bytearray(zipped({"a.csv": TABLE + "x" * 2_000_000}))
    for at in (lying.find(b"PK\x03\x04") + 22, lying.find(b"PK\x01\x02") + 24):
        lying[at : at + 4] = (200).to_bytes(4, "little")

    with pytest.raises(BadInput):
        urls(bytes(lying))


def test_a_zip_of_too_many_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_lists, "MAX_ZIP_FILES", 2)

    assert urls(zipped({"a.csv": TABLE, "b": ""})) == [PAGE]
    with pytest.raises(BadInput, match="too many files"):
        urls(zipped({"a.csv": TABLE, "b": "", "c": ""}))


def test_an_encrypted_zip_is_refused() -> None:
    locked = bytearray(zipped({"a.csv": TABLE}))
    for at in (lying_flags(locked, b"PK\x03\x04", 6), lying_flags(locked, b"PK\x01\x02", 8)):
        locked[at] |= 1

    with pytest.raises(BadInput, match="zip can't be read"):
        urls(bytes(locked))


def lying_flags(content: bytearray, mark: bytes, offset: int) -> int:
    return content.find(mark) + offset


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (  # Google Takeout until 2020
            [
                {"snippet": {"title": "Trains", "resourceId": {"channelId": ID}}},
                {"snippet": {"title": "?"}},
            ],
            [(PAGE, "Trains"), ("", "?")],
        ),
        (  # NewPipe
            {
                "app_version": "0.24",
                "subscriptions": [{"service_id": 0, "url": PAGE, "name": "Trains"}],
            },
            [(PAGE, "Trains")],
        ),
        # Invidious
        ({"subscriptions": [ID, OTHER_ID], "watch_history": []}, [(PAGE, ""), (OTHER_PAGE, "")]),
        ({"subscriptions": [7, None, {"name": 5}]}, [("", "7"), ("", "None"), ("", "")]),
    ],
)
def test_lists_in_json_are_read(document: object, found: list[tuple[str, str]]) -> None:
    assert [
        (entry.page, entry.title) for entry in read_source_list(json.dumps(document).encode())
    ] == found


def test_freetubes_database_has_a_profile_on_each_line() -> None:
    lines = [
        {
            "_id": "allChannels",
            "name": "All",
            "subscriptions": [{"id": ID, "name": "Trains", "thumbnail": None}],
        },
        {
            "_id": "other",
            "name": "Other",
            "subscriptions": [{"id": ID, "name": "Trains"}, {"id": OTHER_ID, "name": "B"}],
        },
    ]

    assert urls("\n".join(map(json.dumps, lines)) + "\n") == [PAGE, OTHER_PAGE]


def test_plain_text_has_a_link_on_each_line() -> None:
    text = f"\ufeff# my sources\r\n{FEED}\r\n\r\n  {PAGE}  \r\nnot a link\r\n"

    assert [(entry.line, entry.text) for entry in read_source_list(text.encode())] == [
        (2, FEED),
        (4, PAGE),
        (5, "not a link"),
    ]
