"""The domains' READMEs and the other documents are compared with the code,
so that they cannot drift.
"""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path

import pytest
from scripts.domain_readmes import BEGIN, Code, generated_part, read_code, with_generated_part

from mediavault.core.job import TRANSITIONS, Stage

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "mediavault"
READMES = sorted(SOURCE.rglob("README.md"))
DOCUMENTS = [*READMES, *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]
WORKER_README = (SOURCE / "worker" / "README.md").read_text(encoding="utf-8")
TEST_ID = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@cache
def code() -> Code:
    return read_code(SOURCE, ROOT / "pyproject.toml")


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.parent.relative_to(SOURCE)))
def test_a_domains_readme_says_what_the_code_imports_and_who_uses_it(readme: Path) -> None:
    text, domain = readme.read_text(encoding="utf-8"), str(readme.parent.relative_to(SOURCE))
    if domain not in code().domains:  # a folder of domains, without modules
        assert BEGIN not in text
        return

    assert text == with_generated_part(text, generated_part(code(), domain)), "run `make readmes`"


def test_every_package_belongs_to_a_domain() -> None:
    """Each top-level package has a README, or each of its folders has one."""
    homeless = [name for name in code().files if "/" in name and name not in code().domains]

    assert [
        name
        for name in homeless
        if not name.endswith("__init__") and (SOURCE / f"{name}.py").exists()
    ] == []


def test_each_stage_has_the_function_that_the_workers_readme_names() -> None:
    worker = SOURCE / "worker"
    rows = re.findall(
        r"^\| (\d+) \| [\w, ]+ \| .+ \| (.+) \| (.+) \|$", WORKER_README, re.MULTILINE
    )

    assert [int(number) for number, _, _ in rows] == list(range(1, 11))
    for _, files, functions in rows:
        source = "\n".join(
            (worker / name).read_text(encoding="utf-8")
            for name in re.findall(r"`([\w/]+\.py)`", files)
        )
        for function in re.findall(r"`(?:\w+\.)?(\w+)`", functions):
            assert f"def {function}(" in source, function


def test_the_workers_readme_has_the_name_of_each_stage_in_the_history() -> None:
    rows = re.findall(r"^\| \d+ \| [\w, ]+ \| (.+) \| .+ \| .+ \|$", WORKER_README, re.MULTILINE)
    others = re.search(
        r"^The history also records (.+?)\.$", WORKER_README, re.MULTILINE | re.DOTALL
    )
    named = [*rows, others[1] if others else ""]

    assert {name for text in named for name in re.findall(r"`(\w+)`", text)} == set(Stage)


def test_the_workers_readme_lists_the_legal_moves_of_a_job() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| .+ \|$", WORKER_README, re.MULTILINE)

    assert sorted(rows) == sorted(
        (before, after) for before, moves in TRANSITIONS.items() for after in moves
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_a_document_names_exists(document: Path) -> None:
    named = TEST_ID.findall(document.read_text(encoding="utf-8"))

    missing = [f"{path}::{name}" for path, name in named if not has_test(ROOT / path, name)]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", document.read_text(encoding="utf-8"))

    assert [link for link in links if not (document.parent / link).exists()] == []


def has_test(path: Path, name: str) -> bool:
    return path.exists() and f"def {name}(" in path.read_text(encoding="utf-8")


def test_a_new_import_and_a_new_consumer_show_in_the_generated_part(tmp_path: Path) -> None:
    """The generator reads any package that it is given, not only today's folders."""
    package = tmp_path / "pack"
    for name, text in {
        "__init__.py": "",
        "low/__init__.py": "",
        "low/README.md": "# low\n",
        "low/part.py": '"""What is low. And more."""\nimport aiohttp\ndef thing(): ...\n',
        "high/README.md": "# high\n",
        "high/user.py": "from pack.low.part import thing\nfrom pack.low import part\n",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, encoding="utf-8")
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(
        (
            '[[tool.importlinter.contracts]]\nname = "n"\ntype = "layers"\n'
            'layers = ["pack.high", "pack.low"]\n'
        ),
        encoding="utf-8",
    )

    low = generated_part(read_code(package, pyproject), "low")
    assert "| `part.py` | What is low |" in low
    assert "**Key exports** `part`, `part.thing`" in low
    assert "**Imports** none; libraries: `aiohttp`" in low
    assert "**Used by** `high`" in low
    assert "**Never imports** `high`" in low
    high = generated_part(read_code(package, pyproject), "high")
    assert "**Imports** `low` (`part`); libraries: none" in high

    with pyproject.open("a", encoding="utf-8") as file:
        for name, ignored in (
            ("beside.inner", ""),
            ("open", 'ignore_imports = ["pack.low.part -> pack.open.port"]'),
        ):
            file.write(
                '[[tool.importlinter.contracts]]\nname = "n"\ntype = "forbidden"\n'
                'source_modules = ["pack.low"]\n'
                f'forbidden_modules = ["pack.{name}", "aiohttp"]\n{ignored}\n'
            )
    low = generated_part(read_code(package, pyproject), "low")
    assert "**Never imports** `beside/inner`, `high`, `aiohttp`" in low

    shutil.rmtree(package / "high")
    assert "**Used by** none" in generated_part(read_code(package, pyproject), "low")
