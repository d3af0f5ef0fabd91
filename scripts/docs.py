"""Builds the documentation's site into build/site (``make docs``), and fails on a link that leads
nowhere.

Zensical reads one folder, so the documents of the root are copied next to those of docs/, with
their links changed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "build" / "docs"
SITE = ROOT / "build" / "site"
FROM_ROOT = ("ARCHITECTURE", "CHANGELOG", "CONTRIBUTING", "SECURITY")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s]+)((?:#[^)\s]*)?)\)")
_HREF = re.compile(r'(?:href|src)="([^"#?]+)')


def main() -> None:
    assemble()
    shutil.rmtree(SITE, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("zensical")), "build"]
    subprocess.run(command, cwd=ROOT, check=True)
    if broken := broken_links(SITE):
        sys.exit("These links lead nowhere:\n" + "\n".join(broken))
    print(f"{SITE.relative_to(ROOT)}: {len(list(SITE.rglob('*.html')))} pages")  # noqa: T201


def assemble() -> None:
    """Copy all documents into one folder."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(ROOT / "docs", SOURCE)
    for name in FROM_ROOT:
        shutil.copy(ROOT / f"{name}.md", SOURCE / f"{name.lower()}.md")
    for page in SOURCE.rglob("*.md"):
        # Searching finds what users look for; the decisions and their table are for contributors.
        head = (
            "---\nsearch:\n  exclude: true\n---\n"
            if "decisions" in (page.parent.name, page.stem)
            else ""
        )
        page.write_text(
            head + _LINK.sub(partial(_for_site, page.parent), page.read_text("utf-8")), "utf-8"
        )


def _for_site(folder: Path, link: re.Match[str]) -> str:
    """Point a link to a document at its copy; of one to another file of the repository,
    the words remain.
    """
    words, target, anchor = link.groups()
    if re.match(r"(?:https?|mailto):", target):
        return link[0]
    name = target.removeprefix("../").removesuffix(".md")
    if name in FROM_ROOT:
        target = f"{name.lower()}.md"
    elif name == "README":
        target = "index.md"
    elif not (folder / target).exists():
        target = target.removeprefix("docs/")
    return f"[{words}]({target}{anchor})" if (folder / target).exists() else words


def broken_links(site: Path) -> list[str]:
    """Return links and pictures of the site's pages that name no file in it,
    and those that load from another host.
    """
    broken = []
    for page in site.rglob("*.html"):
        if page.name == "404.html":  # its links begin at the root of wherever the site is served
            continue
        for target in _HREF.findall(page.read_text("utf-8")):
            if re.match(r"(?:https?:)?//|mailto:|data:", target):
                continue
            if not (page.parent / target).resolve().exists():
                broken.append(f"{page.relative_to(site)}: {target}")
    return sorted(set(broken))


if __name__ == "__main__":
    main()
