"""The packages of `examples/`, installed by pip as anybody would, and their own tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/pyproject.toml"))


@pytest.mark.slow
@pytest.mark.timeout(480)  # two processes; some 11 s of processor time
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_its_own_tests_pass_where_it_is_installed(example: Path, tmp_path: Path) -> None:
    """Without the network. The tests run from a copy, beside which nothing of the package lies: so
    what they import is what pip installed."""
    source, site, tests = tmp_path / "source", tmp_path / "site", tmp_path / "tests"
    ignore = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    shutil.copytree(example, source, ignore=ignore)  # pip builds beside the sources
    install = [
        sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
        "--no-build-isolation", "--disable-pip-version-check", "--target", str(site), str(source),
    ]  # fmt: skip
    subprocess.run(install, check=True, capture_output=True, timeout=150)
    shutil.move(source / "tests", tests)
    test = [
        sys.executable, "-m", "pytest", "-c", str(source / "pyproject.toml"),
        "--rootdir", str(tmp_path), "-p", "no:xdist", "-p", "no:cacheprovider",
        "-W", "ignore::DeprecationWarning", "-o", f"pythonpath={tests}", str(tests),
    ]  # fmt: skip
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env = {**kept, "PYTHONPATH": os.pathsep.join((str(site), str(ROOT)))}
    done = subprocess.run(
        test, cwd=tests, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def test_none_of_them_is_part_of_the_wheel() -> None:
    """The wheel holds what `packages.find` includes (test_packaging.py builds it)."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert 'include = ["config*", "connectors*", "worker*", "sandbox*"]' in text
    assert EXAMPLES
