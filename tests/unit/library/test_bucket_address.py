from __future__ import annotations

import pytest

from mediavault.core.failures import BadSetting
from mediavault.library.bucket_address import BucketAddress, Provider, parse_bucket_address

ADDRESSES = {
    "s3://vault": BucketAddress(Provider.S3, "vault"),
    "S3://vault/my%20videos/2026/?region=eu-central-1": BucketAddress(
        Provider.S3, "vault", "my videos/2026", region="eu-central-1"
    ),
    "s3://vault?endpoint=https://minio.lan:9000/&style=virtual&create=check": BucketAddress(
        Provider.S3,
        "vault",
        endpoint="https://minio.lan:9000",
        virtual_hosts=True,
        checks_first=True,
    ),
    "gs://vault/folder": BucketAddress(Provider.GOOGLE, "vault", "folder"),
    "az://vault?account=jane": BucketAddress(Provider.AZURE, "vault", account="jane"),
}


@pytest.mark.parametrize("text", sorted(ADDRESSES))
def test_an_address_names_provider_bucket_folder_and_server(text: str) -> None:
    assert parse_bucket_address(text) == ADDRESSES[text]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ftp://vault", "'ftp' is not an object storage"),
        ("/mnt/videos", "is not an object storage"),
        ("s3://", "names no bucket"),
        ("s3://key:secret@vault", "do not put keys in the URL"),
        ("s3://vault?access_key_id=x", "does not support access_key_id"),
        ("gs://vault?region=eu", "does not support region"),
        ("s3://vault/a/../b", "not a plain folder"),
        ("s3://vault/a//b", "not a plain folder"),
        ("s3://vault?region=", "region= is not a valid option"),
        ("s3://vault?create=overwrite", "create=overwrite is not a valid option"),
        ("s3://vault?style=new", "style=new is not a valid option"),
        ("s3://vault?endpoint=minio:9000", "not the address of a server"),
        ("s3://vault?endpoint=https://key:secret@minio", "not the address of a server"),
    ],
)
def test_an_invalid_address_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(BadSetting, match="MEDIAVAULT_VAULT_URL") as refused:
        parse_bucket_address(text)

    assert reason in refused.value.message
    assert refused.value.help
    assert "secret" not in refused.value.message


def test_an_address_is_shown_without_its_options() -> None:
    assert (
        str(parse_bucket_address("s3://vault/a%20b?region=eu&endpoint=http://h:1"))
        == "s3://vault/a b"
    )
