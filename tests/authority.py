"""A local timestamp authority: a chain of certificates that is made for the test,
and answers that OpenSSL signs.
"""

from __future__ import annotations

import datetime
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

OPENSSL = shutil.which("openssl") or ""
needs_openssl = pytest.mark.skipif(not OPENSSL, reason="the openssl program signs the timestamps")
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
DAY = datetime.timedelta(days=1)

CONFIG = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_chain = no
ess_cert_id_alg = {ess}
crypto_device = builtin
"""


@dataclass(frozen=True)
class Authority:
    """An authority below its own root; ``folder`` holds its files."""

    folder: Path
    root: x509.Certificate
    signer: x509.Certificate

    @property
    def root_pem(self) -> bytes:
        return self.root.public_bytes(Encoding.PEM)

    def answer(self, request: bytes) -> bytes:
        """Return the answer to a request, signed by OpenSSL."""
        (self.folder / "request.tsq").write_bytes(request)
        self._openssl("-reply", "-config", "tsa.cnf", "-queryfile", "request.tsq", "-inkey",
                      "signer.key",
                      "-signer", "signer.pem", "-chain", "chain.pem", "-out",
                      "answer.tsr")  # fmt: skip
        return (self.folder / "answer.tsr").read_bytes()

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(
            [OPENSSL, "ts", *arguments], cwd=self.folder, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()


def make_authority(
    folder: Path,
    *,
    key: Literal["ec", "rsa"] = "ec",
    ess: str = "sha256",
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING,
    name: str = "Local Time",
) -> Authority:
    """Make an authority with a root, an intermediate certificate, and a signer valid now."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = [_key(key) for _ in range(3)]
    root = _certificate(f"{name} Root", keys[0], None, keys[0])
    between = _certificate(f"{name} Authority", keys[1], root, keys[0])
    signer = _certificate(f"{name} Signer", keys[2], between, keys[1], purpose=purpose)
    private = keys[2].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "signer.key").write_bytes(private)
    (folder / "signer.pem").write_bytes(signer.public_bytes(Encoding.PEM))
    (folder / "chain.pem").write_bytes(between.public_bytes(Encoding.PEM))
    (folder / "serial").write_text("01")
    (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder, ess=ess))
    return Authority(folder, root, signer)


def _key(kind: str) -> Key:
    return (
        ec.generate_private_key(ec.SECP256R1())
        if kind == "ec"
        else rsa.generate_private_key(65537, 2048)
    )


def _certificate(
    name: str,
    key: Key,
    issuer: x509.Certificate | None,
    issuer_key: Key,
    *,
    purpose: x509.ObjectIdentifier | None = None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.BasicConstraints(ca=purpose is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())
