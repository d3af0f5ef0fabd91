"""The composition root: the only place that names concrete classes. Everything else is handed its ports."""

from mediavault.runtime.storage import store_at as store_at  # where the stores' contract suite asks for it
