"""The README and docs/ hang together: links lead somewhere, and the README stays a first page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from constants import ROOT

from worker.cli.main import COMMANDS, main

README = ROOT / "README.md"
INDEX = ROOT / "docs" / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
WIDEST = 105  # columns of prose; tables and code are as wide as they must be


def without_code(page: Path) -> str:
    return re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """As GitHub makes them from headings: lower case, no punctuation, hyphens for spaces."""
    headings = re.findall(r"^#+ (.+)$", without_code(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in headings}


def broken_links(page: Path) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


class TestEachPage:
    @pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=name)
    def test_links_to_files_and_headings_that_there_are(self, page: Path) -> None:
        assert list(broken_links(page)) == []

    @pytest.mark.parametrize("page", PAGES, ids=name)
    def test_is_wrapped_for_reading(self, page: Path) -> None:
        lines = without_code(page).splitlines()
        prose = [line for line in lines if not line.lstrip().startswith(("|", "![", "    "))]
        assert [line for line in prose if len(line) > WIDEST and " " in line.strip()] == []


def test_anchors_in_sources_lead_to_headings() -> None:
    """Alerts, messages and comments that name a section of a page."""
    named = {
        (path, anchor)
        for folder in ("worker", "connectors", "config", "deploy", "crm")
        for file in (ROOT / folder).rglob("*")
        if file.suffix in (".py", ".toml", ".yml", ".yaml", ".html", ".xml")
        and "node_modules" not in file.parts
        for path, anchor in re.findall(r"(docs/[\w-]+\.md)#([\w-]+)", file.read_text("utf-8"))
    }
    assert named
    assert {(p, a) for p, a in named if a not in anchors(ROOT / p)} == set()


def test_the_index_has_every_page() -> None:
    linked = set(re.findall(r"\]\(([\w-]+\.md)", INDEX.read_text("utf-8")))
    assert linked == {page.name for page in INDEX.parent.glob("*.md")} - {INDEX.name}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_listed(command: str) -> None:
    text = (ROOT / "docs" / "commands.md").read_text("utf-8")
    listed = re.findall(r"^\| (`hygiene .*?) \|", text, re.MULTILINE)
    assert any(re.search(rf"`(hygiene )?{command}\b", row) for row in listed)


def commands_of(page: Path) -> Iterator[list[str]]:
    """The words of each `hygiene` command that a page names, in its text or in a block of code."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^ *```.*?\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ")
    typed = re.findall(
        r"^ *(?:hygiene(?:-as-service)?|python -m worker) (.+)$", lines, re.MULTILINE
    )
    for command in (*re.findall(r"`hygiene\s+([^`]+)`", without_code(page)), *typed):
        yield command.partition(" #")[0].split()


def unknown_word(words: list[str]) -> str:
    """The first word of a command that `hygiene` does not know; "" if it knows all. A page may
    write what is optional in brackets: "[--queue]"."""
    command: click.Command = main
    context = click.Context(main)
    is_value = False
    for word in (word for given in words for word in given.strip("[].,;:").split("\\|")):
        option = re.match(r"--?[a-z][a-z-]*", word)
        if option:
            options = {
                name: one for one in command.params for name in (*one.opts, *one.secondary_opts)
            }
            if option[0] not in {*options, "-h", "--help"}:
                return f"{command.name} {option[0]}"
            given_to = options.get(option[0])
            is_value = isinstance(given_to, click.Option) and not given_to.is_flag
        elif isinstance(command, click.Group) and not is_value:
            found = command.get_command(context, word.partition("|")[0])
            if found is None:
                return word
            command, context = found, click.Context(found, parent=context)
        else:
            is_value = False
    return ""


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_in_documents_exist_with_their_options(page: Path) -> None:
    unknown = [unknown_word(words) for words in commands_of(page)]
    assert [word for word in unknown if word] == []


class TestTheReadme:
    def test_names_the_demo_and_the_test_command_of_ci(self) -> None:
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        for command in ("make demo", "make test"):
            assert re.search(rf"^{command}\b", README.read_text("utf-8"), re.MULTILINE)
            assert command.removeprefix("make ") in targets
        assert re.search(r"^make test$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)

    def test_is_a_page_that_one_reads_to_its_end(self) -> None:
        assert len(README.read_text("utf-8").splitlines()) <= 200
