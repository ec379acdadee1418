"""Carry reports about a number over to the number that its field is read as now.

A phone field may be read as another number than before, though nobody has changed its text: by a
new release, a new numbering plan, or another country of the contact. What stood against the former
number is said of the new one too, as a report of its own, and stands there until somebody lifts it.
The suppressions of the former number stay. A number that a person replaced in the
field is another matter: a wrong number goes with it (promise 8). All of this is pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from worker.feedback.consent_state import (
    NO_HOLDERS,
    READING_KEY_PREFIX,
    Holders,
    Rules,
    apply_lifts,
    concerns,
    evaluate,
)
from worker.feedback.merged_records import STOPS, is_extended_to_all_numbers, report_hash
from worker.feedback.models import ContactIdentity, Feedback
from worker.phones.plan_changes import equal_forms
from worker.store.pseudonyms import ERASED_PREFIX

_WRONG = ("wrong_number", "corrected")


@dataclass(frozen=True, slots=True)
class ChangedField:
    """A phone field of a contact that was read as `former` and is read as `numbers` now.

    `numbers` is empty where nothing is read any more. `until`: when we learned that it is read
    differently. `replaced`: other numbers took the place of the former ones; otherwise those are
    gone and the others were there before.
    """

    who: ContactIdentity
    field: str
    former: tuple[str, ...]
    numbers: tuple[str, ...]
    until: datetime
    replaced: bool = True


def carry_over(
    changed: ChangedField,
    reports: Mapping[str, Sequence[Feedback]],
    now: datetime,
    rules: Rules = Rules(),
    holders: Mapping[str, Holders] = {},
    last_delivered: Mapping[str, datetime] = {},
) -> Iterator[Feedback]:
    """Report about a field's numbers what was reported about its former ones.

    `reports`: about the former numbers. Where a former number is gone and no other took its place,
    only stops go over: who calls the number that is left does not reach the wrong one. Where
    nothing is left, a stop is said of the contact: its text still stands in the CRM, and somebody
    may dial it.
    """
    for number in changed.former:
        about = reports.get(number, ())
        if not about:
            continue
        for report in _in_force(
            about, changed.who, rules, holders.get(number, NO_HOLDERS), last_delivered.get(number)
        ):
            if report.kind not in STOPS and not changed.replaced:
                continue
            if not changed.numbers:
                yield _on_contact(report, changed, number, now)
            # What a change of the plan made equal has the report already, by whichever form.
            same = {*equal_forms(number), *equal_forms(report.new_number)}
            for target in changed.numbers:
                if target not in same:
                    yield _copy(report, changed, number, target, now)


def _in_force(
    about: Sequence[Feedback],
    who: ContactIdentity,
    rules: Rules,
    holders: Holders,
    last_delivered: datetime | None,
) -> Iterator[Feedback]:
    """Yield the reports about a number that close a channel of a contact; a stop with the rest."""
    state = evaluate(about, who, rules, holders, last_delivered)
    # What was said of another record alone says and lifts nothing for this contact.
    concerning = [report for report in about if concerns(report, who, holders, rules)]
    for report in concerning:
        if report.kind in STOPS:
            unlifted, _ = apply_lifts(report, concerning, rules)
            if is_extended_to_all_numbers(report, who):
                continue  # `extend_to_numbers` says it of whatever number the contact has
            if channels := unlifted & state.suppressed:
                yield replace(report, channels=" ".join(sorted(channels)))
        elif report.kind in _WRONG and state.wrong:
            if apply_lifts(report, concerning, rules)[1] is None:
                yield report
        elif report.kind == "undeliverable" and (
            last_delivered is None or report.at > last_delivered
        ):
            yield report


def _on_contact(report: Feedback, changed: ChangedField, number: str, now: datetime) -> Feedback:
    """Say a stop of a contact, whatever numbers it has."""
    copy = _copy(report, changed, number, number, now)
    key = f"{READING_KEY_PREFIX}{changed.who.key}/:{report_hash(report)}"
    return replace(
        copy, key=key, contact=changed.who.key, person=changed.who.person, scope="person"
    )


def _copy(
    report: Feedback, changed: ChangedField, number: str, target: str, now: datetime
) -> Feedback:
    """Say a report of another number. What was erased is not named."""
    erased = report.number.startswith(ERASED_PREFIX)
    what = "a number that was erased" if erased else number
    note = f"said of {what}, which {changed.field} was read as until {changed.until:%d %b %Y}"
    evidence = report.evidence or report.source
    # Of the number as a whole it is said once, however many contacts have it.
    owner = "" if report.scope == "number" else changed.who.key
    return replace(
        report,
        key=f"{READING_KEY_PREFIX}{owner}/{target}:{report_hash(report)}",
        source="list" if report.key.startswith("list:") else report.source,
        number=target,
        contact="" if report.contact.startswith(ERASED_PREFIX) else report.contact,
        evidence=f"{evidence} ({note})",
        received_at=now,
        id=0,
    )
