"""RFC 3161 timestamps: the request, and the check of the answer with the certificates inside. No
I/O.

An authority signs a hash of our manifest together with its own time. The token is a CMS message
(RFC 5652) in DER; only what RFC 3161 asks of one is read, and anything else is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import warnings
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mediavault.core.failures import BadInput
from mediavault.core.messages import Message

MAX_BYTES = 256 << 10  # of an answer, with its certificates
MAX_CHAIN = 8
MAX_OID_BYTES = 64  # the longest here has 11

_SIGNED_DATA = "1.2.840.113549.1.7.2"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2 = (
    "1.2.840.113549.1.9.16.2.12",
    "1.2.840.113549.1.9.16.2.47",
)
_RSA_PSS = "1.2.840.113549.1.1.10"
_SHA256 = "2.16.840.1.101.3.4.2.1"
_HASHES = {
    _SHA256: ("sha256", hashes.SHA256()),
    "2.16.840.1.101.3.4.2.2": ("sha384", hashes.SHA384()),
    "2.16.840.1.101.3.4.2.3": ("sha512", hashes.SHA512()),
}

_INTEGER, _OCTETS, _NULL, _OID, _TIME, _SEQUENCE, _SET = 0x02, 0x04, 0x05, 0x06, 0x18, 0x30, 0x31
# what cryptography raises for bytes that are not a certificate
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]{1,20000}-----END CERTIFICATE-----")
_BOOLEAN_TRUE = b"\x01\x01\xff"


Certificate = x509.Certificate


class BadTimestamp(BadInput):
    """The reason completes the sentence "The timestamp is not valid: …"."""


class Trust(StrEnum):
    """How far the authority is known: by a root that was named, by one of this system,
    or not at all.
    """

    NAMED = "named"
    SYSTEM = "system"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A timestamp whose signature holds. ``root`` is the last certificate of the chain,
    ``root_sha256`` its fingerprint.
    """

    at: datetime
    authority: str
    root: str
    root_sha256: str
    trust: Trust


# --- the request ----------------------------------------------------------------------------------


