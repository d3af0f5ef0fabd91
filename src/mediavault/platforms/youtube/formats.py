"""The files of a YouTube player response: whole files, silent tracks with their sound, HLS and DASH.

An address whose signature is still locked (``signatureCipher`` with ``s``) answers nobody and is no candidate.
Checked 2026-11-24 against recorded answers of 2015 to 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

from mediavault.core.media import Candidate, SourceType
from mediavault.core.platform import Platform
from mediavault.services.extraction.page_data import build, values
from mediavault.services.extraction.page_data.build import codec, own_candidates
from mediavault.services.extraction.page_data.json_walk import Node


def candidates_of(response: Node, platform: Platform) -> tuple[Candidate, ...]:
    """All that can be fetched as is, whole files first; a silent track has the sound that goes with it."""
    streaming = values.obj(response, "streamingData")
    protected = bool(values.items(streaming.get("licenseInfos")))
    whole, tracks = values.objects(streaming.get("formats")), values.objects(streaming.get("adaptiveFormats"))
    sounds = [one for one in tracks if _mime(one).startswith("audio/") and _address(one)]
    files = [one for each in whole for one in _file(each, platform)]
    pictures = [one for each in tracks if _mime(each).startswith("video/") for one in _track(each, sounds, platform)]
    found = [
        *files,
        *(one for one in pictures if not files or not _is_slowed(one.url)),
        *_stream(streaming.get("hlsManifestUrl"), SourceType.HLS, platform),
        *_stream(streaming.get("dashManifestUrl"), SourceType.DASH, platform),
    ]
    return build.merged([replace(one, drm=one.drm or protected) for one in found])


def _is_slowed(url: str) -> bool:
    """Since 2021 an address whose ``n`` is not solved comes at a crawl, if at all; whole files have ``ratebypass``."""
    return re.search(r"[?&]n=", url) is not None and "ratebypass=yes" not in url


# --- one format ------------------------------------------------------------------------------------------------


def _address(one: Node) -> str | None:
    """The address, with its signature where that is given openly; None where it is still locked."""
    cipher = one.get("signatureCipher") or one.get("cipher")
    given = dict(parse_qsl(cipher)) if isinstance(cipher, str) and not one.get("url") else one
    url = values.url(given.get("url"))
    if url is None or given.get("s") or one.get("type") == "FORMAT_STREAM_TYPE_OTF":  # a list of pieces
        return None
    if "/s/" in url.partition("?")[0] or "sabr=1" in url:
        return None
    signature = given.get("sig") or given.get("signature")
    if isinstance(signature, str) and not re.search(r"[?&](?:sig|signature|lsig)=", url):
        return f"{url}&signature={signature}"
    return url


def _mime(one: Node) -> str:
    """The format's type and codecs: ``video/mp4; codecs="avc1.42001E, mp4a.40.2"``."""
    return str(one.get("mimeType") or "").lower()


def _codecs(one: Node) -> list[str]:
    match = re.search(r'codecs="([^"]*)"', _mime(one))
    return [part.strip() for part in match[1].split(",")] if match else []


def _file(one: Node, platform: Platform) -> list[Candidate]:
    return _built(one, platform, has_audio=True)


def _track(one: Node, sounds: Sequence[Node], platform: Platform) -> list[Candidate]:
    """Pictures only, so it counts for little unless there is sound to merge with it."""
    partner = _sound_for(one, sounds)
    return [
        replace(each, audio_url=_address(partner) if partner else None, audio_codec=_sound_codec(partner))
        for each in _built(one, platform, has_audio=False)
    ]


def _built(one: Node, platform: Platform, *, has_audio: bool) -> list[Candidate]:
    mime = _mime(one).partition(";")[0].strip()
    codecs = _codecs(one)
    millis = values.number(one.get("approxDurationMs"))
    return own_candidates(
        _address(one),
        platform,
        mime=mime or None,
        source_type=SourceType.DIRECT,
        container={"video/mp4": "mp4", "video/webm": "webm", "video/3gpp": "3gp"}.get(mime),
        video_codec=codec(codecs[0]) if codecs else None,
        audio_codec=_sound_name(codecs[1]) if len(codecs) > 1 else None,
        has_audio=has_audio,
        width=values.integer(one.get("width")),
        height=values.integer(one.get("height")),
        fps=values.number(one.get("fps")),
        bitrate=values.integer(one.get("averageBitrate")) or values.integer(one.get("bitrate")),
        size=values.integer(one.get("contentLength")),
        duration_s=millis / 1_000 if millis else None,
        drm=bool(one.get("drmFamilies")) or None,
    )


def _stream(address: object, kind: SourceType, platform: Platform) -> list[Candidate]:
    url = values.url(address)
    if url is None or "/s/" in url:  # its signature is locked
        return []
    return own_candidates(url, platform, source_type=kind, has_audio=True)


# --- the sound of a silent track -------------------------------------------------------------------------------


def _sound_for(one: Node, sounds: Sequence[Node]) -> Node | None:
    """The best sound in the same container, of the original language; else the best of all."""
    kind = _mime(one).partition(";")[0].rpartition("/")[2]
    same = [sound for sound in sounds if _mime(sound).partition(";")[0].rpartition("/")[2] == kind]
    return max(same or sounds, key=_sound_rank, default=None)


def _sound_rank(sound: Node) -> tuple[bool, bool, int]:
    track = values.obj(sound, "audioTrack")
    return (
        track.get("audioIsDefault") is not False,
        sound.get("isDrc") is not True,  # its loudness is levelled
        values.integer(sound.get("bitrate")) or 0,
    )


def _sound_codec(sound: Node | None) -> str | None:
    return _sound_name(next(iter(_codecs(sound)), "")) if sound else None


def _sound_name(written: str) -> str | None:
    names: Iterable[tuple[str, str]] = (("mp4a", "aac"), ("opus", "opus"), ("vorbis", "vorbis"), ("ac-3", "ac3"))
    return next((ours for mark, ours in names if written.startswith(mark)), None)
