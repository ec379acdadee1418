"""The `conftest.py` of each folder of tests lists what the folder holds, and nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FOLDERS = sorted({path.parent for path in TESTS.rglob("test_*.py")} | {TESTS / "worker"})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(TESTS)))
def test_a_folders_conftest_lists_its_files_and_folders(folder: Path) -> None:
    module = ast.parse((folder / "conftest.py").read_text("utf-8"))
    text = ast.get_docstring(module, clean=False) or ""
    listed = re.findall(r"^    (\S+)", text, re.MULTILINE)
    subfolders = {path.parent for path in folder.rglob("*/test_*.py")}
    present = {path.name for path in folder.glob("test_*.py")}
    present |= {f"{path.relative_to(folder).parts[0]}/" for path in subfolders}
    assert sorted(listed) == sorted(present), f"list it in {folder / 'conftest.py'}"
