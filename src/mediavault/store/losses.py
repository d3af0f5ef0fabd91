"""What the database may have lost before the vault started: said until the library has been read
again.

Records of kind LOSS: the key is one of :data:`LOSSES`, the value is empty.
"""

from __future__ import annotations

from collections.abc import Mapping

from mediavault.core.messages import Message
from mediavault.core.records import RecordKind
from mediavault.store.port import Concern, Records

_WAY_BACK = Message(
    "Stop mediavault. Run `mediavault restore FILE` where you have a backup, and `mediavault"
    " rebuild`, which brings back"
    " what the library has; after that this is no longer said. Send links again that were not saved"
    " yet."
)
LOG, LIBRARY = "log", "library"
LOSSES: Mapping[str, Concern] = {
    LOG: Concern(
        Message(
            "The database's log was damaged, cut short or removed: what was accepted before the"
            " last start may be missing."
        ),
        _WAY_BACK,
    ),
    LIBRARY: Concern(
        Message(
            "The database is new, but the library was used with an earlier one, whose jobs are"
            " missing."
        ),
        _WAY_BACK,
    ),
}


async def note_loss(records: Records, loss: str) -> None:
    """Store that there may have been a loss, one of LOSSES."""
    await records.put(RecordKind.LOSS, loss, {})


async def losses(records: Records) -> tuple[Concern, ...]:
    """Return the losses that no rebuild has followed yet."""
    return tuple(
        LOSSES[record.key] for record in await records.all(RecordKind.LOSS) if record.key in LOSSES
    )


async def forget_losses(records: Records) -> None:
    """Say nothing of them any more: the library has been read again."""
    await records.remove_all(RecordKind.LOSS)
