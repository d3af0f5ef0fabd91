"""The texts of a sealed copy: BagIt's own files (RFC 8493),
and how to check it without mediavault. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mediavault.core.names import shown_text

PAYLOAD = "data/"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
BAGIT, BAG_INFO = "bagit.txt", "bag-info.txt"
README, SCRIPT = "README.txt", "verify.sh"
TOKEN, CERTIFICATES = f"{MANIFEST}.tsr", f"{MANIFEST}.pem"
REPORT = f"{PAYLOAD}report.json"

BAGIT_TEXT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


@dataclass(frozen=True, slots=True)
class BagFile:
    """A file of the bag. ``path`` is inside the bag;
    ``content`` is None for a file of the library, at ``source``.
    """

    path: str
    size: int
    sha256: str
    content: bytes | None = None
    source: str | None = None


def small_file(path: str, content: bytes) -> BagFile:
    return BagFile(path, len(content), hashlib.sha256(content).hexdigest(), content)


def json_file(path: str, value: Mapping[str, Any]) -> BagFile:
    """Return a file with the value as JSON. Half a surrogate pair, as in truncated titles,
    becomes a question mark.
    """
    return small_file(
        path, (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")
    )


def manifest_of(files: Iterable[BagFile]) -> bytes:
    """Return a manifest, in the form that ``sha256sum -c`` reads too."""
    return "".join(
        f"{file.sha256}  {file.path}\n" for file in sorted(files, key=lambda file: file.path)
    ).encode()


def oxum_of(payload: Iterable[BagFile]) -> str:
    """Return the payload's bytes and number of files, as BagIt writes them."""
    sizes = [file.size for file in payload]
    return f"{sum(sizes)}.{len(sizes)}"


def bag_info(payload: Iterable[BagFile], facts: Mapping[str, str], at: datetime) -> bytes:
    """Return ``bag-info.txt``: ``facts`` by BagIt's labels, the date and the payload's size."""
    lines = {**facts, "Bagging-Date": f"{at:%Y-%m-%d}", "Payload-Oxum": oxum_of(payload)}
    return "".join(f"{label}: {shown_text(value)}\n" for label, value in lines.items()).encode(
        "utf-8", "replace"
    )


def tag_files(
    payload: Iterable[BagFile], facts: Mapping[str, str], at: datetime, stamp: Mapping[str, bytes]
) -> list[BagFile]:
    """Return the files outside ``data/``. ``stamp`` are the timestamp's, by name;
    empty without one.
    """
    payload = list(payload)
    tags = [
        small_file(BAGIT, BAGIT_TEXT),
        small_file(BAG_INFO, bag_info(payload, facts, at)),
        small_file(README, README_TEXT.encode()),
        small_file(SCRIPT, SCRIPT_TEXT.encode()),
        small_file(MANIFEST, manifest_of(payload)),
        *(small_file(name, content) for name, content in stamp.items()),
    ]
    return [*tags, small_file(TAG_MANIFEST, manifest_of(tags))]


README_TEXT = """\
A sealed copy, made by mediavault
=================================

This folder is a BagIt bag (RFC 8493). It holds a video as it was saved, and
the page of its post as it was when the copy was sealed. data/report.json says
what is in it, when it was made, and what could not be captured and why.

To check it without mediavault:

  1. That no file of data/ was changed:
         sha256sum -c manifest-sha256.txt
     (on macOS: shasum -a 256 -c manifest-sha256.txt)

  2. That the files around it were not changed:
         sha256sum -c tagmanifest-sha256.txt

  3. That it existed at the time of the timestamp, if there is a
     manifest-sha256.txt.tsr (RFC 3161):
         openssl ts -verify -data manifest-sha256.txt \\
             -in manifest-sha256.txt.tsr -partial_chain \\
             -CAfile manifest-sha256.txt.pem
         openssl ts -reply -in manifest-sha256.txt.tsr -text
     The second command shows the time. manifest-sha256.txt.pem holds the
     authority's certificates as they came with the timestamp: whoever makes
     a copy could put certificates of their own there. So compare the root
     with what the authority publishes, or name that file after -CAfile.

If you made this copy yourself, verify.sh runs these commands. Never run a script
of a copy that you did not make. `mediavault seal --check FILE` checks the zip as
it is, and says if these instructions are not the original ones.

What the hashes and the timestamp prove: these bytes existed at that time and
were not changed since. They do not prove that the site showed them; that rests
on whoever made the copy.
"""

SCRIPT_TEXT = """\
#!/bin/sh
# Checks this sealed copy with sha256sum and openssl: sh verify.sh [ROOT.pem]
set -eu
root=${1:-manifest-sha256.txt.pem}
case $root in /*) ;; *) [ -z "${1:-}" ] || root=$(pwd)/$root ;; esac
cd "$(dirname "$0")"
check() {
    if command -v sha256sum > /dev/null; then sha256sum -c "$1"; else shasum -a 256 -c "$1"; fi
}
check manifest-sha256.txt
check tagmanifest-sha256.txt
if [ "$(find data -type f | wc -l)" -ne "$(wc -l < manifest-sha256.txt)" ]; then
    echo "data/ holds files that the manifest does not list" >&2
    exit 1
fi
if [ -f manifest-sha256.txt.tsr ]; then
    openssl ts -verify -data manifest-sha256.txt -in manifest-sha256.txt.tsr -partial_chain \\
        -CAfile "$root" -untrusted manifest-sha256.txt.pem
    openssl ts -reply -in manifest-sha256.txt.tsr -text | grep "Time stamp"
else
    echo "There is no timestamp."
fi
"""


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# The hashes of these texts, as this and earlier versions write them. When a text changes, its
# former hash is added.
INSTRUCTIONS: Mapping[str, frozenset[str]] = {
    README: frozenset(
        {_sha256(README_TEXT), "6ddd1dc2dd0eee3bcb8d447905ab4da1b12903a09490817fa90dfa400cfe1067"}
    ),
    SCRIPT: frozenset({_sha256(SCRIPT_TEXT)}),
}
TAG_FILES = frozenset(
    {BAGIT, BAG_INFO, README, SCRIPT, MANIFEST, TOKEN, CERTIFICATES, TAG_MANIFEST}
)
