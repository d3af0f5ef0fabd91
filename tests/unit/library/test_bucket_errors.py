"""Translation of obstore's errors.

The error texts are those of obstore 0.12.1, shortened, and include the server's response. Most
kinds of errors are tested in tests/component.
"""

from __future__ import annotations

import pytest

from mediavault.core.failures import BadSetting, NoSpace, StorageFailure
from mediavault.library.bucket import open_bucket
from mediavault.library.bucket_address import BucketRefusal, parse_bucket_address, translate_refusal

AZURE = parse_bucket_address("az://vault?account=jane")
S3 = parse_bucket_address("s3://vault?endpoint=https://minio.lan:9000")
STATUS = "Error performing PUT https://h/b/x in 3ms - Server returned non-2xx status code:"
KINDS = {
    "no role": ("Error performing PUT http://169.254.169.254/latest/api/token - HTTP error",
                StorageFailure, "No credentials"),
    "quota": (f"{STATUS} 403 Forbidden: <Code>QuotaExceeded</Code>", NoSpace, "no room left"),
    "name": ("HTTP error: error sending request ... dns error: failed to lookup", StorageFailure,
             "its name is not known"),
    "closed": ("HTTP error: error sending request ... Connection refused (os error 111)",
               StorageFailure, "connection refused"),
    "slow": ("HTTP error: request or response body error: operation timed out", StorageFailure,
             "it took too long"),
    "tls": ("HTTP error: invalid peer certificate: UnknownIssuer", StorageFailure,
            "its certificate is not trusted"),
    "gateway": (f"{STATUS} 502 Bad Gateway: <html>", StorageFailure, "answered 502."),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(KINDS))
def test_each_kind_of_error_has_its_own_message(name: str) -> None:
    text, kind, message = KINDS[name]
    failure = translate_refusal(BucketRefusal.OTHER, text, S3)

    assert isinstance(failure, kind)
    assert message in failure.message
    assert failure.help


def test_each_provider_has_its_own_variables() -> None:
    assert "AZURE_STORAGE_ACCOUNT_KEY" in translate_refusal(BucketRefusal.DENIED, "", AZURE).help
    assert "AWS_SECRET_ACCESS_KEY" in translate_refusal(BucketRefusal.DENIED, "", S3).help
    assert (
        "the endpoint in MEDIAVAULT_VAULT_URL"
        in translate_refusal(BucketRefusal.OTHER, "", S3).help
    )


@pytest.mark.parametrize(
    "url",
    [
        "s3://vault?region=eu-central-1&style=virtual",
        "gs://vault/videos",
        "az://vault?account=jane",
    ],
)
def test_opening_a_bucket_sends_no_request(url: str) -> None:
    assert open_bucket(parse_bucket_address(url)).address.bucket == "vault"


def test_a_missing_option_that_the_provider_requires_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(BadSetting, match=r"MEDIAVAULT_VAULT_URL: .*[Aa]ccount"):
        open_bucket(parse_bucket_address("az://vault"))
