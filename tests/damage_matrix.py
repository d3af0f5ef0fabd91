"""The films that are damaged, the damage that each gets, and how the verdict on a file is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from mediavault.core.media import Expected, ProbeReport, ProblemKind
from mediavault.media import library as media_library
from mediavault.media import probe_child
from mediavault.media.judgement import report
from tests.damage import (
    ACROSS,
    PLACES,
    Damage,
    Form,
    Pieces,
    Scope,
    damaged,
    kinds_of_damage,
    pieces_of,
)
from tests.films import Film, film

UNKNOWN = Expected()
ONE_KEY_FRAME_S = 20  # as long as a film of 1 MB


def verdict(path: Path, expected: Expected = UNKNOWN) -> ProbeReport:
    """Return what the probe says about a file, without the cost of a process for each."""
    media_library.quiet()
    return report(probe_child.examine(path), expected)


class Outcome(StrEnum):
    """What becomes of a file."""

    REFUSED = "refused"
    QUESTION = "question"  # it plays, but is it the whole film? The user decides
    COMPLETE = "complete"  # and every picture was decoded
    LATER = "complete so far"  # the rest is decoded in the background


def outcome_of(path: Path, expected: Expected = UNKNOWN) -> Outcome:
    """Return what becomes of a file."""
    found = verdict(path, expected)
    if found.problems:
        asks = all(problem.kind is ProblemKind.DOUBTFUL for problem in found.problems)
        return Outcome.QUESTION if asks else Outcome.REFUSED
    return Outcome.COMPLETE if found.decoded_whole else Outcome.LATER


SMALL: Sequence[Film] = (
    Film("MP4", "H.264", "AAC"),
    Film("MP4, moov last", "H.264", "MP3"),
    Film("MP4, fragmented", "H.264", "AAC"),
    Film("MOV", "H.264", "PCM"),
    Film("MKV", "H.264", "Vorbis"),
    Film("TS", "H.264", "AAC"),
    Film("FLV", "H.264", "AAC"),
    Film("AVI", "H.264", "MP3"),
    Film("MP4", "HEVC", "AAC"),
    Film("MP4, fragmented", "HEVC", "AAC"),
    Film("MKV", "HEVC", "AC-3"),
    Film("TS", "HEVC", "AC-3"),
    Film("MP4", "AV1", "Opus"),
    Film("MP4, fragmented", "AV1", "AAC"),
    Film("WebM", "AV1", "Opus"),
    Film("WebM", "VP8", "Vorbis"),
    Film("MP4", "VP9", "AAC"),
    Film("WebM", "VP9", "Opus"),
    Film("TS", "MPEG-2", "AC-3"),
    Film("MKV", "MPEG-2", "MP3"),
    Film("MP4", "MPEG-4", "AAC"),
    Film("AVI", "MPEG-4", "MP3"),
    Film("MP4", "H.264", "AAC", key_frame_s=10),
    Film("MP4", "H.264", "AAC", key_frame_s=ONE_KEY_FRAME_S),
    Film("WebM", "VP9", "Opus", key_frame_s=ONE_KEY_FRAME_S),
)
MEDIUM: Sequence[Film] = (
    Film("MP4", "H.264", "AAC", 30),
    Film("MP4, fragmented", "H.264", "AAC", 30),
    Film("MKV", "H.264", "Vorbis", 30),
    Film("TS", "H.264", "AAC", 30),
    Film("MP4", "HEVC", "AAC", 30),
    Film("WebM", "AV1", "Opus", 30),
    Film("WebM", "VP9", "Opus", 30),
    Film("AVI", "MPEG-4", "MP3", 30),
)
LARGE: Sequence[Film] = (
    Film("MP4", "H.264", "AAC", 120),
    Film("MP4", "H.264", "AAC", 120, key_frame_s=15),
    Film("MP4, fragmented", "H.264", "AAC", 120),
    Film("MKV", "H.264", "Vorbis", 120),
    Film("TS", "H.264", "AAC", 120),
    Film("FLV", "H.264", "AAC", 120),
    Film("MP4", "HEVC", "AAC", 120),
    Film("WebM", "VP8", "Vorbis", 120),
    Film("WebM", "VP9", "Opus", 120),
    Film("TS", "MPEG-2", "AC-3", 120),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A damaged film."""

    film: Film
    damage: Damage

    @property
    def name(self) -> str:
        """The row in words."""
        return f"{self.film.megabytes} MB, {self.film.name}: {self.damage.name}"


def every_row() -> Iterator[Row]:
    """Yield the full matrix: all kinds of damage to the small films; to larger ones each at one
    place, and noise across.

    Of a long film that shows damage all pictures are decoded until there is enough of it, so that
    an early place is cheap.
    """
    for films, places in ((SMALL, PLACES), (MEDIUM, ("75 %",)), (LARGE, ("25 %",))):
        for each in films:
            for damage in kinds_of_damage():
                if damage.place in places or (
                    damage.form is Form.NOISE and damage.place == "30-100 %"
                ):
                    yield Row(each, damage)


