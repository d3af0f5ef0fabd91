"""Timestamps: OpenSSL reads our requests, signs the answers and judges them as we do."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from mediavault.features.sealing.timestamps import (
    MAX_BYTES,
    BadTimestamp,
    Trust,
    certificates_of,
    check_purpose,
    check_timestamp,
    read_certificates,
    timestamp_request,
)
from tests.authority import OPENSSL, Authority, make_authority, needs_openssl

DATA = b"a manifest\n"
NONCE = 2**63 + 5  # its first bit would make it negative
pytestmark = needs_openssl


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def answer(authority: Authority) -> bytes:
    return authority.answer(timestamp_request(DATA, NONCE))


def der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    length = len(content).to_bytes(3) if len(content) > 0x7F else b""
    return bytes([tag, 0x83 if length else len(content)]) + length + content


def test_openssl_reads_our_request(tmp_path: Path) -> None:
    (tmp_path / "request").write_bytes(timestamp_request(DATA, NONCE))
    shown = subprocess.run(
        [OPENSSL, "ts", "-query", "-in", "request", "-text"], cwd=tmp_path, capture_output=True
    ).stdout

    assert b"Hash Algorithm: sha256" in shown
    assert b"Certificate required: yes" in shown
    assert b"Nonce: 0x8000000000000005" in shown


@pytest.mark.parametrize("key", ["ec", "rsa"])
@pytest.mark.parametrize("ess", ["sha1", "sha256", "sha512"])
def test_a_timestamp_names_its_time_authority_and_root(
    tmp_path: Path, key: Literal["ec", "rsa"], ess: str
) -> None:
    authority = make_authority(tmp_path, key=key, ess=ess)
    answer = authority.answer(timestamp_request(DATA, NONCE))
    stamp = check_timestamp(answer, DATA, nonce=NONCE, roots=[authority.root])
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "root.pem").write_bytes(authority.root_pem)
    verify = [
        "-verify",
        "-data",
        "data",
        "-in",
        "answer.tsr",
        "-CAfile",
        "root.pem",
        "-untrusted",
        "chain.pem",
    ]
    shown = subprocess.run(
        [OPENSSL, "ts", "-reply", "-in", "answer.tsr", "-text"], cwd=tmp_path, capture_output=True
    )

    assert subprocess.run([OPENSSL, "ts", *verify], cwd=tmp_path).returncode == 0
    assert f"Time stamp: {stamp.at:%b %e %H:%M:%S %Y} GMT" in shown.stdout.decode()
    assert (stamp.authority, stamp.root, stamp.trust) == (
        "Local Time Signer",
        "Local Time Root",
        Trust.NAMED,
    )


def test_how_far_a_root_is_known_is_said(authority: Authority, answer: bytes) -> None:
    unknown = check_timestamp(answer, DATA)
    known = check_timestamp(answer, DATA, system_roots=[authority.root])

    # the root is not in the answer
    assert (unknown.trust, unknown.root) == (Trust.UNKNOWN, "Local Time Authority")
    assert (known.trust, known.root) == (Trust.SYSTEM, "Local Time Root")


def test_the_certificates_are_kept_with_the_systems_root(
    authority: Authority, answer: bytes
) -> None:
    alone = read_certificates(certificates_of(answer))
    complete = read_certificates(certificates_of(answer, [authority.root]))

    assert [cert.subject.rfc4514_string() for cert in alone] == [
        "CN=Local Time Signer",
        "CN=Local Time Authority",
    ]
    assert complete == [*alone, authority.root]


@pytest.mark.parametrize(
    ("reason", "check"),
    [
        ("it is for other data", lambda answer, _: check_timestamp(answer, b"another manifest\n")),
        ("it answers another request", lambda answer, _: check_timestamp(answer, DATA, nonce=7)),
        (
            "do not lead to the root",
            lambda answer, other: check_timestamp(answer, DATA, roots=[other.root]),
        ),
        (
            "the authority refused",
            lambda *_: check_timestamp(bytes.fromhex("30053003020102"), DATA),
        ),
        ("it is too large", lambda answer, _: check_timestamp(answer + bytes(MAX_BYTES), DATA)),
        ("it is incomplete", lambda answer, _: check_timestamp(answer[:-1], DATA)),
        ("not in the form|incomplete", lambda *_: check_timestamp(b"<html>", DATA)),
        ("not in the form", lambda answer, _: check_timestamp(answer + answer, DATA)),
    ],
)
def test_what_a_timestamp_does_not_prove_is_refused(
    tmp_path: Path, answer: bytes, reason: str, check: Callable[[bytes, Authority], object]
) -> None:
    with pytest.raises(BadTimestamp, match=reason):
        check(answer, make_authority(tmp_path))


def test_the_signers_purpose_is_checked(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL signs with no certificate for something else,
    so an answer for timestamps is checked for another purpose.
    """
    monkeypatch.setattr(ExtendedKeyUsageOID, "TIME_STAMPING", ExtendedKeyUsageOID.CODE_SIGNING)

    with pytest.raises(BadTimestamp, match="not for timestamps"):
        check_timestamp(answer, DATA)


def test_a_certificate_for_something_else_signs_no_time(tmp_path: Path, answer: bytes) -> None:
    other = make_authority(tmp_path, purpose=ExtendedKeyUsageOID.CODE_SIGNING)

    with pytest.raises(BadTimestamp, match="not for timestamps"):
        check_purpose(other.signer)


def test_no_changed_byte_passes_for_the_authoritys_word(
    authority: Authority, answer: bytes
) -> None:
    """What is not signed may change, such as the version of the message:
    neither the time nor the root does.
    """
    genuine = check_timestamp(answer, DATA, nonce=NONCE, roots=[authority.root])
    passed = 0
    for place in range(len(answer)):
        changed = bytearray(answer)
        changed[place] ^= 1
        try:
            assert (
                check_timestamp(bytes(changed), DATA, nonce=NONCE, roots=[authority.root])
                == genuine
            )
        except BadTimestamp:
            continue
        passed += 1

    assert passed < 40


@pytest.mark.parametrize(
    "oid",
    [b"", b"\x80", b"\x2a\x86", b"\x2a" + b"\x01" * 64, b"\x2a" + b"\xff" * 200_000 + b"\x7f"],
)
def test_an_object_identifier_in_no_accepted_form_is_refused_at_once(oid: bytes) -> None:
    """The last one is a single number, which takes seconds to be read,
    and more digits than Python writes.
    """
    forged = der(0x30, der(0x30, der(0x02, b"\x00")), der(0x30, der(0x06, oid), der(0xA0)))

    with pytest.raises(BadTimestamp, match="not in the form"):
        check_timestamp(forged, DATA)


@pytest.mark.parametrize("named", [b"", bytes.fromhex("300b0609608648016503040201")])
def test_a_signature_whose_named_certificate_lacks_its_hash_is_refused(
    answer: bytes, named: bytes
) -> None:
    """The rest of the attribute fills the place, so that every length around it stays right."""
    at = answer.index(bytes.fromhex("30220420"))  # ESSCertIDv2 with a hash alone
    size = answer[at + 1]
    forged = der(0x30, named)
    filling = der(0x04, bytes(size - len(forged)))

    with pytest.raises(BadTimestamp, match="not in the form"):
        check_timestamp(answer[:at] + forged + filling + answer[at + 2 + size :], DATA)


@pytest.mark.parametrize(
    "text", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_certificates_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadTimestamp):
        read_certificates(text.encode())
