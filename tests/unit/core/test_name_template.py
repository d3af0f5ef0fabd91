"""Names of saved videos: with any template they are safe, bounded,
and different for different posts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.media import account
from mediavault.core.name_template import (
    DEFAULT_NAME_TEMPLATE,
    MAX_FOLDER_BYTES,
    NO_ACCOUNT_FOLDER,
    NO_ID,
    PLACES,
    TOO_DEEP,
    TOO_LONG,
    TWICE,
    UNKNOWN_PLACE,
    UNSAFE,
    NamedPost,
    account_folder,
    check_template,
    folder_of,
    named_post,
    stem_of,
)
from mediavault.core.names import MAX_STEM_BYTES, slug_keep_case
from mediavault.core.post_urls import name_of_file

DAY = datetime(2026, 11, 24, tzinfo=UTC)
POST = NamedPost("7571863205253778710", DAY, "First frost", "tiktok", "jane_doe")

own_words = st.text("abc -_.()[]äß字", max_size=8)


@st.composite
def templates(draw: st.DrawFn) -> str:
    """Templates that pass the check, with any placeholders in any order."""
    placeholders = draw(st.permutations(PLACES))[: draw(st.integers(0, 5))]
    placeholders = [*[name for name in placeholders if name != "id"], "id"]
    text = "".join(
        draw(own_words) + f"{{{name}}}" for name in draw(st.permutations(placeholders))
    ) + draw(own_words)
    try:
        return check_template(text)
    except ValueError:
        return DEFAULT_NAME_TEMPLATE


@pytest.mark.parametrize(
    ("template", "name"),
    [
        (DEFAULT_NAME_TEMPLATE, "2026-11-24 First frost [7571863205253778710]"),
        ("{account} - {title} ({id})", "jane_doe - First frost (7571863205253778710)"),
        ("{year}_{site}_{id}", "2026_tiktok_7571863205253778710"),
        ("{id}", "7571863205253778710"),
        ("  {id} kept ", "7571863205253778710 kept"),
    ],
)
def test_a_template_names_a_post(template: str, name: str) -> None:
    assert stem_of(POST, check_template(template)) == name


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{date} {title}", NO_ID),
        ("", NO_ID),
        ("{id} {id}", TWICE),
        ("{id} {uploader}", UNKNOWN_PLACE),
        ("{id", UNKNOWN_PLACE),
        ("{{id}}", UNKNOWN_PLACE),
        ("{id!r}", UNKNOWN_PLACE),
        ("{0.__class__} {id}", UNKNOWN_PLACE),
        ("../{id}", UNSAFE),
        ("a:{id}", UNSAFE),
        ("{id}\u202egpj", UNSAFE),
        ("{id}\x00", UNSAFE),
        ("{date}  {id}", UNSAFE),
        ("{id}" + "a" * 61, TOO_LONG),
        ("{id}" + "ä" * 31, TOO_LONG),
        ("{id}" + "{x}" * 60, TOO_LONG),
    ],
)
def test_a_template_that_would_be_unsafe_or_name_two_posts_alike_is_refused(
    template: str, fault: str
) -> None:
    with pytest.raises(ValueError, match="^" + fault[:20].replace("{", r"\{")) as refused:
        check_template(template)

    assert str(refused.value) == fault


@given(
    templates(),
    st.text(max_size=400),
    st.text(max_size=150),
    st.text(max_size=200),
    st.text(max_size=50),
)
def test_with_any_template_a_name_is_valid_on_every_file_system(
    template: str, title: str, post_id: str, account: str, site: str
) -> None:
    stem = stem_of(NamedPost(post_id, DAY, title, site, account), template)

    # an underscore before a device's name
    assert 0 < len(stem.encode("utf-8")) <= MAX_STEM_BYTES + 1
    assert not set(stem) & set('<>:"/\\|?*\0\n\r')
    assert stem == stem.strip(" .")
    assert not stem.startswith("-")


@given(templates(), st.text(max_size=400), st.text("abcXYZ019_-", min_size=1, max_size=60))
def test_every_name_contains_the_whole_id(template: str, title: str, post_id: str) -> None:
    assert slug_keep_case(post_id) in stem_of(NamedPost(post_id, DAY, title, "x", "jane"), template)


def test_unknown_values_leave_no_empty_brackets() -> None:
    assert stem_of(NamedPost("1", DAY), "{date} ({title}) [{id}]") == "2026-11-24 [1]"


def test_a_device_name_is_not_used_as_a_file_name() -> None:
    assert stem_of(NamedPost("CON", DAY), "{id}") == "_CON"


@pytest.mark.parametrize(
    ("template", "folder", "name"),
    [
        (DEFAULT_NAME_TEMPLATE, "the account", "2026-11-24 First frost [7571863205253778710]"),
        ("{site}/{account}/{id}", "tiktok/jane_doe", "7571863205253778710"),
        (
            " Films {year} / {date} {title} / {id} ",
            "Films 2026/2026-11-24 First frost",
            "7571863205253778710",
        ),
    ],
)
def test_a_template_may_name_folders(template: str, folder: str, name: str) -> None:
    template = check_template(template)

    assert (folder_of(POST, template, "the account"), stem_of(POST, template)) == (folder, name)


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("/{id}", TOO_DEEP),
        ("a//{id}", TOO_DEEP),
        ("a/b/c/d/e/{id}", TOO_DEEP),
        ("{id}/", NO_ID),
        ("{id}/{title}", NO_ID),
        ("../{id}", UNSAFE),
        ("./{id}", UNSAFE),
        ("a\\b/{id}", UNSAFE),
    ],
)
def test_a_template_with_other_folders_is_refused(template: str, fault: str) -> None:
    with pytest.raises(ValueError) as raised:
        check_template(template)

    assert raised.value.args[0] == fault


@given(
    title=st.text(max_size=300),
    account=st.text(max_size=100),
    site=st.sampled_from(["", "x", "tiktok", ".."]),
)
def test_no_title_and_no_account_leads_out_of_the_library_or_hides_a_folder(
    title: str, account: str, site: str
) -> None:
    post = NamedPost("1", DAY, title, site, account)
    folder = folder_of(post, check_template("{site}/{account}/{title}/{id}"), "the account")

    for name in folder.split("/"):
        assert name
        assert not name.startswith(".")
        assert len(name.encode()) <= MAX_FOLDER_BYTES
        assert "\\" not in name
        assert name.isprintable()


def test_folders_of_unknown_facts_are_left_out() -> None:
    post = NamedPost("1", DAY)

    assert folder_of(post, "{site}/{account}/{year}/{id}", "the account") == "2026"
    assert folder_of(post, "{site}/{account}/{id}", "the account") == "the account"


def test_a_post_is_named_by_its_id_else_its_hash_else_its_job() -> None:
    jane = account("tiktok", "jane_doe", None)
    known: dict[str, Any] = {
        "job_id": "a-job",
        "platform": "tiktok",
        "account": jane,
        "published": DAY,
        "title": "First frost",
    }
    url = "https://videos.example/1"

    assert named_post(canonical_url=url, post_id="7571863205253778710", **known) == POST
    assert named_post(canonical_url=url, post_id=None, **known).post_id == "a-job"
    assert (
        named_post(canonical_url=url, post_id="x" * 60, number=2, count=3, **known).post_id
        == "x" * 50 + "-2"
    )
    file = named_post(
        canonical_url=name_of_file("ab" * 32), post_id=None, **known | {"account": None}
    )
    assert (file.post_id, file.site, file.account) == ("ab" * 8, "", "")
    assert (account_folder(jane), account_folder(None)) == ("tiktok-jane_doe", NO_ACCOUNT_FOLDER)
