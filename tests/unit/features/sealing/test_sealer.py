"""Sealed copies: what is in them, what they say is missing,
and that others than we can check them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import bagit
import pytest

from mediavault.browser.port import PageCapture
from mediavault.core.failures import BadInput, ErrorCode, NetworkFailure, NotFound, StorageFailure
from mediavault.core.job import Job
from mediavault.core.platform import Platform
from mediavault.core.post_urls import name_of_file
from mediavault.features.sealing.checking import check_copy
from mediavault.features.sealing.model import NotCaptured, SealStep
from mediavault.features.sealing.sealer import NotSealable, write_new
from mediavault.features.sealing.timestamps import Trust
from mediavault.platforms import registry
from tests.authority import make_authority, needs_openssl
from tests.sealing import URL, WORDS, SealingVault, page, seen, unpacked

CLOSED = "mediavault is leaving"


@pytest.fixture
def vault(tmp_path: Path) -> SealingVault:
    return SealingVault(tmp_path / "vault")


def report_of(bag: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((bag / "data" / "report.json").read_text())
    return report


async def test_a_copy_holds_the_files_the_page_and_what_the_vault_did(
    vault: SealingVault, tmp_path: Path
) -> None:
    job = await vault.fill(videos=2)
    steps: list[SealStep] = []
    copy = await vault.sealer().seal(job, steps.append)
    await write_new(tmp_path / "a.zip", vault.sealer().pieces(copy))
    bag = unpacked(tmp_path / "a.zip", tmp_path / "out")
    report = report_of(bag)

    assert bag.name == f"mediavault-{job.id}-{copy.at:%Y%m%dT%H%M%SZ}"
    assert sorted(path.name for path in (bag / "data").iterdir()) == [
        *(
            "000001-0.info.json",
            "000001-0.jpg",
            "000001-0.mp4",
            "000001-2.info.json",
            "000001-2.jpg",
            "000001-2.mp4",
        ),
        *("headers.json", "history.json", "page.html", "page.txt", "report.json", "screenshot.png"),
    ]
    assert (bag / "data" / "page.txt").read_text() == WORDS
    assert (bag / "data" / "screenshot.png").read_bytes().startswith(b"\x89PNG")
    assert {row["path"] for row in report["files"]} == {
        f"data/{p.name}" for p in (bag / "data").iterdir()
    } - {"data/report.json"}
    assert (report["post"]["url"], report["page"]["status"], report["not_captured"]) == (
        URL,
        200,
        [],
    )
    assert vault.browser.visits == [(URL, False, True)]
    assert steps == [SealStep.CHECKING, SealStep.VISITING]


async def test_subtitles_and_comments_of_a_video_are_in_it(
    vault: SealingVault, tmp_path: Path
) -> None:
    job = await vault.fill()
    items = tuple(
        replace(item, saved=replace(item.saved, beside=(".en.vtt", ".comments.jsonl", ".de.vtt")))
        if item.saved
        else item
        for item in job.items
    )
    for suffix in (".en.vtt", ".comments.jsonl"):
        (vault.downloads / str(job.output_path).replace(".mp4", suffix)).write_text(f"of {suffix}")
    copy, file = await vault.seal(replace(job, items=items))
    bag = unpacked(file, tmp_path / "out")

    assert (bag / "data" / "000001-0.en.vtt").read_text() == "of .en.vtt"
    assert (bag / "data" / "000001-0.comments.jsonl").read_text() == "of .comments.jsonl"
    assert [missing.what for missing in copy.not_captured] == ["data/000001-0.de.vtt"]


async def test_a_video_without_a_link_is_sealed_without_a_visit(vault: SealingVault) -> None:
    name = name_of_file("a" * 64)
    copy, _ = await vault.seal(replace(await vault.fill(), post_url=name, canonical_url=name))

    assert vault.browser.visits == []
    assert copy.not_captured == (
        NotCaptured(
            "the page", "The video was imported without a link, so there was no page to visit."
        ),
    )


async def test_other_programs_find_the_copy_valid(vault: SealingVault, tmp_path: Path) -> None:
    _, file = await vault.seal(await vault.fill(videos=2))
    bag = unpacked(file, tmp_path / "out")
    sums = [
        subprocess.run(
            [shutil.which("sha256sum") or "", "--strict", "-c", name], cwd=bag, capture_output=True
        )
        for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt")
    ]

    assert bagit.Bag(str(bag)).is_valid()
    assert [done.returncode for done in sums] == [0, 0]
    assert check_copy(file).problems == ()


@needs_openssl
async def test_a_timestamp_is_in_it_and_the_script_inside_checks_everything(
    vault: SealingVault, tmp_path: Path
) -> None:
    authority = make_authority(tmp_path / "authority")
    copy, file = await vault.seal(
        await vault.fill(), vault.sealer(authority, system_roots=[authority.root])
    )
    bag = unpacked(file, tmp_path / "out")
    (tmp_path / "root.pem").write_bytes(authority.root_pem)
    (tmp_path / "other.pem").write_bytes(make_authority(tmp_path / "other").root_pem)

    def script(*arguments: str) -> int:
        return subprocess.run(
            ["sh", str(bag / "verify.sh"), *arguments], cwd=tmp_path, capture_output=True
        ).returncode

    assert (script(), script("root.pem"), script("other.pem")) == (0, 0, 1)
    assert check_copy(file, roots=[authority.root]).timestamp == replace(
        copy.timestamp, trust=Trust.NAMED
    )  # type: ignore[type-var]
    assert check_copy(file).problems == ()
    assert bagit.Bag(str(bag)).is_valid()
    (bag / "data" / "page.txt").write_text("Another film")
    assert script() != 0


async def test_without_an_answer_of_the_authority_the_copy_says_so(
    vault: SealingVault, tmp_path: Path
) -> None:
    async def refuse(_: bytes) -> bytes:
        raise NetworkFailure("tsa.example is away.")

    async def babble(_: bytes) -> bytes:
        return b"<html>sign in</html>"

    job = await vault.fill()
    for ask, reason in ((refuse, "tsa.example is away."), (babble, "not in the form|incomplete")):
        copy, file = await vault.seal(job, vault.sealer(ask))
        report = report_of(unpacked(file, tmp_path / ask.__name__))

        [missing] = copy.not_captured
        assert missing.what == "manifest-sha256.txt.tsr"
        assert report["not_captured"][0]["reason"] == missing.reason
        assert any(word in missing.reason for word in reason.split("|"))
        assert check_copy(file).problems == ()


@pytest.mark.parametrize("damage", [b"other bytes of the same kind", None])
async def test_a_damaged_file_is_not_sealed(vault: SealingVault, damage: bytes | None) -> None:
    job = await vault.fill()
    video = vault.downloads / str(job.output_path)
    video.unlink() if damage is None else video.write_bytes(damage)

    with pytest.raises(NotSealable, match="is missing, or is not the file that was saved"):
        await vault.sealer().seal(job)
    assert vault.browser.visits == []


async def test_a_post_without_a_file_is_not_sealed(vault: SealingVault) -> None:
    job = await vault.fill()

    with pytest.raises(NotFound, match="no file in the library"):
        await vault.sealer().seal(replace(job, items=(), output_path=None))


async def test_a_file_that_changes_after_the_check_leaves_no_copy_behind(
    vault: SealingVault, tmp_path: Path
) -> None:
    job = await vault.fill()
    sealer = vault.sealer()
    copy = await sealer.seal(job)
    video = vault.downloads / str(job.output_path)
    for damage in (video.read_bytes()[::-1], b"short", None):
        video.unlink() if damage is None else video.write_bytes(damage)
        with pytest.raises(StorageFailure, match="has changed since the copy was sealed"):
            await write_new(tmp_path / "out" / "copy.zip", sealer.pieces(copy))
        assert list((tmp_path / "out").iterdir()) == []


async def test_no_file_is_replaced(vault: SealingVault, tmp_path: Path) -> None:
    sealer = vault.sealer()
    copy = await sealer.seal(await vault.fill())
    (tmp_path / "copy.zip").write_text("mine")

    with pytest.raises(BadInput, match="exists already"):
        await write_new(tmp_path / "copy.zip", sealer.pieces(copy))
    assert (tmp_path / "copy.zip").read_text() == "mine"


async def test_a_page_that_cannot_be_reached_is_one_missing_part_with_its_reason(
    vault: SealingVault, tmp_path: Path
) -> None:
    vault.browser.shown = NetworkFailure("The page did not load.")
    copy, file = await vault.seal(await vault.fill())
    bag = unpacked(file, tmp_path / "out")

    assert copy.not_captured == (NotCaptured("the page", "The page did not load."),)
    assert report_of(bag)["not_captured"] == [
        {"what": "the page", "reason": "The page did not load."}
    ]
    assert report_of(bag)["page"] is None
    assert check_copy(file).problems == ()


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (page(status=404), "404"),
        (page(final_url="https://videos.example/login"), "signed in"),
        (page(title="Just a moment..."), "CAPTCHA"),
    ],
)
async def test_a_page_that_does_not_show_the_post_is_kept_and_the_report_says_so(
    vault: SealingVault, shown: Any, reason: str
) -> None:
    vault.browser.shown = shown
    copy, _ = await vault.seal(await vault.fill())

    [missing] = copy.not_captured
    assert missing.what == "the post"
    assert reason in missing.reason
    assert "data/page.html" in {file.path for file in copy.files}


async def test_an_empty_page_leaves_out_what_it_did_not_show(vault: SealingVault) -> None:
    vault.browser.shown = page(html="", visible_text="", screenshot=None)
    copy, file = await vault.seal(await vault.fill())

    assert [missing.what for missing in copy.not_captured] == [
        "data/page.txt",
        "data/page.html",
        "data/screenshot.png",
    ]
    assert check_copy(file).problems == ()


async def test_redirects_are_listed_without_cookies(vault: SealingVault, tmp_path: Path) -> None:
    """Also a page to which a script led, and none of the documents of frames."""
    there, last = "https://videos.example/there", "https://videos.example/last"
    responses = (
        seen("https://adverts.example/frame"),
        seen(URL, 302, location="/there", set_cookie="sid=secret"),
        seen(there, 200, authorization="Bearer secret", x_powered_by="geese"),
        seen(last, 200, proxy_authenticate="secret"),
    )
    vault.browser.shown = page(final_url=f"{last}#part", responses=responses)
    _, file = await vault.seal(await vault.fill())
    text = (unpacked(file, tmp_path / "out") / "data" / "headers.json").read_text()

    assert [(row["url"], row["status"]) for row in json.loads(text)["responses"]] == [
        (URL, 302),
        (there, 200),
        (last, 200),
    ]
    assert "secret" not in text
    assert "geese" in text


async def test_redirects_in_a_circle_end(vault: SealingVault) -> None:
    vault.browser.shown = page(responses=(seen(URL, 302, location=URL),))
    copy, _ = await vault.seal(await vault.fill())

    assert "data/headers.json" in {file.path for file in copy.files}


async def test_hostile_words_of_a_page_stay_inside_their_files(vault: SealingVault) -> None:
    job = await vault.fill()
    evil = "\ud800\x00\u202e\nBagIt-Version: 9\nPayload-Oxum: 1.1"
    vault.browser.shown = page(
        title=evil, visible_text=evil, html=evil, responses=(seen(URL, x_evil=evil),)
    )
    hostile = replace(job, post_url=f"{URL}?q={evil}", metadata={"title": evil, "text": evil})
    copy, file = await vault.seal(hostile)
    checked = check_copy(file)

    assert checked.problems == ()
    assert checked.info["External-Identifier"].endswith("BagIt-Version: 9 Payload-Oxum: 1.1")
    assert len(copy.not_captured) == 0


async def test_notes_of_users_and_signed_addresses_stay_in_the_vault(
    vault: SealingVault, tmp_path: Path
) -> None:
    job = await vault.fill()
    sidecar = vault.downloads / str(job.output_path).replace(".mp4", ".info.json")
    facts = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**facts, "marks": [{"kind": "note", "text": "private words"}]}))
    signed = replace(job, extracted_url="https://cdn.example/a.mp4?sig=private")
    _, file = await vault.seal(signed)

    assert b"private" not in file.read_bytes()
    assert (
        json.loads((unpacked(file, tmp_path / "out") / "data" / sidecar.name).read_text())["marks"]
        == []
    )


@pytest.mark.parametrize("name", ["report.json", "100% geese\u0301.mp4", "CON.mp4", "a\\b.mp4"])
async def test_names_of_videos_are_safe_and_replace_none_of_ours(
    vault: SealingVault, tmp_path: Path, name: str
) -> None:
    job = await vault.fill()
    (vault.downloads / str(job.output_path)).rename(vault.downloads / name)
    saved = next(item.saved for item in job.items if item.saved)
    renamed = replace(saved, output_path=name, thumbnail_path=None)
    items = tuple(replace(item, saved=renamed) if item.saved else item for item in job.items)
    copy, file = await vault.seal(replace(job, items=items))
    bag = unpacked(file, tmp_path / "out")
    sums = subprocess.run(
        ["sha256sum", "--strict", "-c", "manifest-sha256.txt"], cwd=bag, capture_output=True
    )

    assert check_copy(file).problems == ()
    assert sums.returncode == 0
    assert bagit.Bag(str(bag)).is_valid()
    assert hashlib.sha256((bag / copy.files[0].path).read_bytes()).hexdigest() == saved.sha256


# --- the site's limits ----------------------------------------------------------------------------


async def post_of(vault: SealingVault, site: str) -> tuple[Job, Platform]:
    job = await vault.fill()
    return replace(job, platform=site), registry.platform(site)


async def test_a_closed_site_is_not_visited(vault: SealingVault) -> None:
    job, _ = await post_of(vault, "tiktok")
    await vault.store.site_limits.pause_site(
        "tiktok",
        duration=timedelta(hours=1),
        code=ErrorCode.RATE_LIMITED,
        reason="It asked us to slow down.",
    )
    copy, _ = await vault.seal(job)

    assert vault.browser.visits == []
    assert {missing.reason for missing in copy.not_captured} == {
        "mediavault is leaving TikTok alone at the moment: It asked us to slow down."
    }
    vault.clock.advance(timedelta(hours=2))
    await vault.seal(job)
    assert vault.browser.visits == []  # half open: one job probes it


async def test_the_next_visit_waits_for_the_sites_pace(vault: SealingVault) -> None:
    job, platform = await post_of(vault, "tiktok")
    await vault.seal(job)
    before = sum(vault.clock.slept)
    await vault.seal(job)

    assert len(vault.browser.visits) == 2
    assert sum(vault.clock.slept) - before == pytest.approx(2 * platform.pace.interval_s[1], abs=1)


async def test_a_site_that_a_job_closes_during_the_wait_is_not_visited(
    vault: SealingVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, _ = await post_of(vault, "tiktok")
    await vault.seal(job)

    async def sleep(_: float) -> None:
        await vault.store.site_limits.pause_site(
            "tiktok",
            duration=timedelta(hours=1),
            code=ErrorCode.RATE_LIMITED,
            reason="It asked us to slow down.",
        )

    monkeypatch.setattr(vault.clock, "sleep", sleep)
    copy, _ = await vault.seal(job)

    assert len(vault.browser.visits) == 1
    assert {missing.reason for missing in copy.not_captured} == {
        "mediavault is leaving TikTok alone at the moment: It asked us to slow down."
    }


async def test_a_site_that_a_job_closed_during_the_visit_stays_closed_for_twice_as_long(
    vault: SealingVault,
) -> None:
    """As after the second refusal of two jobs."""
    job, platform = await post_of(vault, "tiktok")
    capture = vault.browser.capture

    async def refuse(*args: Any, **options: Any) -> PageCapture:
        await vault.store.site_limits.pause_site(
            "tiktok",
            duration=timedelta(seconds=1),
            code=ErrorCode.RATE_LIMITED,
            reason="It asked us to slow down.",
        )
        return await capture(*args, **options)

    vault.browser.shown, vault.browser.capture = page(status=429), refuse  # type: ignore[method-assign]
    await vault.seal(job)
    [limit] = [
        limit for limit in await vault.store.site_limits.all_limits() if limit.platform == "tiktok"
    ]

    assert limit.closed_until == vault.clock.now() + 2 * timedelta(seconds=platform.pace.cooldown_s)


async def test_a_site_that_asks_to_slow_down_is_closed_for_jobs_too(vault: SealingVault) -> None:
    job, platform = await post_of(vault, "tiktok")
    vault.browser.shown = page(status=429)
    await vault.seal(job)
    [limit] = [
        limit for limit in await vault.store.site_limits.all_limits() if limit.platform == "tiktok"
    ]

    assert limit.closed_until == vault.clock.now() + timedelta(seconds=platform.pace.cooldown_s)
    assert limit.code is ErrorCode.RATE_LIMITED


async def test_a_captcha_for_the_copy_closes_nothing(vault: SealingVault) -> None:
    job, _ = await post_of(vault, "tiktok")
    vault.browser.shown = page(title="Just a moment...")
    await vault.seal(job)

    assert all(limit.closed_until is None for limit in await vault.store.site_limits.all_limits())
