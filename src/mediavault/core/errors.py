"""The former import path of ``core/failures.py``."""

from mediavault.core.failures import *  # noqa: F403