def timestamp_request(data: bytes, nonce: int) -> bytes:
    """Return the request for a timestamp of ``data``,
    with the certificates in the answer (RFC 3161, section 2.4.1).
    """
    imprint = _der(
        _SEQUENCE,
        _der(_SEQUENCE, _oid(_SHA256), _der(_NULL)),
        _der(_OCTETS, hashlib.sha256(data).digest()),
    )
    return _der(_SEQUENCE, _integer(1), imprint, _integer(nonce), _BOOLEAN_TRUE)


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def _integer(value: int) -> bytes:
    return _der(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def _oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = bytearray([40 * first + second])
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(number & 0x7F | 0x80)
        content += bytes(reversed(groups))
    return _der(_OID, bytes(content))


# --- reading DER ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DerNode:
    """One value of a DER document: its tag, its content, and the bytes of both."""

    tag: int
    content: bytes
    whole: bytes

    def children(self) -> list[DerNode]:
        return list(_nodes(self.content))


def _nodes(data: bytes) -> Iterable[DerNode]:
    at = 0
    while at < len(data):
        head = data[at : at + 6]
        if len(head) < 2 or head[0] & 0x1F == 0x1F:
            raise BadTimestamp("it is not in the form of RFC 3161")
        size, begins = head[1], at + 2
        if size & 0x80:
            count = size & 0x7F
            if not 1 <= count <= 4:
                raise BadTimestamp("it is not in the form of RFC 3161")
            size, begins = int.from_bytes(data[begins : begins + count]), begins + count
        if begins + size > len(data):
            raise BadTimestamp("it is incomplete")
        yield DerNode(head[0], data[begins : begins + size], data[at : begins + size])
        at = begins + size


def _parts(node: DerNode, *tags: int) -> list[DerNode]:
    """Return the node's children, of which the first ones must have these tags."""
    children = node.children()
    if [child.tag for child in children[: len(tags)]] != list(tags):
        raise BadTimestamp("it is not in the form of RFC 3161")
    return children


def _only(data: bytes, tag: int) -> DerNode:
    nodes = list(_nodes(data))
    if len(nodes) != 1 or nodes[0].tag != tag:
        raise BadTimestamp("it is not in the form of RFC 3161")
    return nodes[0]


def _dotted(node: DerNode) -> str:
    is_whole = 0 < len(node.content) <= MAX_OID_BYTES and not node.content[-1] & 0x80
    if node.tag != _OID or not is_whole:
        raise BadTimestamp("it is not in the form of RFC 3161")
    numbers, value = [], 0
    for byte in node.content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def _time(node: DerNode) -> datetime:
    try:
        text = node.content.decode("ascii")
        whole, _, fraction = text.removesuffix("Z").partition(".")
        at = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        if node.tag != _TIME or not text.endswith("Z") or (fraction and not fraction.isdigit()):
            raise ValueError
        return at.replace(microsecond=int(f"{fraction[:6]:0<6}")) if fraction else at
    except ValueError:
        raise BadTimestamp("its time is not in the form of RFC 3161") from None


# --- the answer -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Token:
    content: bytes  # TSTInfo
    certificates: tuple[x509.Certificate, ...]
    signer: DerNode


def check_timestamp(
    answer: bytes,
    data: bytes,
    *,
    nonce: int | None = None,
    extra: Sequence[x509.Certificate] = (),
    roots: Sequence[x509.Certificate] = (),
    system_roots: Sequence[x509.Certificate] = (),
) -> Timestamp:
    """Return what the authority's ``answer`` says about ``data``. Raises BadTimestamp.

    The signature, the signer's certificate and its chain are checked as of the time in the token.
    ``extra`` are further certificates for the chain. With ``roots`` the chain must lead to one of
    them.
    """
    token = _read(answer)
    at = _check_content(token.content, data, nonce)
    signer = _check_signature(token)
    check_purpose(signer)
    chain = _chain(signer, (*token.certificates, *extra, *roots, *system_roots), at)
    return Timestamp(
        at,
        _name(signer),
        _name(chain[-1]),
        _fingerprint(chain[-1]),
        _trust(chain, roots, system_roots),
    )


def certificates_of(answer: bytes, system_roots: Sequence[x509.Certificate] = ()) -> bytes:
    """Return the certificates of an answer as PEM, with the system's root above them.
    Raises BadTimestamp.
    """
    token = _read(answer)
    at = _time(_info(token.content)[4])
    signer = next((cert for cert in token.certificates if _is_named(token.signer, cert)), None)
    chain = _chain(signer, (*token.certificates, *system_roots), at) if signer else []
    known = list(dict.fromkeys([*chain, *token.certificates]))
    return b"".join(cert.public_bytes(Encoding.PEM) for cert in known)


def read_certificates(pem: bytes) -> list[x509.Certificate]:
    """Return the certificates of a PEM file. Raises BadTimestamp."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise BadTimestamp("the certificates are not PEM") from None


def readable_certificates(pem: bytes) -> list[x509.Certificate]:
    """Return those of a system's root certificates that can be read:
    some have forms that are no longer accepted.
    """
    certificates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for block in _PEM.findall(pem):
            with suppress(*_UNREADABLE):
                certificates.append(x509.load_pem_x509_certificate(block))
    return certificates


def _read(answer: bytes) -> _Token:
    if len(answer) > MAX_BYTES:
        raise BadTimestamp("it is too large")
    parts = _only(answer, _SEQUENCE).children()
    if not parts or parts[0].tag != _SEQUENCE:
        raise BadTimestamp("it is not in the form of RFC 3161")
    status = _parts(parts[0], _INTEGER)[0]
    if status.content not in (b"\x00", b"\x01") or len(parts) < 2:
        raise BadTimestamp("the authority refused the request")
    kind, wrapped = _parts(parts[1], _OID, 0xA0)[:2]
    if _dotted(kind) != _SIGNED_DATA:
        raise BadTimestamp("it is not signed")
    _, _, content, *rest = _parts(_only(wrapped.content, _SEQUENCE), _INTEGER, _SET, _SEQUENCE)
    kind, wrapped = _parts(content, _OID, 0xA0)[:2]
    if _dotted(kind) != _TST_INFO:
        raise BadTimestamp("it is not a timestamp")
    certificates = next((node.children() for node in rest if node.tag == 0xA0), [])
    signers = next((node.children() for node in rest if node.tag == _SET), [])
    if len(signers) != 1:
        raise BadTimestamp("it does not have exactly one signer")
    if [part.tag for part in signers[0].children()[2:6]] != [_SEQUENCE, 0xA0, _SEQUENCE, _OCTETS]:
        raise BadTimestamp("it is not in the form of RFC 3161")
    return _Token(
        _only(wrapped.content, _OCTETS).content, tuple(map(_certificate, certificates)), signers[0]
    )


def _certificate(node: DerNode) -> x509.Certificate:
    try:
        certificate = x509.load_der_x509_certificate(node.whole)
        _ = certificate.subject, certificate.issuer, certificate.extensions
    except _UNREADABLE:
        raise BadTimestamp("a certificate in it cannot be read") from None
    return certificate


def _info(content: bytes) -> list[DerNode]:
    return _parts(_only(content, _SEQUENCE), _INTEGER, _OID, _SEQUENCE, _INTEGER, _TIME)


def _check_content(content: bytes, data: bytes, nonce: int | None) -> datetime:
    info = _info(content)
    algorithm, imprint = _parts(info[2], _SEQUENCE, _OCTETS)[:2]
    name, _ = _hash_of(algorithm)
    if not hmac.compare_digest(imprint.content, hashlib.new(name, data).digest()):
        raise BadTimestamp("it is for other data")
    if nonce is not None and nonce not in [
        int.from_bytes(node.content) for node in info[5:] if node.tag == _INTEGER
    ]:
        raise BadTimestamp("it answers another request")
    return _time(info[4])


def _hash_of(algorithm: DerNode) -> tuple[str, hashes.HashAlgorithm]:
    name = _dotted(_parts(algorithm, _OID)[0])
    if name not in _HASHES:
        raise BadTimestamp(Message("it uses the hash %(name)s, which is not accepted", name=name))
    return _HASHES[name]


def _is_named(signer: DerNode, certificate: x509.Certificate) -> bool:
    """Whether the SignerInfo names this certificate,
    by issuer and serial number or by its key's identifier.
    """
    name = signer.children()[1]
    if name.tag == 0x80:
        try:
            extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        except x509.ExtensionNotFound:
            return False
        return extension.value.digest == name.content
    issuer, number = _parts(name, _SEQUENCE, _INTEGER)[:2]
    same = issuer.whole == certificate.issuer.public_bytes()
    return same and int.from_bytes(number.content, signed=True) == certificate.serial_number


def _check_signature(token: _Token) -> x509.Certificate:
    """Return the signer's certificate once the signature over the token's content holds."""
    parts = token.signer.children()
    signer = next((cert for cert in token.certificates if _is_named(token.signer, cert)), None)
    if signer is None:
        raise BadTimestamp("the signer's certificate is not in it")
    name, algorithm = _hash_of(parts[2])
    attributes = _attributes(parts[3])
    if _dotted(_only(attributes.get(_CONTENT_TYPE, b""), _OID)) != _TST_INFO:
        raise BadTimestamp("its signature is about something else")
    digest = _only(attributes.get(_MESSAGE_DIGEST, b""), _OCTETS).content
    if not hmac.compare_digest(digest, hashlib.new(name, token.content).digest()):
        raise BadTimestamp("its content was changed")
    _check_named_certificate(attributes, signer)
    # signed under its own tag, sent under another (RFC 5652, section 5.4)
    signed = _der(_SET, parts[3].content)
    _verify(
        signer,
        parts[5].content,
        signed,
        algorithm,
        is_pss=_dotted(_parts(parts[4], _OID)[0]) == _RSA_PSS,
    )
    return signer


def _attributes(node: DerNode) -> dict[str, bytes]:
    attributes: dict[str, bytes] = {}
    for attribute in node.children():
        kind, values = _parts(attribute, _OID, _SET)[:2]
        if attributes.setdefault(_dotted(kind), values.content) is not values.content:
            raise BadTimestamp("it is not in the form of RFC 3161")
    return attributes


def _check_named_certificate(attributes: dict[str, bytes], signer: x509.Certificate) -> None:
    """Require that the signature itself names the certificate (RFC 5035):
    another one with the same key is refused.
    """
    der = signer.public_bytes(Encoding.DER)
    if (value := attributes.get(_SIGNING_CERTIFICATE_V2)) is not None:
        names = _parts(_parts(_only(value, _SEQUENCE), _SEQUENCE)[0], _SEQUENCE)[0]
        if names.content[:1] == bytes((_OCTETS,)):  # SHA-256 is the default, which DER leaves out
            name, named = "sha256", names.children()[0]
        else:
            algorithm, named = _parts(names, _SEQUENCE, _OCTETS)[:2]
            name = _hash_of(algorithm)[0]
        expected = hashlib.new(name, der).digest()
    elif (value := attributes.get(_SIGNING_CERTIFICATE)) is not None:
        named = _parts(
            _parts(_parts(_only(value, _SEQUENCE), _SEQUENCE)[0], _SEQUENCE)[0], _OCTETS
        )[0]
        # only this hash exists in the older attribute
        expected = hashlib.sha1(der, usedforsecurity=False).digest()
    else:
        raise BadTimestamp("its signature does not name its certificate")
    if named.content != expected:
        raise BadTimestamp("its signature names another certificate")


def _verify(
    certificate: x509.Certificate,
    signature: bytes,
    data: bytes,
    algorithm: hashes.HashAlgorithm,
    *,
    is_pss: bool,
) -> None:
    try:
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey) and is_pss:
            key.verify(
                signature, data, padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO), algorithm
            )
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(algorithm))
        else:
            raise BadTimestamp("its signature has a form that is not accepted")
    except InvalidSignature:
        raise BadTimestamp("its signature is not the authority's") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadTimestamp("its certificate has a key that is not accepted") from None


# --- certificates ---------------------------------------------------------------------------------


def check_purpose(signer: x509.Certificate) -> None:
    """Require that the certificate is for timestamps alone (RFC 3161, section 2.3)."""
    try:
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        usage = None
    if (
        usage is None
        or not usage.critical
        or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]
    ):
        raise BadTimestamp("its certificate is not for timestamps")


def _chain(
    signer: x509.Certificate, pool: Collection[x509.Certificate], at: datetime
) -> list[x509.Certificate]:
    """Return the certificates from the signer up to the last one whose issuer is known,
    each valid at that time.
    """
    chain = [signer]
    _check_validity(signer, at)
    while len(chain) < MAX_CHAIN and chain[-1].subject != chain[-1].issuer:
        issuer = next(
            (
                cert
                for cert in pool
                if cert not in chain and _issued(cert, chain[-1], len(chain) - 1)
            ),
            None,
        )
        if issuer is None:
            break
        _check_validity(issuer, at)
        chain.append(issuer)
    return chain


def _check_validity(certificate: x509.Certificate, at: datetime) -> None:
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise BadTimestamp("a certificate was not valid at its time")


def _issued(issuer: x509.Certificate, certificate: x509.Certificate, below: int) -> bool:
    """Whether the issuer may sign certificates with ``below`` others between,
    and has signed this one.
    """
    try:
        if issuer.subject != certificate.issuer:
            return False
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not constraints.ca or (
            constraints.path_length is not None and constraints.path_length < below
        ):
            return False
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, InvalidSignature, *_UNREADABLE):
        return False
    return True


def _trust(
    chain: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    system: Sequence[x509.Certificate],
) -> Trust:
    if roots:
        if not any(cert in roots for cert in chain):
            raise BadTimestamp("its certificates do not lead to the root that was named")
        return Trust.NAMED
    return Trust.SYSTEM if any(cert in system for cert in chain) else Trust.UNKNOWN


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()
