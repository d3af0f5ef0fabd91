"""A self-signed certificate for one name, built as DER by hand,
so that no key has to be in the repository.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS
from Crypto.Util.asn1 import DerObjectId

INTEGER, BIT_STRING, OCTET_STRING, UTF8, SEQUENCE, SET, UTC_TIME, DNS_NAME = (
    2,
    3,
    4,
    12,
    0x30,
    0x31,
    0x17,
    0x82,
)


def server_and_client_contexts(
    name: str, folder: Path, *, age: timedelta = timedelta()
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS contexts for a server with a certificate for ``name`` that is ``age`` old,
    and a client that trusts it.
    """
    key = ECC.generate(curve="P-256")
    certificate = ssl.DER_cert_to_PEM_cert(_certificate(name, key, age))
    path = folder / f"{name}.pem"
    path.write_text(f"{certificate}{key.export_key(format='PEM', use_pkcs8=True)}\n")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cadata=certificate)


def _certificate(name: str, key: ECC.EccKey, age: timedelta) -> bytes:
    algorithm = _der(SEQUENCE, _oid("1.2.840.10045.4.3.2"))  # ECDSA with SHA-256
    issuer = _der(SEQUENCE, _der(SET, _der(SEQUENCE, _oid("2.5.4.3"), _der(UTF8, name.encode()))))
    begins = datetime.now(UTC) - timedelta(days=1) - age
    alt_names = _der(
        SEQUENCE,
        _oid("2.5.29.17"),
        _der(OCTET_STRING, _der(SEQUENCE, _der(DNS_NAME, name.encode()))),
    )
    body = _der(
        SEQUENCE,
        _der(0xA0, _der(INTEGER, b"\x02")),  # version 3
        _der(INTEGER, b"\x01"),
        algorithm,
        issuer,
        _der(SEQUENCE, _time(begins), _time(begins + timedelta(days=2))),
        issuer,
        key.public_key().export_key(format="DER"),
        _der(0xA3, _der(SEQUENCE, alt_names)),
    )
    signature = DSS.new(key, "fips-186-3", encoding="der").sign(SHA256.new(body))
    return _der(SEQUENCE, body, algorithm, _der(BIT_STRING, b"\x00" + signature))


def _der(tag: int, *content: bytes) -> bytes:
    whole = b"".join(content)
    size = len(whole)
    length = bytes([size]) if size < 128 else bytes([0x82, *divmod(size, 256)])
    return bytes([tag]) + length + whole


def _oid(dotted: str) -> bytes:
    return DerObjectId(dotted).encode()


def _time(moment: datetime) -> bytes:
    return _der(UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())
