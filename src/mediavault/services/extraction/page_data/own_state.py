"""The files in the data of a page of an unknown site, below the record that carries the post's own id.

Such data are read where the page shows no player and its metadata name no file. What belongs to others (related posts,
comments, adverts) stands under names that say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from mediavault.services.extraction.media_urls import classify_media
from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.page_data.json_walk import Node, walk
from mediavault.services.extraction.page_data.own_address import id_in
from mediavault.services.extraction.page_data.player_setups import Setup, Source

_NAMES = (
    "id",
    "_id",
    "uuid",
    "slug",
    "shortcode",
    "shortId",
    "short_id",
    "hash",
    "hashid",
    "code",
    "videoId",
    "video_id",
    "publicId",
)
_OTHERS = re.compile(
    r"related|recommend|suggest|similar|next|prev|more|comment|repl|sponsor|^ads?$|advert|preroll|author|user|owner|creator"
    r"|channel|profile|trailer|teaser|preview|thumb|poster|playlist|feed|items$|posts$",
    re.IGNORECASE,
)
_MIN_ID_CHARS = 4
_MAX_FILES = 30
_MAX_DEPTH = 8


def setups_in_state(url: str, documents: Sequence[object]) -> list[Setup]:
    """The rungs of the post's video, as one setup; none where the data name several videos, or none of the post's."""
    wanted = _ids_in(url)
    for document in documents:
        for node in walk(document) if wanted else ():
            if any(str(node.get(name)) in wanted for name in _NAMES):
                files = tuple(dict.fromkeys(_files(node, 0)))[:_MAX_FILES]
                if files and _is_one_video(files):
                    return [Setup(files)]
    return []


def _ids_in(url: str) -> set[str]:
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    return {one for one in (id_in(url), last) if one and len(one) >= _MIN_ID_CHARS}


def _files(node: Node, depth: int) -> Iterator[Source]:
    for name, held in node.items():
        if _OTHERS.search(name) and not isinstance(held, str):
            continue
        for one in held if isinstance(held, list) else [held]:
            if isinstance(one, dict) and depth < _MAX_DEPTH:
                yield from _files(one, depth + 1)
            elif isinstance(one, str) and one.startswith(("http", "//")) and not _OTHERS.search(name):
                address = f"https:{one}" if one.startswith("//") else one
                if classify_media(address).may_be_video:
                    size = (values.integer(node.get("width")), values.integer(node.get("height")))
                    yield Source(address, "", *size)


def _is_one_video(files: Sequence[Source]) -> bool:
    """Rungs of one video lie in one folder, or share the beginning of their names."""
    places = [urlsplit(one.address).path.rpartition("/") for one in files]
    folders = {folder for folder, _, _ in places}
    stems = {re.split(r"[._-]", name, maxsplit=1)[0] for _, _, name in places}
    return len(files) == 1 or len(stems) == 1 or (len(folders) == 1 and bool(re.search(r"\d", next(iter(folders)))))
