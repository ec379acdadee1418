"""Scrub numbers: some in a request, or a list of any length, a part in each snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from worker.context import Context
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.field_notes import read_note
from worker.phones import region_of
from worker.scrub import certificates, evidence
from worker.scrub.certificates import ListDigest, Tally
from worker.scrub.decide import Circumstances, decide_all
from worker.scrub.model import MAX_NUMBERS, Answer, CallingHours, Question
from worker.scrub.readings import Reading, is_partly_unread, other_readings


class Scrub:
    """A scrub in progress: it gives answers, and at the end a certificate.

    Each part of at most `MAX_NUMBERS` questions is answered from one snapshot of the database.
    `channel`: the one asked about; "" if each number has its own.
    """

    def __init__(
        self, ctx: Context, who: str, channel: str = "", hours: CallingHours | None = None
    ) -> None:
        self._ctx, self._who, self._channel, self._hours = ctx, who, channel, hours
        self._began = ctx.now()
        self._digest = ListDigest(ctx.keys)
        self.tally = Tally()

    def answer(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Yield an answer for each question, in order."""
        stream = iter(questions)
        while part := list(islice(stream, MAX_NUMBERS)):
            yield from self._answer_part(part)

    def _answer_part(self, part: Sequence[Question]) -> list[Answer]:
        ctx = self._ctx
        regions = {country: region_of(country) for country in {q.country for q in part}}
        read = [self._read(question, regions[question.country]) for question in part]
        distinct = dict.fromkeys(
            each
            for reading in read
            if reading.number is not None
            for each in (reading.number.e164, *reading.others)
        )
        rules = rules_from_settings(ctx.settings)
        contacts = {question.contact for question in part if question.contact}
        known = evidence.load(ctx, list(distinct), contacts, rules)
        now = ctx.now()
        about = Circumstances(now, ctx.settings.scrub.valid_for, rules, self._hours)
        answers = [
            decide_all(question, reading, known, about)
            for question, reading in zip(part, read, strict=True)
        ]
        self._digest.add(part)
        self.tally.add(answers, known.registries, now)
        return answers

    def _read(self, question: Question, region: str | None) -> Reading:
        feedback = self._ctx.settings.feedback
        field = self._ctx.parse_field(question.number, region)
        if len(field.numbers) != 1 or is_partly_unread(field.note):
            return Reading(None)
        heeded = feedback.field_notes and field.note
        note = read_note(field.note, feedback.dispositions) if heeded else None
        number = field.numbers[0]
        return Reading(number, other_readings(question.number, number), note)

    def certify(self) -> str:
        """Keep the certificate of all that was answered so far; return its id."""
        rules = certificates.rules_in_force(self._ctx, self._hours is not None)
        return certificates.issue(
            self._ctx, self._who, self._channel, self._began, self._digest, self.tally, rules
        )


def is_list_of(ctx: Context, certificate: str, questions: Iterable[Question]) -> bool:
    """Return whether these are the questions of a certificate, in their order.

    Raises `NoSuchCertificateError`.
    """
    listed = certificates.load(ctx, certificate)["list_hash"]
    digest = ListDigest(ctx.keys)
    digest.add(questions)
    return digest.is_one_of_ours(listed)
