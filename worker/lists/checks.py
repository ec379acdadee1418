"""Check the phone fields of a list, each once, and those of a long list in several processes."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import get_args

from msgspec.structs import replace

from config import process_memory
from config.feedback import Dispositions
from connectors.csv_list.formula_guard import encode_cells, formula_safe
from worker.decisions import FieldFacts, decide_field
from worker.decisions.explanation import known_by_the_plan
from worker.decisions.model import Channel, NumberKnowledge, Part, ProviderAnswer
from worker.decisions.phrases import parse
from worker.decisions.wording.render import render_alone
from worker.feedback.field_notes import STOPS, read_note
from worker.lists.batches import Batch, FieldKey
from worker.lists.columns import Plan
from worker.phones import ContactLocation, parse_contact, parse_field

_BATCHES_AHEAD = 4  # for each helping process
_FIELD = "Phone"
_MAX_KEPT = 200_000  # fields whose outcome is kept: some 60 MB

# A field's status; its added cells: as text to put behind a row, or one by one for a sheet; and
# whether the other phone fields of its row may tell more about it.
CheckedField = tuple[str, str | tuple[str, ...], bool]


class CheckedFields(dict[FieldKey, CheckedField]):
    """The outcomes of a list's phone fields, each checked once: a long list names most of its
    numbers more than once."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan

    def __missing__(self, key: FieldKey) -> CheckedField:
        if len(self) >= _MAX_KEPT:
            self.clear()
        checked = self[key] = check_field(key, self._plan)
        return checked

    def of_row(self, keys: Sequence[FieldKey]) -> list[CheckedField]:
        """Return the outcomes of a row's phone fields. One that is not plainly read by itself is
        read beside the others, which may tell its country."""
        outcomes = [self[key] for key in keys]
        if len(keys) > 1 and any(outcome[2] for outcome in outcomes):
            for place, (key, outcome) in enumerate(zip(keys, outcomes, strict=True)):
                others = [other[0] for other in keys if other is not key and other[0]]
                if outcome[2] and others:
                    outcomes[place] = check_field(key, self._plan, others)
        return outcomes


def check_ahead(
    batches: Iterable[Batch], checked: CheckedFields, plan: Plan, helpers: int
) -> Iterator[Batch]:
    """Yield the same batches, with all their fields in `checked`: other processes check them.

    A few batches are under way at any time, however long the list is.
    """
    limit = _BATCHES_AHEAD * helpers
    asked: set[FieldKey] = set()
    under_way: deque[tuple[Batch, list[FieldKey], Future[list[CheckedField]]]] = deque()

    def next_done() -> Batch:
        batch, new, checking = under_way.popleft()
        if len(checked) + len(new) > _MAX_KEPT:
            checked.clear()
        checked.update(zip(new, checking.result(), strict=True))
        asked.difference_update(new)
        return batch

    # A fresh interpreter each: this one has threads, which a fork would cut in two.
    with ProcessPoolExecutor(
        helpers, get_context("spawn"), process_memory.tune_gc_for_bulk
    ) as pool:
        try:
            for batch in batches:
                distinct = {key for keys in batch.keys for key in keys}
                new = [key for key in distinct if key not in checked and key not in asked]
                if len(under_way) < limit or under_way[0][2].done():
                    with _ignoring_ctrl_c():
                        checking = pool.submit(_check_fields, new, plan)
                else:  # all are busy: rather than wait, this process checks them itself
                    checking = Future()
                    checking.set_result(_check_fields(new, plan))
                asked.update(new)
                under_way.append((batch, new, checking))
                if len(under_way) > limit:
                    yield next_done()
            while under_way:
                yield next_done()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _ignoring_ctrl_c() -> Iterator[None]:
    """Start processes inside that ignore Ctrl-C: this one ends them."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _check_fields(keys: Sequence[FieldKey], plan: Plan) -> list[CheckedField]:
    return [check_field(key, plan) for key in keys]


def check_field(key: FieldKey, plan: Plan, others: Sequence[str] = ()) -> CheckedField:
    """Return a phone field's status and its added cells: status, E.164, line type, extension,
    reason. `others`: the texts of the row's other phone fields."""
    text, where, other_extension = key
    if others or isinstance(where, ContactLocation):
        phones = {_FIELD: text, **{str(place): other for place, other in enumerate(others)}}
        contact = where if isinstance(where, ContactLocation) else ContactLocation(where or "")
        parsed = parse_contact(phones, contact)[_FIELD]
    else:
        parsed = parse_field(text, where)
    known = known_by_the_plan(parsed.numbers)
    if parsed.note:
        known = _heeding_note(known, parsed.note)
    decision = decide_field(FieldFacts(_FIELD, parsed, known))
    extension = next((n.extension for n in parsed.numbers if n.e164 == decision.e164), "")
    if decision.e164 and len(parsed.numbers) == 1:
        extension = extension or other_extension
    status = decision.status or ""
    reason = ""
    if decision.reason:
        part = Part("", decision.status or "valid", parse(decision.reason))
        reason = render_alone(part, "en")
    elif parsed.note:
        reason = f"Note beside the number: {parsed.note}"
    # What a person typed can only stand in the reason; the others are words and numbers of ours.
    reason = formula_safe(reason)
    plainly = all(number.valid and number.confidence == "high" for number in parsed.numbers)
    may_be_told = parsed.outcome != "empty" and not (parsed.numbers and plainly)
    cells = (status, decision.e164 or "", decision.line_type or "", extension, reason)
    if plan.as_cells:
        return status, cells, may_be_told
    added = encode_cells(cells, plan.delimiter)
    if not added.isascii() and not plan.encoding.lower().startswith("utf"):
        added = added.encode(plan.encoding, "replace").decode(plan.encoding)
    return status, added, may_be_told


def _heeding_note(known: tuple[NumberKnowledge, ...], text: str) -> tuple[NumberKnowledge, ...]:
    """Add what people wrote beside the numbers: a list has no flags for it, and no review queue.
    What a person would have to read stands in the reason alone."""
    note = read_note(text, Dispositions())
    if note is None or not note.clear:
        return known
    says = f"the phone field says “{note.words[:60]}”"
    stops = any(meaning in STOPS for meaning in note.meanings)
    wrong = "wrong_number" in note.meanings and len(known) == 1
    dead = "disconnected" in note.meanings and len(known) == 1
    answers = (ProviderAnswer("note", "unreachable", detail=says, check_level="live"),) * dead
    return tuple(
        replace(
            number,
            answers=(*number.answers, *answers),
            wrong=says if wrong else "",
            suppressed=frozenset(get_args(Channel)) if stops else number.suppressed,
            suppressed_reason=says if stops else "",
        )
        for number in known
    )
