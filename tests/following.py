"""Sources as a vault has them, whatever their values are."""

from __future__ import annotations

from mediavault.core.clock import to_micros
from mediavault.core.typed_records import to_named_json
from mediavault.features.following.model import Source, SourceState
from mediavault.store.port import Store
from mediavault.store.tables import SOURCE_STATES, SOURCES, TableRow


async def set_source(store: Store, source: Source) -> None:
    """Store a source without a check of its values, and its first state."""
    await store.tables.put(
        SOURCES, [TableRow({"id": source.id, "url": source.url}, to_named_json(source))]
    )
    await set_state(store, source.id, SourceState())


async def set_state(store: Store, source_id: str, state: SourceState) -> None:
    """Let the checks of a source have found this."""
    due_at = 0 if state.next_check_at is None else to_micros(state.next_check_at)
    columns: dict[str, str | int | None] = {
        "id": source_id,
        "due_at": due_at,
        "waiting": state.waiting,
    }
    await store.tables.put(SOURCE_STATES, [TableRow(columns, to_named_json(state))])