@dataclass(frozen=True, slots=True)
class Limit:
    """Damage that may leave no sign in a file: only a second copy of the film would show it."""

    applies: Callable[[Film, Damage], bool]
    example: Row  # of which FFmpeg notices nothing
    words: Sequence[str]  # in the README, where it says what is not detected


_UNCHECKED_PICTURES = frozenset({"HEVC", "VP8", "VP9"})  # whose decoders read nearly any bits
_UNCHECKED_SOUND = frozenset({"Opus", "Vorbis"})


LIMITS: Mapping[str, Limit] = {
    "a few flipped bits in pictures": Limit(
        lambda film, damage: (
            (damage.form is Form.FLIPS and damage.place not in ACROSS)
            and (damage.scope is not Scope.SOUND and film.video in _UNCHECKED_PICTURES)
        ),
        Row(Film("MP4", "VP9", "AAC"), Damage(Form.FLIPS, "75 %", Scope.PICTURES)),
        ("flipped bits", *sorted(_UNCHECKED_PICTURES)),
    ),
    "a few flipped bits in sound": Limit(
        lambda film, damage: (
            damage.form is Form.FLIPS and damage.place not in ACROSS and damage.scope is Scope.SOUND
        ),
        Row(Film("MP4, moov last", "H.264", "MP3"), Damage(Form.FLIPS, "75 %", Scope.SOUND)),
        ("flipped bits", "MP3"),
    ),
    "flipped bits in sound that has no checks": Limit(
        lambda film, damage: (
            damage.form is Form.FLIPS
            and damage.scope is Scope.SOUND
            and film.sound in _UNCHECKED_SOUND
        ),
        Row(Film("WebM", "VP9", "Opus"), Damage(Form.FLIPS, "30-100 %", Scope.SOUND)),
        ("flipped bits", *sorted(_UNCHECKED_SOUND)),
    ),
    "a stretch of sound that is repeated": Limit(
        lambda film, damage: (
            (damage.form is Form.REPEATED and damage.place not in ACROSS)
            and (damage.scope is Scope.SOUND and film.sound == "Opus")
        ),
        Row(Film("WebM", "VP9", "Opus"), Damage(Form.REPEATED, "50 %", Scope.SOUND)),
        ("repeated", "Opus"),
    ),
    "a part of one large picture": Limit(
        lambda film, damage: (
            (damage.form is Form.REPEATED and damage.place not in ACROSS)
            and (damage.scope is Scope.ALL and film.video in ("VP8", "VP9"))
        ),
        Row(Film("MP4", "VP9", "AAC"), Damage(Form.REPEATED, "50 %")),
        ("VP8", "VP9"),
    ),
    "25 flipped bytes anywhere": Limit(
        lambda film, damage: damage.form is Form.RUN,
        Row(Film("MP4", "H.264", "AAC", key_frame_s=10), Damage(Form.RUN, "75 %")),
        ("H.264",),
    ),
    "PCM": Limit(
        lambda film, damage: film.sound == "PCM" and damage.scope is Scope.SOUND,
        Row(Film("MOV", "H.264", "PCM"), Damage(Form.NOISE, "30-100 %", Scope.SOUND)),
        ("PCM",),
    ),
    "a film that another one of the same form goes on with, at a packet's border": Limit(
        lambda film, damage: film.container == "TS" and damage.form is Form.OTHER_HEAD,
        Row(Film("TS", "H.264", "AAC"), Damage(Form.OTHER_HEAD, "75 %")),
        ("another film",),
    ),
}


def limit_of(row: Row) -> str | None:
    """Return the limit because of which a row need not be refused; None when it must be."""
    return next(
        (what for what, limit in LIMITS.items() if limit.applies(row.film, row.damage)), None
    )


def write_damaged(row: Row, folder: Path) -> Path:
    """Write the damaged film into ``folder``, where the whole films are made too, and return its
    path.

    The next call overwrites it.
    """
    body = _body(row.film, folder)
    other = _body(row.film.other, folder) if row.damage.form is Form.OTHER_HEAD else b""
    path = folder / "damaged"
    path.write_bytes(
        damaged(body, row.damage, pieces=_pieces(row.film, row.damage.scope, folder), other=other)
    )
    return path


@lru_cache(maxsize=2)
def _body(wanted: Film, folder: Path) -> bytes:
    return film(wanted, folder).read_bytes()


@lru_cache(maxsize=2)
def _pieces(wanted: Film, scope: Scope, folder: Path) -> Pieces:
    return pieces_of(_body(wanted, folder), scope)
