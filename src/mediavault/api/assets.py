"""The pages' styles, scripts and icons, by name: a fixed list, each read once."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

TYPES: Mapping[str, str] = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "png": "image/png",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
}
_IMPORTED = re.compile(rb'(?<=from )"/static/([\w./-]+\.js)"')
SHORT = 1_000  # bytes; less is not worth packing


@dataclass(frozen=True, slots=True)
class StaticFile:
    """``packed`` is the body under gzip; None where that saves nothing."""

    body: bytes
    packed: bytes | None
    media_type: str
    version: str

    @property
    def etag(self) -> str:
        return f'"{self.version}"'


def static_address(name: str) -> str:
    """Where a page finds a file, with its version. Raises KeyError for none of ours."""
    return f"/static/{name}?v={load(name).version}"


@cache
def sources() -> Mapping[str, Traversable]:
    """Every file, by its name below ``static/``."""
    return dict(_walk(files("mediavault.api").joinpath("static"), ""))


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for one in folder.iterdir():
        if one.is_dir():
            yield from _walk(one, f"{prefix}{one.name}/")
        elif one.name.rpartition(".")[2] in TYPES:
            yield prefix + one.name, one


@cache
def load(name: str) -> StaticFile:
    """Raises KeyError for none of ours. A module's imports name their versions too, so that each module is loaded once."""
    body = sources()[name].read_bytes()
    if name.endswith(".js"):
        body = _IMPORTED.sub(lambda found: f'"{static_address(found[1].decode())}"'.encode(), body)
    packed = gzip.compress(body, mtime=0) if len(body) > SHORT and not name.endswith(".png") else None
    return StaticFile(body, packed, TYPES[name.rpartition(".")[2]], hashlib.sha256(body).hexdigest()[:16])
