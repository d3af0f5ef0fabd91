"""Decrypts HLS segments: AES-128 in CBC mode over the whole segment, with PKCS #7 padding (RFC 8216, 4.3.2.4).

The only importer of cryptography. The key is one that the site hands to every player; nothing is circumvented here.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC

from mediavault.core.failures import Incomplete

BLOCK_BYTES = 16
KEY_BYTES = 16


class Decryptor:
    """Decrypts one segment that arrives in pieces."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._cipher = Cipher(AES128(key), CBC(iv)).decryptor()
        self._rest = b""  # less than a block, or the last block, which holds the padding

    def feed(self, data: bytes) -> bytes:
        data = self._rest + data
        ready = max(0, (len(data) - 1) // BLOCK_BYTES * BLOCK_BYTES)
        self._rest = data[ready:]
        return self._cipher.update(data[:ready]) if ready else b""

    def finish(self) -> bytes:
        """Return the rest without its padding. Raises Incomplete when there is no padding: cut off, or the wrong key."""
        if len(self._rest) != BLOCK_BYTES:
            raise Incomplete("An encrypted segment is incomplete.")
        last = self._cipher.update(self._rest)
        count = last[-1]
        if not 1 <= count <= BLOCK_BYTES or last[-count:] != bytes([count]) * count:
            raise Incomplete("Decryption failed: wrong key or damaged segment.")
        return last[:-count]


def iv_of(sequence: int) -> bytes:
    """Return the initialisation vector of a segment whose playlist names none."""
    return sequence.to_bytes(BLOCK_BYTES, "big")
