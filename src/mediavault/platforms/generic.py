"""What we know of a page on a site that we know nothing about."""

from __future__ import annotations

import re

from mediavault.core.platform import Platform

GENERIC = Platform(
    name="generic",
    title="this site",
    reject_path=re.compile(
        r"(?:^|[/_.-])(?:thumb(?:nail)?s?|sprites?|storyboards?|preroll|pre-roll|midroll|vast|vpaid|vmap)(?:[/_.-]|\d|$)",
        re.IGNORECASE,
    ),
    checked="2026-11-24",
)
