"""The files of a YouTube player response: whole files, silent tracks with their sound, HLS and
DASH.

A URL whose signature is still encrypted (``signatureCipher`` with ``s``) cannot be fetched and is
not a candidate. Checked 2026-11-24 against recorded answers of 2015 to 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

from mediavault.core.media import Candidate, SourceType
from mediavault.core.platform import Platform
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.build import codec, own_candidates
from mediavault.extraction.page_data.values import Node


def candidates_of(response: Node, platform: Platform) -> tuple[Candidate, ...]:
    """Return all that can be fetched as is, whole files first;
    a silent track has the sound that goes with it.
    """
    streaming = values.obj(response, "streamingData")
    protected = bool(values.items(streaming.get("licenseInfos")))
    whole, tracks = (
        values.objects(streaming.get("formats")),
        values.objects(streaming.get("adaptiveFormats")),
    )
    sounds = [track for track in tracks if _mime(track).startswith("audio/") and _address(track)]
    files = [c for entry in whole for c in _file(entry, platform)]
    videos = [
        c
        for track in tracks
        if _mime(track).startswith("video/")
        for c in _track(track, sounds, platform)
    ]
    candidates = [
        *files,
        *(video for video in videos if not files or not _is_throttled(video.url)),
        *_stream(streaming.get("hlsManifestUrl"), SourceType.HLS, platform),
        *_stream(streaming.get("dashManifestUrl"), SourceType.DASH, platform),
    ]
    return build.merged(
        [replace(candidate, drm=candidate.drm or protected) for candidate in candidates]
    )


def _is_throttled(url: str) -> bool:
    """Whether a URL is throttled: since 2021, if its ``n`` is not solved.
    Whole files have ``ratebypass``.
    """
    return re.search(r"[?&]n=", url) is not None and "ratebypass=yes" not in url


# --- one format -----------------------------------------------------------------------------------


def _address(entry: Node) -> str | None:
    """Return the URL, with its signature if that is given in plain text;
    None if it is still encrypted.
    """
    cipher = entry.get("signatureCipher") or entry.get("cipher")
    fields = dict(parse_qsl(cipher)) if isinstance(cipher, str) and not entry.get("url") else entry
    url = values.url(fields.get("url"))
    # a list of segments
    if url is None or fields.get("s") or entry.get("type") == "FORMAT_STREAM_TYPE_OTF":
        return None
    if "/s/" in url.partition("?")[0] or "sabr=1" in url:
        return None
    signature = fields.get("sig") or fields.get("signature")
    if isinstance(signature, str) and not re.search(r"[?&](?:sig|signature|lsig)=", url):
        return f"{url}&signature={signature}"
    return url


def _mime(entry: Node) -> str:
    """Return the format's type and codecs: ``video/mp4; codecs="avc1.42001E, mp4a.40.2"``."""
    return str(entry.get("mimeType") or "").lower()


def _codecs(entry: Node) -> list[str]:
    match = re.search(r'codecs="([^"]*)"', _mime(entry))
    return [part.strip() for part in match[1].split(",")] if match else []


def _file(entry: Node, platform: Platform) -> list[Candidate]:
    return _built(entry, platform, has_audio=True)


def _track(track: Node, sounds: Sequence[Node], platform: Platform) -> list[Candidate]:
    """Return a video track with the sound to merge with it, since it is of little use without."""
    partner = _sound_for(track, sounds)
    return [
        replace(
            candidate,
            audio_url=_address(partner) if partner else None,
            audio_codec=_sound_codec(partner),
        )
        for candidate in _built(track, platform, has_audio=False)
    ]


def _built(entry: Node, platform: Platform, *, has_audio: bool) -> list[Candidate]:
    mime = _mime(entry).partition(";")[0].strip()
    codecs = _codecs(entry)
    return own_candidates(
        _address(entry),
        platform,
        mime=mime or None,
        source_type=SourceType.DIRECT,
        container={"video/mp4": "mp4", "video/webm": "webm", "video/3gpp": "3gp"}.get(mime),
        video_codec=codec(codecs[0]) if codecs else None,
        audio_codec=_sound_name(codecs[1]) if len(codecs) > 1 else None,
        has_audio=has_audio,
        width=values.integer(entry.get("width")),
        height=values.integer(entry.get("height")),
        fps=values.number(entry.get("fps")),
        bitrate=values.integer(entry.get("averageBitrate")) or values.integer(entry.get("bitrate")),
        size=values.integer(entry.get("contentLength")),
        duration_s=values.milliseconds(entry.get("approxDurationMs")),
        drm=bool(entry.get("drmFamilies")) or None,
    )


def _stream(address: object, kind: SourceType, platform: Platform) -> list[Candidate]:
    url = values.url(address)
    if url is None or "/s/" in url:  # its signature is encrypted
        return []
    return own_candidates(url, platform, source_type=kind, has_audio=True)


# --- the sound of a silent track ------------------------------------------------------------------


def _sound_for(track: Node, sounds: Sequence[Node]) -> Node | None:
    """Return the best sound in the same container, of the original language;
    else the best of all.
    """
    kind = _mime(track).partition(";")[0].rpartition("/")[2]
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
    names: Iterable[tuple[str, str]] = (
        ("mp4a", "aac"),
        ("opus", "opus"),
        ("vorbis", "vorbis"),
        ("ac-3", "ac3"),
    )
    return next((ours for mark, ours in names if written.startswith(mark)), None)
