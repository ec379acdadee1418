"""What a contributor and an installer rely on: CI, hooks, types, licence, and true documents."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from constants import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
_PAGES = ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"]
DECISIONS = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
PAGES = [*(ROOT / page for page in _PAGES), ROOT / "docs/adr/README.md", *DECISIONS]


@pytest.fixture
def ci_job() -> dict[str, Any]:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    return dict(job)


class TestCi:
    def test_runs_the_script_that_a_developer_runs(self, ci_job: dict[str, Any]) -> None:
        (step,) = [step for step in ci_job["steps"] if "run" in step]
        assert (ROOT / step["run"]).stat().st_mode & 0o100

    def test_runs_on_the_oldest_python_that_is_supported_and_on_those_after_it(
        self, ci_job: dict[str, Any]
    ) -> None:
        pythons = ci_job["strategy"]["matrix"]["python"]
        assert PYPROJECT["project"]["requires-python"] == f">={pythons[0]}"
        assert pythons == [f"3.{minor}" for minor in range(11, 11 + len(pythons))]

    def test_runs_on_each_python_that_the_package_names(self, ci_job: dict[str, Any]) -> None:
        prefix = "Programming Language :: Python :: "
        named = [c.removeprefix(prefix) for c in PYPROJECT["project"]["classifiers"] if prefix in c]
        assert named == ci_job["strategy"]["matrix"]["python"]
        contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
        assert all(f"\n| {python} | " in contributing for python in named), "how it was tried"

    def test_tells_the_makefile_which_python_it_means(self, ci_job: dict[str, Any]) -> None:
        (step,) = [step for step in ci_job["steps"] if "run" in step]
        assert step["env"]["PYTHON"] == "python${{ matrix.python }}"
        assert "PYTHON ?=" in MAKEFILE


class TestMakingTheEnvironment:
    """`make` in an empty folder, with a Python that lacks what Debian packs apart."""

    @pytest.fixture
    def python(self, tmp_path: Path) -> Path:
        """Answers as Debian's does without python3-venv and python3-pip."""
        program = tmp_path / "python3"
        program.write_text(
            "#!/bin/sh\n"
            '[ "$2" = venv ] && mkdir -p .venv\n'
            "echo 'ensurepip is not available'\n"
            "exit 1\n"
        )
        program.chmod(0o755)
        return program

    def test_says_in_its_own_words_what_to_install(self, tmp_path: Path, python: Path) -> None:
        done = subprocess.run(
            ["make", "-f", str(ROOT / "Makefile"), ".venv/bin/python", f"PYTHON={python}"],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 2
        assert "ensurepip" not in done.stdout + done.stderr
        (line,) = (line for line in done.stderr.splitlines() if not line.startswith("make"))
        assert "apt-get install python3-venv" in line
        assert not (tmp_path / ".venv").exists()


class TestHooks:
    def test_run_the_tools_of_make_check(self) -> None:
        check = MAKEFILE.split("\ncheck:")[1].split("\n\n")[0]
        tools = re.findall(r"\$\(BIN\)/([\w-]+)", check)
        assert {Path(hook["entry"].split()[0]).name for hook in HOOKS} == set(tools)

    def test_take_their_tools_from_the_locked_environment(self) -> None:
        assert all(hook["entry"].startswith(".venv/bin/") for hook in HOOKS)
        assert all(hook["language"] == "system" for hook in HOOKS)


@pytest.mark.parametrize("package", PYPROJECT["tool"]["importlinter"]["root_packages"])
def test_each_package_says_that_it_is_typed(package: str) -> None:
    folder = Path(import_module(package).__path__[0])
    assert (folder / "py.typed").is_file()
    assert "py.typed" in PYPROJECT["tool"]["setuptools"]["package-data"]["*"]


def test_the_licence_is_the_one_that_pyproject_names() -> None:
    assert PYPROJECT["project"]["license"] == "Apache-2.0"
    (name,) = PYPROJECT["project"]["license-files"]
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0" in text


def test_the_image_is_built_with_all_that_pyproject_names() -> None:
    """setuptools ends with an error where a file is missing that pyproject.toml names."""
    copied = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    assert PYPROJECT["project"]["license-files"][0] in copied
    assert PYPROJECT["project"]["readme"] in copied


class TestDocuments:
    """Of the project itself: a file that moves takes its mentions along."""

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_name_files_that_are_there(self, page: Path) -> None:
        text = page.read_text(encoding="utf-8")
        named = re.findall(
            r"`((?:\.ci|\.github|config|connectors|worker|sandbox|tests|docs)/[^\s`]+)`", text
        )
        assert [name for name in named if not list(ROOT.glob(name))] == []

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_link_to_files_and_headings_that_are_there(self, page: Path) -> None:
        for target, part in re.findall(
            r"\]\((?!https:)([^)#]*)#?([^)]*)\)", page.read_text(encoding="utf-8")
        ):
            file = (page.parent / target) if target else page
            assert file.exists(), target
            assert not part or part in _headings(file), f"{target}#{part}"

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_have_lines_that_fit_a_screen(self, page: Path) -> None:
        lines = page.read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []

    def test_each_promise_names_the_tests_that_try_to_break_it(self) -> None:
        text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| (\d+) \| \*\*.+ \| (.+) \|$", text, re.MULTILINE)
        assert [int(number) for number, _tests in rows] == list(range(1, 22))
        assert all("`tests/" in tests for _number, tests in rows)

    def test_contributors_are_told_of_each_marker(self) -> None:
        text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
        markers = PYPROJECT["tool"]["pytest"]["ini_options"]["markers"]
        names = {marker.partition(":")[0] for marker in markers}
        assert names == set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))

    @pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
    def test_a_decision_is_one_page_with_its_context_and_consequences(self, page: Path) -> None:
        text = page.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 60
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["Status", "Context", "Decision", "Consequences"]
        index = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")
        assert f"[{page.name[:4]}]({page.name})" in index


def _headings(page: Path) -> set[str]:
    """As links name them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
