"""The settings page: each field is validated, the environment wins, and every change can be reset."""

from __future__ import annotations

import pytest

from mediavault.core.records import RecordKind
from tests.http_vault import ApiVault, MakeVault

HOSTILE = "<script>alert(1)</script>{id}"


async def test_every_setting_has_a_field_with_its_current_value(vault: ApiVault) -> None:
    page = await vault.client.get("/settings")

    assert page.status == 200
    for name in ("concurrency", "max_attempts", "prefer", "name_template", "pace.tiktok", "retention_days"):
        assert f'name="{name}"' in page.text
    assert 'value="{date} {title} [{id}]"' in page.text


async def test_a_saved_setting_applies_and_shows_when_and_from_where_it_was_changed(vault: ApiVault) -> None:
    answer = await vault.client.submit(
        "/settings",
        {"concurrency": "5", "max_attempts": "5", "prefer": "compatible", "pace.tiktok": "2,5", "pace.x": "1"},
    )
    page = await vault.client.get(answer.headers["location"])
    now = await vault.services.live.current()

    assert answer.status == 303
    assert (now.concurrency, now.prefer, now.pace) == (5, "compatible", {"tiktok": 2.5})
    assert "Applies to new downloads." in page.text
    assert page.text.count('formaction="/settings/') == 3
    assert "Default: 3" in page.text


async def test_an_unchanged_field_is_not_saved(vault: ApiVault) -> None:
    await vault.client.submit("/settings", {"concurrency": "3", "name_template": "{date} {title} [{id}]"})

    assert await vault.store.records.all(RecordKind.SETTING) == []


async def test_setting_a_field_back_by_hand_is_a_reset(vault: ApiVault) -> None:
    await vault.client.submit("/settings", {"concurrency": "5"})
    await vault.client.submit("/settings", {"concurrency": "3"})

    assert await vault.store.records.all(RecordKind.SETTING) == []
    assert (await vault.services.live.current()).concurrency == 3


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("concurrency", "0", "Enter a whole number from 1 to 64."),
        ("concurrency", "many", "Enter a whole number from 1 to 64."),
        ("max_attempts", "", "Enter a whole number from 1 to 100."),
        ("prefer", "worst", "Choose one of the two."),
        ("name_template", "{title}", "Add {id} to the file&#39;s name"),
        ("name_template", "../{id}", "not allowed in file names"),
        ("pace.tiktok", "0.1", "Enter a number from 1 to 20."),
        ("pace.nonsense", "2", "Enter a number from 1 to 20."),
        ("retention_days", "-1", "Enter a whole number from 0 to 3650."),
    ],
)
async def test_an_invalid_value_is_reported_at_its_field_and_nothing_is_saved(
    vault: ApiVault, field: str, value: str, says: str
) -> None:
    good = {"concurrency": "5", "retention_days": "9"}
    page = await vault.client.submit("/settings", {**good, field: value})

    assert page.status == 422
    assert says in page.text
    assert 'aria-invalid="true"' in page.text
    assert "Not saved." in page.text
    assert await vault.store.records.all(RecordKind.SETTING) == []


async def test_the_typed_value_is_shown_as_text(vault: ApiVault) -> None:
    page = await vault.client.submit("/settings", {"name_template": HOSTILE})

    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{id}" in page.text


async def test_a_field_can_be_reset_to_its_default(vault: ApiVault) -> None:
    await vault.client.submit("/settings", {"concurrency": "5", "pace.x": "2"})
    answer = await vault.client.submit("/settings/concurrency/reset", {"concurrency": "5"})

    assert (answer.status, answer.headers["location"]) == (303, "/settings?saved=true")
    assert [record.key for record in await vault.store.records.all(RecordKind.SETTING)] == ["pace"]
    assert (await vault.client.submit("/settings/token/reset")).status == 404


async def test_a_value_from_the_environment_is_shown_and_cannot_be_changed(make_vault: MakeVault) -> None:
    vault = make_vault(concurrency=4)
    page = await vault.client.get("/settings")
    await vault.client.submit("/settings", {"concurrency": "9", "max_attempts": "7"})
    refused = await vault.client.submit("/settings/concurrency/reset")
    now = await vault.services.live.current()

    assert "MEDIAVAULT_CONCURRENCY" in page.text
    assert "disabled" in page.text
    assert (now.concurrency, now.max_attempts) == (4, 7)
    assert refused.status == 403


async def test_the_next_job_gets_the_configured_number_of_attempts(vault: ApiVault) -> None:
    await vault.client.submit("/settings", {"max_attempts": "9"})
    answer = await vault.client.post("/api/jobs", {"post_url": "https://videos.example/watch/1"})

    assert answer.json()["max_attempts"] == 9


async def test_a_file_name_is_previewed_while_its_template_is_typed(vault: ApiVault) -> None:
    fine = await vault.client.get("/settings/name?name_template=%7Byear%7D%20%7Bid%7D")
    wrong = await vault.client.get("/settings/name?name_template=%7Btitle%7D")

    assert "2026 7571863205253778710.mp4" in fine.text
    assert "Add {id} to the file&#39;s name" in wrong.text
    assert "<html" not in fine.text


async def test_another_sites_form_changes_nothing(vault: ApiVault) -> None:
    answer = await vault.client.submit("/settings", {"concurrency": "5"}, sec_fetch_site="cross-site")

    assert answer.status == 403
    assert await vault.store.records.all(RecordKind.SETTING) == []
