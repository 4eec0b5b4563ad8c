"""Every Python block of the documentation does what it says, against a manager that is played."""

import asyncio
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import get_args

import pytest

import mailpool
import mailpool.settings
from manager import Manager

TOP = Path(__file__).resolve().parents[2]
MARKDOWN, MANUAL = "tools/python/README.md", "conf/manual/mailpool-imap.7"
PAGES = (MARKDOWN, MANUAL)
FENCED = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
DISPLAYED = re.compile(r"^\.Bd [^\n]*\n((?:import|from) mailpool.*?)^\.Ed", re.DOTALL | re.MULTILINE)
BLOCKS = [(page, block) for page, marks in ((MARKDOWN, FENCED), (MANUAL, DISPLAYED)) for block in marks.findall((TOP / page).read_text())]


@pytest.mark.parametrize("page, block", BLOCKS, ids=[f"{page}-{number}" for number, (page, _) in enumerate(BLOCKS)])
def test_a_block_of_a_page_runs_as_it_stands(page: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    managers = [Manager(tmp_path / f"{name}.sock", untagged={"SEARCH": b"* SEARCH 1\r\n", "SELECT": b"* 1 EXISTS\r\n",
                                                          "ID": b'* ID ("name" "mailpool" "profile" "bounces" "state" "open")\r\n'})
                for name in ("bounces", "dynamic")]
    monkeypatch.setattr(mailpool.settings, "DIRECTORY", str(tmp_path))
    exec(compile(block, page, "exec"), {"__name__": "__main__"})
    said = [line for manager in managers for line in manager.said("LOGIN")]
    assert said and all(line.endswith(b'"user" "password"') for line in said)
    borrowed = sum(len(manager.said("LOGIN")) for manager in managers)
    assert sum(len(manager.said("LOGOUT")) for manager in managers) >= borrowed, "all came back in order"
    for manager in managers:
        manager.close()


def test_there_are_blocks() -> None:
    assert {page for page, _ in BLOCKS} == set(PAGES) and len(BLOCKS) >= 5


def test_the_table_of_reasons_has_every_reason() -> None:
    text = (TOP / "tools/python/README.md").read_text()
    for reason in get_args(mailpool.errors.Reason):
        assert f"`{reason}`" in text, reason


def test_a_wheel_has_the_typed_package(tmp_path: Path) -> None:
    sources = shutil.copytree(TOP / "tools/python", tmp_path / "sources")
    done = subprocess.run([sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-q", "-w", tmp_path,
                           sources], capture_output=True, text=True, check=False)
    if "No module named" in done.stderr or "invalid command 'bdist_wheel'" in done.stderr:
        pytest.skip("pip, setuptools or wheel is not installed")
    assert done.returncode == 0, done.stderr
    wheel, = tmp_path.glob("*.whl")
    assert wheel.name == f"mailpool-{mailpool.__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert {"mailpool/aio.py", "mailpool/py.typed"} <= set(names)
    assert {f"mailpool/{path.name}" for path in (TOP / "tools/python/mailpool").glob("*.py")} <= set(names)


def test_the_version_is_that_of_the_project() -> None:
    first = (TOP / "packaging/debian/changelog").read_text().splitlines()[0]
    assert first.startswith(f"mailpool ({mailpool.__version__}"), "packaging/debian/changelog says which version this is"


def test_an_sdist_has_what_the_wheel_is_made_of(tmp_path: Path) -> None:
    sources = shutil.copytree(TOP / "tools/python", tmp_path / "sources")
    code = "import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=sources, capture_output=True, text=True, check=False)
    if "No module named" in done.stderr:
        pytest.skip("setuptools is not installed")
    assert done.returncode == 0, done.stderr
    packed, = tmp_path.glob("mailpool-*.tar.gz")
    names = {name.partition("/")[2] for name in tarfile.open(packed).getnames()}
    assert {"pyproject.toml", "README.md", "mailpool/py.typed", "mailpool/aio.py"} <= names


def test_asyncio_is_not_needed_by_those_who_do_without() -> None:
    code = "import sys, mailpool; assert 'asyncio' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert asyncio
