"""Which of a stream's qualities is taken: what its manifest says of each, held against what is wanted. Pure.

The order is that of ``services.extraction.ranking``: whether it can be decoded, sound, what plays everywhere where that is
preferred, and only then size. Codecs are named as in RFC 6381 and the registry of https://mp4ra.org.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mediavault.core.media import Preference

_VIDEO_CODEC = re.compile(
    r"\b(avc[1-4]|hvc[12]|hev[12]|vp0?[89]|av01|av1\b|mp4v|dvh[1e]|dva[1v]|theora|vv[ci]1|bvc2|bytevc2)", re.IGNORECASE
)
_AUDIO_CODEC = re.compile(r"\b(mp4a|ac-[34]|ec-3|opus|vorbis|flac|alac|mp3|aac)", re.IGNORECASE)
_RARE_SOUND = re.compile(r"\b(ec-3|ac-[34]|dts[a-z]|mh[am][12]|mp4a\.a[5-9])\b", re.IGNORECASE)
_DOLBY_VISION = re.compile(r"\bdv(h[1e]|a[1v])", re.IGNORECASE)
_UNDECODABLE = re.compile(r"\b(vv[ci]1|bvc2|bytevc2)", re.IGNORECASE)  # H.266 and TikTok's kind of it
# H.264; AAC but for xHE-AAC, whose object type is 42; MP3
_PLAYS_EVERYWHERE = re.compile(r"avc[1-4](\..*)?|mp4a(\.40(\.(?!42$).*)?|\.6[79b])?|aac|mp3", re.IGNORECASE)
_NO_MEDIA = re.compile(r"(stpp|wvtt|tx3g|c608|c708)(\..*)?", re.IGNORECASE)  # text beside them


@dataclass(frozen=True, slots=True)
class Rung:
    """One quality of a stream as its manifest describes it; 0 and "" where it does not."""

    width: int = 0
    height: int = 0
    bandwidth: int = 0
    codecs: str = ""
    fps: float = 0.0

    @property
    def shorter_side(self) -> int:
        """What people call its height, also of a portrait."""
        return min(self.height, self.width or self.height)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for. ``sound``: whether the post announces some; False: it has none; None: not known."""

    prefer: Preference = Preference.BEST
    sound: bool | None = None

    def rank(self, rung: Rung, *, has_sound: bool | None) -> tuple[bool, bool, bool, int, bool, int]:
        """Larger is better. ``has_sound`` counts sound that stands beside the pictures; None: not known.

        Dolby Vision's own profiles count as what cannot be decoded: their colours are wrong wherever they are not
        understood. Bit rates are compared as they stand: a manifest's are peaks, which no codec's efficiency makes
        comparable.
        """
        return (
            not _UNDECODABLE.search(rung.codecs) and not _DOLBY_VISION.search(rung.codecs),
            has_sound is not False or self.sound is False,
            self.prefers(rung.codecs),
            rung.shorter_side,
            not has_rare_sound(rung.codecs),
            rung.bandwidth,
        )

    def prefers(self, codecs: str) -> bool:
        """Whether these go before anything larger."""
        return self.prefer is Preference.COMPATIBLE and plays_everywhere(codecs)


def plays_everywhere(codecs: str) -> bool:
    """H.264, AAC, MP3: what phones and television sets play. So does, nearly always, what a manifest does not name."""
    named = [name for name in map(str.strip, codecs.split(",")) if name and not _NO_MEDIA.fullmatch(name)]
    return all(map(_PLAYS_EVERYWHERE.fullmatch, named))


def has_video_codec(codecs: str) -> bool:
    return bool(_VIDEO_CODEC.search(codecs))


def has_audio_codec(codecs: str) -> bool:
    return bool(_AUDIO_CODEC.search(codecs))


def has_rare_sound(codecs: str) -> bool:
    """Surround sound that browsers cannot decode."""
    return bool(_RARE_SOUND.search(codecs))
