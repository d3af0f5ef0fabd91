"""Submitted URLs, without network access, through the real registry and the real egress guard."""

from __future__ import annotations

from functools import partial

import pytest

from mediavault.core.failures import AddressRefused, BadUrl, ErrorCode, MediavaultError
from mediavault.core.submission import RefusedBatch, Submission
from mediavault.egress.guard import EgressGuard
from mediavault.platforms.registry import identify
from tests.fakes import FakeClock

POST = "https://videos.example/watch/1"


def submission(*allowed: str) -> Submission:
    guard = EgressGuard(allowed)

    return Submission(
        identify=identify, check_url=guard.check_submitted, clock=FakeClock(), max_attempts=3
    )


def test_an_address_becomes_a_job_with_its_canonical_form_and_platform() -> None:
    job = submission().read(f"  {POST}?utm_source=x#top\n")

    assert (job.post_url, job.canonical_url) == (f"{POST}?utm_source=x#top", POST)
    assert (job.platform, job.max_attempts, len(job.trace_id)) == ("generic", 3, 32)


def test_ids_of_one_batch_differ() -> None:
    jobs = submission().read_all([POST, POST])

    assert len({job.id for job in jobs}) == len({job.trace_id for job in jobs}) == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "http://LOCALHOST./", "http://foo.localhost/",
        "http://0.0.0.0/", "http://0/", "http://127.1/", "http://[::]/", "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]/", "http://2130706433/", "http://0x7f000001/",
        "http://0177.0.0.1/", "http://①②⑦.0.0.1/", "http://127。0。0。1/",
        "http://169.254.169.254/", "http://192.168.1.1/",
        "http://[::ffff:127.0.0.1]/",
    ],
)  # fmt: skip
def test_literal_addresses_of_the_home_network_are_refused_at_submission(url: str) -> None:
    with pytest.raises(MediavaultError) as refused:
        submission().read(url)

    assert refused.value.code in {ErrorCode.ADDRESS_REFUSED, ErrorCode.BAD_URL}


@pytest.mark.parametrize(
    "url",
    [
        "", "   ", "not an address", "http:127.0.0.1", "http:///127.0.0.1",
        "http://good.test@127.0.0.1/", "http://127.0.0.1\\@good.test/", "http://good.test /",
        "http://good.test:1:2/", "http://good.test:0/", "http://good.test:65536/",
        "ht\ntp://good.test/", "http://good.test/\x00", "file:///etc/passwd", "ftp://good.test/",
        "gopher://good.test/", "data:text/html,x", "blob:http://good.test/x",
        "filesystem:http://good.test/x", "javascript:alert(1)", "view-source:http://good.test/",
        "chrome://version", "about:blank", "ws://good.test/", "jar:http://good.test!/",
        "dict://good.test/", "smb://good.test/x",
        "\\\\host\\share", "https://good.test/" + "a" * 3_000,
    ],
)  # fmt: skip
def test_odd_forms_and_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(BadUrl):
        submission().read(url)


def test_an_exempted_private_server_is_accepted() -> None:
    assert submission("127.0.0.1:8096").read("http://127.0.0.1:8096/post/1").platform == "generic"


def test_one_bad_address_refuses_the_batch_and_is_named_by_position() -> None:
    with pytest.raises(RefusedBatch) as refused:
        submission().read_all([POST, "ftp://files.example/x", POST])

    assert "'ftp://files.example/x' (post_urls[1])" in refused.value.message
    assert refused.value.code is ErrorCode.BAD_URL
    assert "Nothing was stored" in refused.value.help


def test_the_refusal_of_a_batch_carries_the_code_of_its_first_bad_address() -> None:
    with pytest.raises(RefusedBatch) as refused:
        submission().read_all(["http://127.0.0.1/", *["nonsense"] * 5])

    assert refused.value.code is ErrorCode.ADDRESS_REFUSED
    assert "And 3 more." in refused.value.message


def test_a_very_long_bad_address_does_not_make_a_very_long_message() -> None:
    with pytest.raises(RefusedBatch) as refused:
        submission().read_all(["x" * 60_000, POST])

    assert len(refused.value.message) < 300


def test_the_guard_is_asked_before_the_registry() -> None:
    def refuse(*_: object) -> None:
        raise AddressRefused("no")

    reader = Submission(identify=partial(pytest.fail, "asked"), check_url=refuse, clock=FakeClock())

    with pytest.raises(AddressRefused):
        reader.read(POST)
