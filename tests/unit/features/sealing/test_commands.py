"""``seal``: what it prints about a copy that it made, and about one that it checks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mediavault.app import one_shot
from mediavault.app import sealing as parts
from mediavault.core.failures import NetworkFailure
from mediavault.core.job import JobId
from mediavault.core.settings import Settings
from mediavault.features.sealing.model import SealedCopy
from mediavault.maintenance.moving import Progress
from tests.authority import Authority, make_authority, needs_openssl
from tests.sealing import URL, SealingVault
from tests.unit.cli.conftest import Run

JOB = "00000000-0000-7000-8000-000000000001"


@pytest.fixture(autouse=True)
def _no_system_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "system_roots", tuple)


async def make(
    folder: Path, authority: Authority | None = None, *, gone: bool = False
) -> tuple[SealedCopy, Path]:
    vault = SealingVault(folder)
    if gone:
        vault.browser.shown = NetworkFailure("The page did not load.")
    return await vault.seal(await vault.fill(), vault.sealer(authority))


@needs_openssl
def test_a_copy_is_made_and_what_it_lacks_is_said(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, file = asyncio.run(
        make(tmp_path / "vault", make_authority(tmp_path / "authority"), gone=True)
    )
    asked: list[tuple[JobId, Path]] = []

    async def seal_copy(
        _: Settings, job: JobId, target: Path, onlooker: Progress
    ) -> tuple[SealedCopy, Path]:
        asked.append((job, target))
        return copy, file

    monkeypatch.setattr(one_shot, "seal_copy", seal_copy)
    shown = run("seal", JOB.upper(), "--to", "a.zip")
    printed = run("seal", JOB, "--json").json()

    assert asked == [(JobId(JOB), Path.cwd() / "a.zip"), (JobId(JOB), Path.cwd())]
    assert f"Sealed: {file}" in shown.out
    assert "UTC by Local Time Signer (Local Time Authority, SHA-256 " in shown.out
    assert "Without the page: The page did not load." in shown.out
    assert (printed["file"], printed["bytes"]) == (str(file), file.stat().st_size)
    assert printed["not_captured"][0] == {"what": "the page", "reason": "The page did not load."}
    assert printed["timestamp"]["authority"] == "Local Time Signer"


@needs_openssl
def test_the_name_of_an_authority_cannot_steer_the_terminal(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = asyncio.run(
        make(tmp_path / "vault", make_authority(tmp_path / "authority", name="A\n\x1b[2JTime"))
    )

    async def seal_copy(*_: object) -> tuple[SealedCopy, Path]:
        return made

    monkeypatch.setattr(one_shot, "seal_copy", seal_copy)
    shown = run("seal", JOB)

    assert "Time Signer" in shown.out
    assert "\x1b[2J" not in shown.out
    assert "by A\n" not in shown.out


@needs_openssl
def test_an_intact_copy_is_reported_with_its_authority_and_how_far_it_is_known(
    run: Run, tmp_path: Path
) -> None:
    authority = make_authority(tmp_path / "authority")
    _, file = asyncio.run(make(tmp_path / "vault", authority))
    (tmp_path / "root.pem").write_bytes(authority.root_pem)
    unknown = run("seal", "--check", str(file))
    named = run("seal", "--check", str(file), "--root", str(tmp_path / "root.pem"))
    printed = run(
        "seal", "--check", str(file), "--root", str(tmp_path / "root.pem"), "--json"
    ).json()

    assert (unknown.code, named.code) == (0, 0)
    assert f"Post: {URL}" in unknown.out
    assert "Every file is as it was sealed." in unknown.out
    assert "whose root this system does not know" in unknown.out
    assert "which leads to the root that was named" in named.out
    assert (printed["ok"], printed["problems"], printed["post_url"]) == (True, [], URL)
    assert printed["timestamp"]["trust"] == "named"


def test_a_changed_copy_and_one_without_the_asked_timestamp_end_with_1(
    run: Run, tmp_path: Path
) -> None:
    _, file = asyncio.run(make(tmp_path / "vault"))
    (tmp_path / "root.pem").write_bytes(make_authority(tmp_path / "authority").root_pem)
    bare = run("seal", "--check", str(file))
    missed = run("seal", "--check", str(file), "--root", str(tmp_path / "root.pem"))
    data = file.read_bytes()
    file.write_bytes(data.replace(b"A film about geese", b"A film about ducks", 1))
    changed = run("seal", "--check", str(file))
    printed = run("seal", "--check", str(file), "--json")

    assert (bare.code, missed.code, changed.code, printed.code) == (0, 1, 1, 1)
    assert "There is no valid timestamp" in bare.out
    assert "the timestamp is not valid (there is none)" in missed.out
    assert "data/page.txt: was changed" in changed.out
    assert "This copy has changed since it was sealed." in changed.out
    assert {"problem": "changed", "path": "data/page.txt", "detail": ""} in printed.json()[
        "problems"
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("seal",),
        ("seal", JOB, "--check", "a.zip"),
        ("seal", JOB, "--root", "a.pem"),
        ("seal", "--check", "a.zip", "--to", "b.zip"),
        ("seal", "--check", "nothing.zip"),
        ("seal", "--check", __file__),
        ("seal", "--check", __file__, "--root", "nothing.pem"),
        ("seal", "--check", __file__, "--root", __file__),
        ("seal", "no-job"),
    ],
)
def test_what_cannot_be_done_is_refused_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).code == 2
