"""The files that belong to a saved video, by their names (pure).

A video's companions have its name, with another ending::

    2026-11-01 Trains [abc].mp4
    2026-11-01 Trains [abc].jpg          its picture
    2026-11-01 Trains [abc]-thumb.jpg    the same picture, under the name that Kodi looks for
    2026-11-01 Trains [abc].nfo          its facts for media servers
    2026-11-01 Trains [abc].en.vtt       its subtitles in English
    2026-11-01 Trains [abc].comments.jsonl  what people wrote about it
    2026-11-01 Trains [abc].info.json    its sidecar
    2026-11-01 Trains [abc].yt-dlp.json  what yt-dlp knew about it, where it was imported in place

A saved picture has the first of these names itself, and so its small copy has the next one::

    2026-11-02 Stations [def].jpg
    2026-11-02 Stations [def]-thumb.jpg

The row names the video, its picture and the suffixes of what only some videos have. The others
follow from these names, so that the code that moves, removes or verifies a video finds all of them
here.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from mediavault.core.media import (
    LANGUAGE_TAG,
    PICTURE_SUFFIXES,
    SOUND_SUFFIXES,
    SUFFIXES,
    is_picture,
)

SIDECAR_SUFFIX = ".info.json"
NFO_SUFFIX = ".nfo"
COMMENTS_SUFFIX = ".comments.jsonl"
# what yt-dlp knew about an imported video: the sidecar has the name of that file
OTHERS_INFO_SUFFIX = ".yt-dlp.json"
UNKNOWN_LANGUAGE = "und"  # ISO 639-2: undetermined
THUMB_MARK = "-thumb"
VIDEO_SUFFIXES = (*SUFFIXES.values(), *SOUND_SUFFIXES)

_PICTURE = "|".join(suffix.removeprefix(".") for suffix in PICTURE_SUFFIXES)
_OF_SOME = (
    rf"\.{LANGUAGE_TAG.pattern}\.vtt|{re.escape(COMMENTS_SUFFIX)}|{re.escape(OTHERS_INFO_SUFFIX)}"
)
_ENDING = re.compile(rf"(?:{re.escape(SIDECAR_SUFFIX)}|{THUMB_MARK}\.(?:{_PICTURE})|{_OF_SOME})$")
_BESIDE = re.compile(_OF_SOME)
_OF_FOLDER = re.compile(
    rf"(?:tvshow|season)\.nfo|(?:poster|fanart|[sS]eason\d{{4}}(?:-poster)?)\.(?:{_PICTURE})"
)


def sibling(output_path: str, suffix: str) -> str:
    """Return the same path with another suffix, added where the file's name has none."""
    folder, slash, name = output_path.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    return f"{folder}{slash}{stem if dot else name}{suffix}"


def thumbnail_path(output_path: str, suffix: str) -> str:
    """Return the path of a saved file's thumbnail. That of a picture,
    which may have this name itself, has another one.
    """
    return sibling(output_path, f"{THUMB_MARK}{suffix}" if is_picture(output_path) else suffix)


def thumb_path(picture_path: str) -> str:
    """Return the name under which Kodi finds a video's picture, which is at ``picture_path``."""
    stem, suffix = posixpath.splitext(picture_path)
    return f"{stem}{THUMB_MARK}{suffix}"


def companions(
    output_path: str, thumbnail_path: str | None, beside: Iterable[str] = ()
) -> list[str]:
    """Return the paths of all companions that a video may have; not all of them need to exist.

    ``beside`` are the suffixes of those that only some videos have, as its row names them.
    """
    paths = [sibling(output_path, suffix) for suffix in (SIDECAR_SUFFIX, NFO_SUFFIX, *beside)]
    return [*paths, thumbnail_path, thumb_path(thumbnail_path)] if thumbnail_path else paths


def related_names(output_path: str) -> list[str]:
    """Return all names that the video at ``output_path`` and its companions could have,
    its own included.
    """
    pictures = [sibling(output_path, suffix) for suffix in PICTURE_SUFFIXES]
    videos = [sibling(output_path, suffix) for suffix in VIDEO_SUFFIXES]
    return [
        output_path,
        *videos,
        *companions(output_path, None),
        *pictures,
        *map(thumb_path, pictures),
    ]


def is_beside(suffix: str) -> bool:
    """Whether the text is a suffix that ``companions`` may be given."""
    return _BESIDE.fullmatch(suffix) is not None


def subtitle_suffix(language: str) -> str:
    """Return the suffix of subtitles in this language;
    of an unknown one where it is not a language tag.
    """
    return f".{language if LANGUAGE_TAG.fullmatch(language) else UNKNOWN_LANGUAGE}.vtt"


def language_of(suffix: str) -> str | None:
    """Return the language of the subtitles with this suffix; None for any other companion."""
    return (
        suffix[1:].removesuffix(".vtt") if suffix.endswith(".vtt") and is_beside(suffix) else None
    )


def split_stem(path: str) -> tuple[str, str]:
    """Return the path's stem, which a video and its companions share, and the rest."""
    if (ending := _ENDING.search(path)) is not None:
        return path[: ending.start()], ending[0]
    return posixpath.splitext(path)


def is_about_folder(path: str) -> bool:
    """Return whether the file is about a folder and not about a video,
    as ``tvshow.nfo`` and ``poster.jpg`` are.
    """
    return _OF_FOLDER.fullmatch(path.rpartition("/")[2]) is not None
