"""People, and what they do while faults strike: a method for each kind of action of a plan.

People edit, create and delete contacts, reply to messages, tick and clear flags, and type numbers
into forms. What each of them did is kept in `truth`.
"""

from __future__ import annotations

import random
import time
from functools import partial
from typing import Any

import requests

from chaos.crm_fields import STOPS, WRONG_NUMBER, checkbox, is_true
from chaos.crm_records import CrmRecords
from chaos.ground_truth import GroundTruth, Key, StatementKind
from chaos.numbers import SIZES, draw_number, draw_phone, number_of
from chaos.senders import ADMIN_TOKEN, Senders
from sandbox.run import Sandbox

FORM = "https://shop.example.com"  # a page with a form that shows our capture key
FORM_BUDGET = "0.05"  # what the key's lookups may cost: six or seven of them


class Actors:
    def __init__(self, sandbox: Sandbox, rng: random.Random, web: str) -> None:
        self.sandbox = sandbox
        self.rng = rng
        self.web = web
        self.truth = GroundTruth()
        self.records = CrmRecords(sandbox, rng, self.truth)
        self.senders = Senders(web, self.truth)
        self.verified: list[tuple[str, str]] = []  # what a portal was told of a number
        self.flagged: set[tuple[str, str]] = set()  # (record, what that says) by a person's hand
        self._capture_key = ""
        sandbox.call(self.records.seed)
        self.senders.start()

    def do(self, kind: str, seed: int) -> None:
        getattr(self, f"do_{kind}")(random.Random(seed))

    # -- they edit -------------------------------------------------------------------------

    def do_edit(self, _rng: random.Random) -> None:
        if key := self.records.pick():
            self.sandbox.call(lambda: self.records.edit(key))

    def do_late(self, rng: random.Random) -> None:
        """A change that is seen now, and stamped some seconds ago."""
        if key := self.records.pick():
            typed, seconds = draw_phone(self.rng), rng.uniform(0.5, 2.5)
            self.sandbox.call(lambda: self.records.edit_late(key, typed, seconds))

    def do_create(self, rng: random.Random) -> None:
        self.sandbox.call(lambda: self.records.create(rng))

    def do_delete(self, _rng: random.Random) -> None:
        if key := self.records.pick():
            self.sandbox.call(lambda: self.records.delete(key))

    # -- they say something ----------------------------------------------------------------

    def do_stop(self, rng: random.Random) -> None:
        self.senders.reply(draw_number("stop", rng), "STOP", "stop", "STOP")

    def do_start(self, rng: random.Random) -> None:
        self.senders.reply(draw_number("stop", rng), "START", "start", "START")

    def do_wrong(self, rng: random.Random) -> None:
        number = draw_number(rng.choice(("wrong", "wrong", "clear")), rng)
        if "confirmed" in self.truth.kinds_of(number):
            return  # whom a reply means that comes after that, nobody can tell
        text = "Wrong number, there is no Zebulon Quillfeather here"
        self.senders.reply(number, text, "wrong")

    def do_report(self, rng: random.Random) -> None:
        """Another tool reports through the API what was said at two moments, in any order."""
        number = draw_number("report", rng)
        if number in self.truth.statements:
            return
        now = time.time()
        pairs: tuple[tuple[StatementKind, StatementKind], ...] = (
            ("refuse", "agree"), ("agree", "refuse"), ("wrong", "confirmed"),
        )  # fmt: skip
        first, second = rng.choice(pairs)
        statements = [(first, now - 3600), (second, now - 1800)]
        rng.shuffle(statements)
        for kind, at in statements:
            self.truth.record(number, kind, at)
            self.senders.report(number, kind, at)

    def do_suppress(self, rng: random.Random) -> None:
        """A second tool of ours reports a complaint."""
        self.senders.complain(draw_number("stop", rng))

    def do_replay(self, rng: random.Random) -> None:
        self.senders.replay(rng)

    def do_forge(self, rng: random.Random) -> None:
        self.senders.forge(draw_number("plain", rng), rng)

    # -- they tick and clear flags ---------------------------------------------------------

    def do_tick(self, rng: random.Random) -> None:
        """A CRM user ticks "wrong number" on a contact with that one number."""
        number = draw_number("tick", rng)
        if number in self.truth.statements:
            return
        key = rng.choice(self.truth.holders(number))

        def tick() -> None:
            self._set_flags(key, (WRONG_NUMBER[key.crm],), True)
            self.truth.record(number, "wrong", time.time())
            self._note_flagged(key, "wrong_number")

        self.sandbox.call(tick)

    def do_clear(self, _rng: random.Random) -> None:
        """A CRM user clears the flag that we set because of a reply."""

        def clear() -> None:
            for key, typed in self.truth.typed.items():
                number = next((t.number for t in typed.values() if t.number), None)
                if number is None or number[-4] != "7" or self.senders.is_on_its_way(number):
                    continue
                # A second reply that has not reached this CRM yet counts as later than the clearing
                # (docs/feedback.md), and from outside nobody can tell whether it has.
                flag = WRONG_NUMBER[key.crm]
                if self.truth.kinds_of(number) == ["wrong"] and self._has_flags(key, (flag,)):
                    self._set_flags(key, (flag,), False)
                    self.truth.record(number, "confirmed", time.time())
                    self._note_flagged(key, "confirmed")
                    return

        self.sandbox.call(clear)

    def do_reopen(self, rng: random.Random) -> None:
        """Somebody replies STOP; when our flags are there, a CRM user clears them for that person;
        after that, STOP comes again."""
        number = draw_number("reopen", rng)
        if self.senders.is_on_its_way(number):
            return
        kinds = self.truth.kinds_of(number)
        if kinds in ([], ["stop", "agree"]):
            self.senders.reply(number, "STOP", "stop", "STOP")
        elif kinds == ["stop"]:
            self.sandbox.call(lambda: self._reopen(number, rng))

    def _reopen(self, number: str, rng: random.Random) -> None:
        key = rng.choice(self.truth.holders(number))
        flags = STOPS[key.crm]
        if self._has_flags(key, flags):
            self._set_flags(key, flags, False)
            self.truth.record(number, "agree", time.time(), key)
            self._note_flagged(key, "opt_in")

    def _has_flags(self, key: Key, flags: tuple[str, ...]) -> bool:
        values = self.records.current_values(key)
        return all(is_true(values.get(flag)) for flag in flags)

    def _set_flags(self, key: Key, flags: tuple[str, ...], value: bool) -> None:
        self.records.act(key, {"set": dict.fromkeys(flags, checkbox(key.crm, value))})

    def _note_flagged(self, key: Key, says: str) -> None:
        self.flagged.add(("/".join(key), says))
        self.truth.note_change()

    # -- they ask about numbers ------------------------------------------------------------

    def do_verify(self, rng: random.Random) -> None:
        """A portal asks of a number that somebody is typing."""
        number = draw_number("plain", rng)
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        self.senders.put_anywhere(rng, partial(self._verify, number, headers))

    def do_capture(self, rng: random.Random) -> None:
        """Visitors of a form type numbers that no contact has, two of them the same one at once."""
        if not self._capture_key:
            return
        headers = {"Authorization": f"Bearer {self._capture_key}", "Origin": FORM}
        for place in rng.sample(range(SIZES["capture"]), 3):
            for jobs in self.senders.forms:
                jobs.put(partial(self._verify, number_of("capture", place), headers))

    def _verify(self, number: str, headers: dict[str, str]) -> None:
        url = f"{self.web}/api/numbers/verify"
        answer = requests.post(url, json={"number": number}, headers=headers, timeout=4)
        if answer.status_code == 200:
            self.verified.append((number, answer.json()["status"]))

    def add_form(self) -> None:
        """Add a capture key for a form, with a small budget of its own."""
        body = {"name": "shop", "origins": [FORM], "day_budget": FORM_BUDGET,
                "month_budget": FORM_BUDGET}  # fmt: skip
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        answer = requests.post(
            f"{self.web}/api/capture-keys", json=body, headers=headers, timeout=4
        )
        answer.raise_for_status()
        self._capture_key = answer.json()["key"]

    def do_dry(self, rng: random.Random) -> None:
        """An admin asks what a re-scan would do."""
        crm = rng.choice(("salesforce", "hubspot"))
        body: dict[str, Any] = {"connector": crm, "dry_run": True}
        self.senders.put_first(lambda: (self.senders.post("/api/rescans", body), None)[1])
