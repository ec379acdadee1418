"""`hygiene explain`: how one text is read. Needs no CRM, no database and no settings."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from worker.cli.base import Group, json_option
from worker.cli.output import console

if TYPE_CHECKING:
    from worker.feedback.replies.explanation import Explanation
    from worker.phones import ParsedField


_CONTACT = ("country", "state", "email", "website")  # in the order of `ContactLocation`


@click.group("explain", cls=Group, examples=['hygiene explain reply "wrong number, sorry"'])
def explain() -> None:
    """Explain how a text is read."""


@explain.command("phone", examples=['hygiene explain phone "020 7219 4272/73" --country GB'])
@click.argument("text", metavar="TEXT|-")
@click.option("--country", default="", help="The contact's country, by name or ISO code.")
@click.option("--state", default="", help="The contact's state or province.")
@click.option("--email", default="", help="The contact's email address.")
@click.option("--website", default="", help="The contact's website.")
@json_option
def explain_phone_command(
    text: str, country: str, state: str, email: str, website: str, as_json: bool
) -> None:
    """Explain how a phone field is read: its numbers, its status, and why.

    With - it reads lines of JSON from standard input ({"text": ..., "country": ..., "state": ...,
    "email": ..., "website": ...}; all but the text may be left out) and prints one line of JSON for
    each, in order. A line that cannot be read gets {"error": ...}; the exit code is then 1.
    """
    from worker.decisions.explanation import explain_phone
    from worker.phones import ContactLocation

    if text == "-":
        failed = False
        for document, problem in _documents(sys.stdin.buffer):
            failed = failed or bool(problem)
            answer: object = {"error": problem}
            if not problem:
                where = ContactLocation(*(str(document.get(name) or "") for name in _CONTACT))
                answer = explain_phone(str(document["text"]), where).as_json()
            sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
        sys.exit(1 if failed else 0)
    explanation = explain_phone(text, ContactLocation(country, state, email, website))
    if as_json:
        console.print_json(explanation.as_json())
        return
    for number, step in enumerate(explanation.steps, 1):
        console.out.print(f"{number}. {step}", markup=False)
    console.out.print(f"Status: {explanation.status or 'empty'}", markup=False)
    if explanation.reason:
        console.out.print(f"Reason: {explanation.reason}", markup=False)
    if said := _said_by_note(text, explanation.reading):
        console.out.print(said, markup=False)


def _said_by_note(text: str, reading: ParsedField) -> str:
    """Return what a sync takes from the words beside a number; "" for nothing."""
    from config.feedback import Dispositions
    from worker.feedback.field_notes import STOPS, needs_person, read_note

    note = read_note(reading.note if reading.numbers else text, Dispositions())
    if note is None:
        return ""
    numbers = [number.e164 for number in reading.numbers]
    meanings = [m.replace("_", " ") for m in note.meanings if numbers or m in STOPS]
    if needs_person(note, numbers):
        words = " and ".join(meanings)
        return f"Review: the words may mean “{words}”; in a sync, a person reads them."
    if not (note.clear and meanings):
        return ""
    return f"Report: a sync takes the words as “{' and '.join(meanings)}”."


@explain.command("reply", examples=['hygiene explain reply "wrong number, sorry"'])
@click.argument("text", metavar="TEXT|-")
@json_option
def explain_reply_command(text: str, as_json: bool) -> None:
    """Explain how a reply is read.

    Shows what is flagged, what a person reviews, and on which words.

    With - it reads lines of JSON ({"text": ...}) from standard input and prints one line of JSON
    for each, in order. A line that cannot be read gets {"error": ...}; the exit code is then 1.
    """
    from worker.feedback.replies.explanation import explain_reply

    if text == "-":
        failed = False
        for given, problem in _texts(sys.stdin.buffer):
            failed = failed or bool(problem)
            document = {"error": problem} if problem else {**explain_reply(given)}
            sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        sys.exit(1 if failed else 0)
    explanation = explain_reply(text)
    if as_json:
        console.print_json(explanation)
    else:
        _show(explanation)


def _texts(lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Yield the `text` of each line of JSON and what is wrong with the line."""
    for document, problem in _documents(lines):
        yield "" if problem else str(document["text"]), problem


def _documents(lines: Iterable[bytes]) -> Iterator[tuple[dict[str, object], str]]:
    """Yield each line of JSON and what is wrong with it; skip empty lines."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except ValueError:
            yield {}, f"line {number} is not JSON"
            continue
        is_text = isinstance(document, dict) and isinstance(document.get("text"), str)
        yield (document, "") if is_text else ({}, f"line {number} has no text")


def _show(explanation: Explanation) -> None:
    flags = ", ".join(kind.replace("_", " ") for kind in explanation["flags"])
    if flags:
        console.out.print(f"flagged: {flags}", markup=False)
    if explanation["review"]:
        offered = ", ".join(kind.replace("_", " ") for kind in explanation["proposed"]) or "nothing"
        console.out.print(f"a person reviews it; proposed: {offered}", markup=False)
    if not flags and not explanation["review"]:
        console.out.print("ignored: harmless", markup=False)
    if explanation["evidence"]:
        console.out.print(
            f"words: “{explanation['evidence']}” ({explanation['language']})", markup=False
        )
