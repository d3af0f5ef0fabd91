"""The page about retention."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest

from mediavault.core.marks import MarkKind
from mediavault.features.following.model import Source
from mediavault.features.following.records import follow
from mediavault.features.retention.background import Retention
from mediavault.features.retention.model import RetentionRule
from mediavault.features.retention.records import retention_rules
from mediavault.library.local_library import LocalLibrary
from mediavault.presentation.views import saved_paths
from tests.http_vault import ApiVault


async def list_anew(vault: ApiVault) -> None:
    async def unknown() -> None:
        return None

    await Retention(
        vault.store, LocalLibrary(vault.downloads), vault.clock, saved_paths, unknown
    ).round()


async def words_of(vault: ApiVault, path: str = "/retention") -> str:
    text = (await vault.client.get(path)).text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text.partition("<main")[2])).split())


async def test_without_a_rule_nothing_may_go(vault: ApiVault) -> None:
    await vault.add_saved()
    assert "No rules yet." in await words_of(vault)


async def test_the_rule_of_the_vault_is_set_by_the_form_and_lists_posts(vault: ApiVault) -> None:
    await vault.add_saved()
    vault.clock.advance(timedelta(days=31))
    form = {
        "key": "vault",
        "days": "30",
        "watched_days": "",
        "newest": "",
        "free_gb": "0,5",
        "most_a_day": "3",
    }
    assert (await vault.client.submit("/retention", form)).headers["location"] == "/retention"
    assert await retention_rules(vault.store.records) == {
        "vault": RetentionRule(days=30, free_gb=0.5, is_on=False, most_a_day=3)
    }
    assert "Counting …" in await words_of(vault)

    await list_anew(vault)
    shown = await words_of(vault)
    assert "1 post · " in shown
    assert "Saved long enough ago" in shown
    assert "moves to the trash after" not in shown

    await vault.client.submit("/retention", {**form, "is_on": "on"})
    await list_anew(vault)
    assert "moves to the trash after" in await words_of(vault)


async def test_a_post_is_pinned_from_the_list(vault: ApiVault) -> None:
    job = await vault.add_saved()
    vault.clock.advance(timedelta(days=31))
    await vault.client.submit("/retention", {"key": "vault", "days": "30"})
    await list_anew(vault)
    answer = await vault.client.submit(
        f"/jobs/{job.id}/mark", {"pinned": "on", "back": "/retention"}
    )

    assert answer.headers["location"] == "/retention"
    assert MarkKind.PINNED in {
        mark.name for mark in (await vault.store.marks.of_jobs([job.id]))[job.id]
    }
    assert job.id not in (await vault.client.get("/retention")).text


async def test_a_source_gets_a_rule_of_its_own_and_loses_it(vault: ApiVault) -> None:
    await follow(
        vault.store.tables,
        Source("s-1", "https://videos.example/feed", "generic", vault.clock.now()),
    )
    assert "Rule for https://videos.example/feed" in (
        await words_of(vault, "/retention?source=s-1")
    ).replace("\u2068", "").replace("\u2069", "")
    await vault.client.submit("/retention", {"key": "s-1", "newest": "50", "is_on": "on"})
    assert await retention_rules(vault.store.records) == {
        "s-1": RetentionRule(newest=50, is_on=True)
    }
    assert "all but the newest 50" in await words_of(vault)

    await vault.client.submit("/retention", {"key": "s-1", "do": "remove"})
    assert await retention_rules(vault.store.records) == {}


@pytest.mark.parametrize(
    "form",
    [
        {"days": "soon"},
        {"days": "0"},
        {"days": "9" * 40},
        {"newest": "-3"},
        {"free_gb": "nan"},
        {"free_gb": "much"},
        {"most_a_day": "5000"},
        {"key": "s-none", "days": "3"},
    ],
)
async def test_a_form_that_is_wrong_is_shown_again_with_what_helps(
    vault: ApiVault, form: dict[str, str]
) -> None:
    answer = await vault.client.submit("/retention", {"key": "vault", **form})

    assert answer.status == 422
    assert 'role="alert"' in answer.text
    assert await retention_rules(vault.store.records) == {}


async def test_the_page_of_a_post_says_that_it_is_listed_and_when_it_goes(vault: ApiVault) -> None:
    job = await vault.add_saved()
    assert "A retention rule lists this post" not in await words_of(vault, f"/jobs/{job.id}")
    vault.clock.advance(timedelta(days=31))
    await vault.client.submit("/retention", {"key": "vault", "days": "30", "is_on": "on"})
    await list_anew(vault)
    assert (
        "A retention rule lists this post: Saved long enough ago · moves to the trash after"
        in await words_of(vault, f"/jobs/{job.id}")
    )

    await vault.client.submit(f"/jobs/{job.id}/mark", {"pinned": "on"})
    assert "A retention rule lists this post" not in await words_of(vault, f"/jobs/{job.id}")


async def test_the_page_of_a_source_leads_to_its_rule(vault: ApiVault) -> None:
    await follow(
        vault.store.tables,
        Source("s-1", "https://videos.example/feed", "generic", vault.clock.now()),
    )
    assert 'href="/retention?source=s-1#rule"' in (await vault.client.get("/sources/s-1")).text
