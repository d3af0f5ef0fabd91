"""The scoreboard, over a small folder of cases in the form of the real ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from benchmarks.score import count, main
from benchmarks.score_cases import Answer, Section, read_cases
from benchmarks.score_judges import judge, told_by_address, wanted_kind
from benchmarks.score_ytdlp import as_compared, judge_ytdlp

MANIFEST = ["local_file", "kind", "platform", "post_url", "outcome", "best_video", "thumbnail", "handle",
            "display_name", "post_id"]  # fmt: skip
POST_URLS = ["url", "platform", "handle", "post_id", "canonical_url", "is_supported_video", "url_kind"]
MEDIA_URLS = ["url", "platform", "kind", "signed", "expiry_epoch", "watermarked"]

PAGE_URL, VIDEO = "https://blog.example.com/clip", "https://media.example.com/clip.mp4"
PAGE = f"""<!doctype html><html><head><title>A clip</title><meta property="og:title" content="A clip">
<meta property="og:video" content="{VIDEO}"><meta property="og:url" content="{PAGE_URL}"></head><body>Look</body></html>"""
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6.0,\na.ts\n#EXTINF:4.5,\nb.ts\n#EXT-X-ENDLIST\n"
COUNTS = {"master": False, "variants": 0, "segments": 2, "duration": 10.5, "endlist": True, "keys": [], "maps": 0}

Row = Mapping[str, str]
SAVED_PAGE: Row = {
    "local_file": "clip.html", "platform": "blog", "post_url": PAGE_URL, "outcome": "video", "best_video": VIDEO,
}  # fmt: skip
SAVED_PLAYLIST: Row = {"local_file": "a.m3u8", "platform": "hls", "outcome": json.dumps(COUNTS)}
EMPTY_FILE: Row = {"local_file": "empty.mp4", "platform": "media", "outcome": "reject"}
POST: Row = {
    "url": "https://twitter.com/jane/status/12?s=20", "platform": "x", "handle": "jane", "post_id": "12",
    "canonical_url": "https://x.com/jane/status/12", "is_supported_video": "yes", "url_kind": "post",
}  # fmt: skip
PROFILE: Row = {
    "url": "https://www.tiktok.com/@jane", "platform": "tiktok", "handle": "jane", "is_supported_video": "no",
    "url_kind": "profile",
}  # fmt: skip
LOOK_ALIKE: Row = {
    "url": "https://eviltiktok.com/@u/video/1", "platform": "none", "is_supported_video": "no", "url_kind": "tricky",
}  # fmt: skip
MEDIA: Row = {
    "url": "https://video.twimg.com/ext_tw_video/12/pu/vid/320x250/a.mp4?tag=12", "platform": "x",
    "kind": "direct_mp4", "signed": "no", "watermarked": "no",
}  # fmt: skip


def table(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    lines = ["\t".join(columns), *("\t".join(row.get(name, "") for name in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def folder_of(folder: Path, *, files: Sequence[Row] = (), posts: Sequence[Row] = (), media: Sequence[Row] = ()) -> Path:
    """A folder of cases with the files that the rows of ``SAVED_…`` and ``EMPTY_FILE`` name."""
    (folder / "clip.html").write_text(PAGE, encoding="utf-8")
    (folder / "a.m3u8").write_text(PLAYLIST, encoding="utf-8")
    (folder / "empty.mp4").touch()
    table(folder / "manifest.tsv", MANIFEST, files)
    table(folder / "post_urls.tsv", POST_URLS, posts)
    table(folder / "media_urls.tsv", MEDIA_URLS, media)
    return folder


def judged(folder: Path, **rows: Sequence[Row]) -> list[Answer]:
    return judge(read_cases(folder_of(folder, **rows)))


def wrong(answers: Sequence[Answer]) -> list[tuple[str, object, object]]:
    return [(answer.measure, answer.expected, answer.got) for answer in answers if not answer.right]


def test_everything_that_a_folder_asks_is_judged(tmp_path: Path) -> None:
    answers = judged(
        tmp_path, files=[SAVED_PAGE, SAVED_PLAYLIST, EMPTY_FILE], posts=[POST, PROFILE, LOOK_ALIKE], media=[MEDIA]
    )

    assert wrong(answers) == []
    assert {section: sorted({each.measure for each in answers if each.section is section}) for section in Section} == {
        Section.PAGES: ["best URL", "outcome"],
        Section.ADDRESSES: ["canonical url", "handle", "kind", "platform", "post id"],
        Section.MEDIA_ADDRESSES: ["expiry", "kind", "platform", "signed", "watermark"],
        Section.FILES: ["verdict"],
        Section.PLAYLISTS: ["duration", "encrypted", "live", "maps", "role", "segments", "variants"],
    }


def test_a_wrong_answer_tells_what_was_expected_and_what_came(tmp_path: Path) -> None:
    other = "https://media.example.com/other.mp4"

    assert wrong(judged(tmp_path, files=[{**SAVED_PAGE, "best_video": other}])) == [("best URL", other, VIDEO)]


def test_a_video_chosen_where_there_is_none_is_a_false_positive(tmp_path: Path) -> None:
    answers = judged(tmp_path, files=[{**SAVED_PAGE, "outcome": "no_video", "best_video": ""}])

    assert wrong(answers) == [("outcome", "no_video", "video"), ("false positives", None, VIDEO)]


def test_an_empty_cell_is_not_judged(tmp_path: Path) -> None:
    named = judged(tmp_path, files=[{**SAVED_PAGE, "handle": "jane"}])
    unnamed = judged(tmp_path, files=[SAVED_PAGE])

    assert len(named) == len(unnamed) + 1
    assert wrong(named) == [("handle", "jane", None)]


def test_a_column_that_is_not_there_asks_nothing(tmp_path: Path) -> None:
    folder_of(tmp_path)
    table(tmp_path / "post_urls.tsv", ["url", "platform"], [POST])

    assert [answer.measure for answer in judge(read_cases(tmp_path))] == ["platform"]


def test_an_expiry_that_is_not_there_must_not_be_read(tmp_path: Path) -> None:
    """An empty expiry is an answer: the address says nothing."""
    signed = {**MEDIA, "url": f"{MEDIA['url']}&expire=1767267384", "signed": "yes"}

    assert wrong(judged(tmp_path, media=[signed])) == [("expiry", None, 1_767_267_384)]


def test_a_playlists_counts_are_judged_one_by_one(tmp_path: Path) -> None:
    counted = {**SAVED_PLAYLIST, "outcome": json.dumps({**COUNTS, "segments": 3, "duration": 10.52})}

    assert wrong(judged(tmp_path, files=[counted])) == [("segments", 3, 2)]


@pytest.mark.parametrize(
    "row",
    [
        {**SAVED_PAGE, "local_file": "missing.html"},
        {**SAVED_PLAYLIST, "outcome": "{broken"},
        {**EMPTY_FILE, "local_file": "missing.mp4"},
    ],
)
def test_a_case_that_has_no_answer_is_wrong_and_stops_no_other(tmp_path: Path, row: Row) -> None:
    answers = judged(tmp_path, files=[row], posts=[POST])

    assert len(wrong(answers)) == 1
    assert sum(answer.right for answer in answers) == 5


@pytest.mark.parametrize(
    ("called", "supported", "platform", "kind"),
    [
        ("post", "yes", "x", "post"),
        ("post", "no", "x", "post"),  # a photo's post is a post
        ("profile", "no", "x", "profile"),
        ("playlist", "no", "youtube", "playlist"),
        ("share_link", "redirect", "reddit", "redirect"),
        ("tricky", "no", "none", "unsupported"),
        ("other", "no", "vimeo", "not a post"),
        ("other", "debatable", "vimeo", None),
        ("profile", "no", "imgur", None),  # mediavault has no facts of this site
        ("site_specific", "yes", "imgur", "post"),
    ],
)
def test_the_tables_words_for_an_address_are_understood(
    called: str, supported: str, platform: str, kind: str | None
) -> None:
    assert wanted_kind({"url_kind": called, "is_supported_video": supported, "platform": platform}) == kind


def test_only_what_the_address_itself_holds_is_asked_of_it() -> None:
    """The tables know handles and ids from elsewhere too."""
    row = {"url": "https://www.reddit.com/r/a/comments/abc12/t/", "handle": "jane", "post_id": "abc12"}

    assert told_by_address(row) == {"post_id": "abc12"}


def test_answers_are_counted_for_each_platform_and_for_all() -> None:
    answers = [
        Answer(Section.PAGES, "x", "handle", "a", "jane", "jane", right=True),
        Answer(Section.PAGES, "reddit", "handle", "b", "jane", "joe", right=False),
    ]

    assert count(answers) == {"reddit": {"handle": [0, 1]}, "x": {"handle": [1, 1]}, "all": {"handle": [1, 2]}}


def test_both_are_asked_the_same_questions(tmp_path: Path) -> None:
    cases = read_cases(folder_of(tmp_path, posts=[POST, PROFILE, LOOK_ALIKE, {**POST, "platform": "9gag"}]))
    theirs = list(judge_ytdlp(cases))
    ours = list(as_compared(judge(cases), theirs))

    assert [(answer.measure, answer.right) for answer in theirs] == [
        ("posts", True), ("post id", True), ("lists", True), ("strangers", True),
    ]  # fmt: skip
    assert sorted((answer.case, answer.measure) for answer in ours) == sorted(
        (answer.case, answer.measure) for answer in theirs
    )


def test_an_address_that_an_extractor_takes_for_another_thing_is_wrong_for_yt_dlp(tmp_path: Path) -> None:
    as_list = {**PROFILE, "url": "https://vimeo.com/7809605", "platform": "vimeo"}
    as_post = {**POST, "url": PROFILE["url"], "platform": "tiktok", "post_id": ""}
    theirs = judge_ytdlp(read_cases(folder_of(tmp_path, posts=[as_list, as_post])))

    assert [(answer.measure, answer.right) for answer in theirs] == [("lists", False), ("posts", False)]


# --- the command ------------------------------------------------------------------------------------------------


def test_a_bad_score_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder_of(tmp_path, files=[{**SAVED_PAGE, "handle": "jane"}], posts=[POST])

    assert main([str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "Saved pages and answers" in told
    assert "yt-dlp alone" in told
    assert "1 wrong" in told


def test_wrong_answers_are_listed_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder_of(tmp_path, files=[{**SAVED_PAGE, "handle": "jane"}], posts=[POST])

    assert main([str(tmp_path), "--wrong"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Saved pages and answers: blog: handle: clip.html", "  expected 'jane'", "  got      None",
    ]  # fmt: skip


def test_json_holds_the_counts_and_the_wrong_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder_of(tmp_path, files=[{**SAVED_PAGE, "handle": "jane"}], posts=[POST])

    assert main([str(tmp_path), "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["score"]["pages"]["all"] == {"outcome": [1, 1], "best URL": [1, 1], "handle": [0, 1]}
    assert told["compared"]["yt-dlp"]["all"] == told["compared"]["mediavault"]["all"]
    assert [answer["measure"] for answer in told["wrong"]] == ["handle"]


@pytest.mark.parametrize("folder", ["", "missing"])
def test_a_folder_without_cases_is_refused_with_what_to_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    assert main([str(tmp_path / folder)]) == 2
    assert "make score CASES=folder" in capsys.readouterr().err
