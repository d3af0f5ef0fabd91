"""AES-128 decryption of segments, however their bytes are split into pieces."""

from __future__ import annotations

import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

from mediavault.core.failures import Incomplete
from mediavault.download.stream_source import Decryptor, iv_of

KEY, IV = bytes(range(16)), b"\x07" * 16
PLAIN = b"0123456789abcdef" * 10 + b"rest"


def sealed(plain: bytes) -> bytes:
    return AES.new(KEY, AES.MODE_CBC, IV).encrypt(pad(plain, 16))


@pytest.mark.parametrize("piece", [1, 15, 16, 17, 1_000])
@pytest.mark.parametrize("plain", [PLAIN, PLAIN[:160], b"x"])
def test_pieces_of_any_size_decrypt(piece: int, plain: bytes) -> None:
    cipher, decryptor = sealed(plain), Decryptor(KEY, IV)
    out = b"".join(decryptor.feed(cipher[at : at + piece]) for at in range(0, len(cipher), piece))

    assert out + decryptor.finish() == plain


@pytest.mark.parametrize(
    "broken", [sealed(PLAIN)[:-1], sealed(PLAIN)[:-16], sealed(PLAIN)[:-5], b""]
)
def test_a_truncated_segment_does_not_decrypt(broken: bytes) -> None:
    decryptor = Decryptor(KEY, IV)
    decryptor.feed(broken)

    with pytest.raises(Incomplete):
        decryptor.finish()


def test_another_key_does_not_decrypt() -> None:
    decryptor = Decryptor(bytes(16), IV)
    decryptor.feed(sealed(PLAIN))

    with pytest.raises(Incomplete):
        decryptor.finish()


def test_without_an_iv_the_sequence_number_is_used() -> None:
    assert iv_of(258) == bytes(14) + b"\x01\x02"
