"""Check the promises once a schedule is over.

Each check yields a line for each broken promise. None uses code of the product: they read the CRMs'
own records, what the CRMs and the lookup service counted, and plain SQL.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from chaos import after_undo, model
from chaos.actors import FORM_BUDGET, Actors
from chaos.crm_fields import PHONE_FIELDS, STOPS, WRONG_NUMBER
from chaos.crm_writes import delivered_twice, stop_came_late
from chaos.environment import Environment
from chaos.ground_truth import Key
from chaos.numbers import SIZES, number_of
from chaos.plan import Schedule
from chaos.recipients import Recipients
from chaos.second_accounts import SecondAccounts
from chaos.subscriber import Subscriber

# Calls made before HubSpot named its limit, or while Redis was cut off.
TOLERATED_REFUSALS = 3
# In USD, of a lookup (https://www.twilio.com/en-us/user-authentication-identity/pricing/lookup).
_PRICES = {"line_type_intelligence": Decimal("0.008"), "line_status": Decimal("0.007")}
OVERLAP = 5.0  # seconds, `sync.overlap` of the campaign
# Fields that no report ever demands.
_UNDEMANDED_FIELDS = {
    "salesforce": frozenset({"Phone_Checked_At__c", "Phone_Hygiene_Run__c"}),
    "hubspot": frozenset({"hygiene_checked_at", "hygiene_run"}),
}
# What Celery says before it ends by a message that it cannot read.
# Celery's: among its many digits have been those of a number.
_SECONDS_TAKEN = re.compile(r"succeeded in \d+\.\d+s")
_WORKER_CRASH = re.compile(r"Unrecoverable error: (\w*(?:Decode|Value|Key|Type|Attribute)Error)")
CONSENT = "ContactPointTypeConsent"
_RUN_FIELD = {"salesforce": "Phone_Hygiene_Run__c", "hubspot": "hygiene_run"}


class Checker:
    def __init__(
        self, environment: Environment, actors: Actors, schedule: Schedule, cap: int | None,
        subscriber: Subscriber | None, second: SecondAccounts | None = None,
        recipients: Recipients | None = None,
    ) -> None:  # fmt: skip
        self.environment = environment
        self.actors = actors
        self.crms = actors.records
        self.sandbox = actors.sandbox
        self.schedule = schedule
        self.cap = cap
        self.subscriber = subscriber
        self.second = second
        self.recipients = recipients

    # -- what is there ---------------------------------------------------------------------

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.environment.postgres.connect(self.environment.database) as connection:
            return list(connection.execute(query, values))

    def scalar(self, query: str, *values: Any) -> Any:
        return self.rows(query, *values)[0][0]

    def _lookup_affordable(self, number: str) -> bool:
        return self.cap is None

    def in_service(self, number: str) -> bool:
        return self.sandbox.network.line(number).in_plan

    def records(self) -> list[str]:
        """Promises 1, 6, 7, 8 and 9: each record says what it must, whatever happened."""
        truth = self.actors.truth
        self._drop_overwritten_clearings()

        def look() -> list[str]:
            problems = []
            for key in list(truth.typed):
                if key in truth.deleted or stop_came_late(self.crms.writes, key):
                    continue
                wanted = model.expected(truth, key, self.in_service, self._lookup_affordable)
                problems += [
                    f"{key.crm} {key.object} {key.id}: {difference}{self._statements_text(key)}"
                    for difference in model.differences(key, wanted, self.crms.current_values(key))
                ]
            return problems

        problems = self.sandbox.call(look)
        if self.second is not None:
            problems += self.second.records(truth, self.in_service, self._lookup_affordable)
        return problems

    def _drop_overwritten_clearings(self) -> None:
        for key, typed in list(self.actors.truth.typed.items()):
            number = next((phone.number for phone in typed.values() if phone.number), None)
            statements = self.actors.truth.statements.get(number or "", [])
            confirmed = any(statement.kind == "confirmed" for statement in statements)
            if confirmed and delivered_twice(self.crms.writes, key, WRONG_NUMBER[key.crm]):
                statements[:] = [
                    statement for statement in statements if statement.kind != "confirmed"
                ]
            reopened = any(statement.of == key for statement in statements)
            if reopened and delivered_twice(self.crms.writes, key, STOPS[key.crm][0]):
                statements[:] = [statement for statement in statements if statement.of != key]

    def _statements_text(self, key: Key) -> str:
        """Say what was said of a record's numbers, for whoever looks into a failure."""
        typed = self.actors.truth.typed[key].values()
        return "".join(
            f" [..{phone.number[-4:]}: "
            + ", ".join(f"{statement.kind} {statement.at % 1000:.2f}" for statement in statements)
            + "]"
            for phone in typed
            if phone.number and (statements := self.actors.truth.statements.get(phone.number))
        )

    def reports(self) -> list[str]:
        """What the product holds of the reports, for whoever looks into a failure."""
        return [
            f"report {' '.join(map(str, row))}"
            for row in self.rows(
                "SELECT right(number, 4), kind, extract(epoch FROM at)::numeric(20, 2) %% 1000, "
                "contact, reach, source, applied_at IS NOT NULL FROM feedback ORDER BY number, id"
            )
        ]

    def unfinished(self) -> list[str]:
        """What is still to be done, by the product's own tables (plain SQL)."""
        unfinished = self.recipients.unfinished() if self.recipients else []
        counts = {
            "reports not applied": "SELECT count(*) FROM feedback WHERE applied_at IS NULL",
            "deliveries pending": "SELECT count(*) FROM deliveries WHERE state = 'pending'",
            "runs under way": "SELECT count(*) FROM runs WHERE state = 'running'",
            "questions without an answer": "SELECT count(*) FROM unanswered "
            "WHERE number IN (SELECT number FROM contact_numbers)",
            "claims": "SELECT count(*) FROM claims",
            "consents not written": "SELECT count(*) FROM consent_writes "
            "WHERE state IN ('waiting', 'sending')",
            "consents of ours that came back (promise 19)": "SELECT count(*) FROM feedback "
            "WHERE key LIKE 'consent:%%'",
            "tasks not made": "SELECT count(*) FROM owner_tasks WHERE state = 'sending'",
            "events not delivered (promise 20)": "SELECT count(*) FROM event_deliveries "
            "WHERE state <> 'delivered'",
            "changes not announced (promise 20)": "SELECT count(*) FROM suppressions "
            "WHERE announced <> (CASE WHEN lifted_at IS NULL THEN channels ELSE '' END)",
        }
        if self.schedule.flavour == "stream":
            counts["pulls wanted"] = (
                "SELECT count(*) FROM stream_subscribers WHERE pull_at IS NOT NULL"
            )
        if self.cap is not None:
            del counts["questions without an answer"]
        if self.schedule.flavour == "deploy":  # neither is turned on
            del counts["consents not written"], counts["tasks not made"]
            del counts["consents of ours that came back (promise 19)"]
        together = self.rows("SELECT " + ", ".join(f"({query})" for query in counts.values()))[0]
        for what, count in zip(counts, together, strict=True):
            if count:
                unfinished.append(f"{count} {what}")
        if any("questions" in line for line in unfinished):
            for row in self.rows(
                "SELECT provider, package, reason, min(at), max(again_at), count(*) "
                "FROM unanswered GROUP BY provider, package, reason"
            ):
                unfinished.append(f"unanswered: {row}")
        if not any("runs under way" in line for line in unfinished):
            return unfinished
        for row in self.rows(
            "SELECT r.id, r.connector, r.kind, r.dry_run, r.read_all, r.reader_owner, "
            "(SELECT count(*) FROM pages p WHERE p.run_id = r.id AND p.state = 'stored'), "
            "(SELECT count(*) FROM deliveries d WHERE d.run_id = r.id AND d.state = 'pending'), "
            "(SELECT count(*) FROM touched t WHERE t.run_id = r.id) "
            "FROM runs r WHERE state = 'running'"
        ):
            unfinished.append(f"under way: {row}")
        return unfinished

    def synced_since(self, moment: float) -> bool:
        """Whether each CRM was read by a run that began after that; but for one whose changes come
        as events, which must do without."""
        opened = dict(self.rows(
            "SELECT connector, max(extract(epoch FROM opened_at)) FROM runs "
            "WHERE state = 'done' AND kind = 'sync' AND NOT dry_run GROUP BY connector"
        ))  # fmt: skip
        if self.schedule.flavour == "stream":
            opened.pop("salesforce", None)
        connections = 4 if self.second else 1 if self.schedule.flavour == "stream" else 2
        return len(opened) == connections and all(float(at) > moment for at in opened.values())

    # -- the promises ----------------------------------------------------------------------

    def typed_fields(self) -> Iterator[str]:
        """Promise 3: what people typed is as they typed it."""

        def look() -> list[str]:
            truth = self.actors.truth
            return [
                line for key in truth.typed if key not in truth.deleted
                for line in model.changed_phone_fields(truth, key, self.crms.current_values(key))
            ]  # fmt: skip

        second = self.second.typed_fields(self.actors.truth) if self.second else ()
        for line in (*self.sandbox.call(look), *second):
            yield f"promise 3: {line}"
        for write in self.crms.writes:
            if write.ours and set(write.values) & set(PHONE_FIELDS[write.key[:2]]):
                yield f"promise 3: we wrote {sorted(write.values)} to {write.key}"

    def money(self) -> Iterator[str]:
        """Promises 4 and 5."""
        charged = {number: n for (number, _), n in self.sandbox.twilio.charged.items()}
        answered: Counter[str] = Counter()
        lost: Counter[str] = Counter()
        for number, state, count in self.rows(
            "SELECT number, state, count(*) FROM lookups WHERE provider = 'twilio' GROUP BY 1, 2"
        ):
            (answered if state == "answered" else lost)[number] += count
        for number, times in charged.items():
            if times > answered[number] + lost[number]:
                yield (f"promise 4: ..{number[-4:]} was charged {times} times; known are "
                       f"{answered[number]} answers and {lost[number]} lost")  # fmt: skip
            if answered[number] > 1:
                yield f"promise 4: ..{number[-4:]} was answered and paid {answered[number]} times"
        spent, reserved = self.rows(
            "SELECT coalesce(sum(lookups), 0), coalesce(sum(reserved_lookups), 0) FROM spend"
        )[0]
        if reserved:
            yield f"promise 5: {reserved} lookups are reserved though nobody asks"
        if spent != answered.total() + lost.total():
            yield f"promise 5: {spent} lookups are booked, {answered.total() + lost.total()} known"
        if self.cap is not None and (sum(charged.values()) > self.cap or spent > self.cap):
            yield (f"promise 5: {sum(charged.values())} lookups were charged and {spent} booked "
                   f"under a cap of {self.cap}")  # fmt: skip

    def captures(self) -> Iterator[str]:
        """Promises 6 and 5: nobody is told while they type that a number in service is none, and a
        form costs no more than its key may, which anybody can read in its page."""
        for number, status in self.actors.verified:
            if status == "invalid" and self.in_service(number):
                yield f"promise 6: a form was told that ..{number[-4:]} is invalid"
        forms = {number_of("capture", place) for place in range(SIZES["capture"])}
        charged = sum(
            _PRICES[package] * times
            for (number, package), times in self.sandbox.twilio.charged.items()
            if number in forms
        )
        if charged > Decimal(FORM_BUDGET):
            yield f"promise 5: lookups of a form cost {charged}, under a budget of {FORM_BUDGET}"

    def messages(self) -> Iterator[str]:
        """Promise 12: each message once, none of a forger."""
        keys = Counter(
            re.sub(r":(wrong_number|opt_out|opt_in)$", "", key)
            for (key,) in self.rows("SELECT key FROM feedback")
            if key.startswith(("twilio:", "api:"))
        )
        taken = self.actors.truth.messages
        for key in taken - keys.keys():
            yield f"promise 12: the message {key[:20]} was acknowledged and is not there"
        for key, times in keys.items():
            if times > 1 or key not in taken:
                yield f"promise 12: {key[:20]} counts {times} times" + (
                    "" if key in taken else ", and nobody we know sent it"
                )
        if self.actors.truth.forged_accepted:
            yield f"promise 12: {self.actors.truth.forged_accepted} forged messages were accepted"

    def user_statements(self) -> Iterator[str]:
        """Promises 9 and 10: what passes for a person's word was one's; never a write of ours."""
        for contact, kind, count in self.rows(
            "SELECT contact, kind, count(*) FROM feedback WHERE source LIKE '%% user' GROUP BY 1, 2"
        ):
            if (contact, kind) not in self.actors.flagged:
                yield f"promise 10: {count} times {kind} on {contact}, which nobody said there"

    def events(self) -> Iterator[str]:
        """Promise 20: each change reaches the endpoint, in order for a number; the feed has no gap;
        and in the end the endpoint knows of each number what the list says."""
        if self.subscriber is None:
            return
        yield from self.subscriber.violations
        heard = {uid for uid, _ in self.subscriber.heard}
        order: dict[str, list[int]] = {}
        state: dict[str, bool] = {}
        for _, data in self.subscriber.heard:
            subject = data["number"] or data["contact"]
            if subject is None:
                continue
            known = order.setdefault(subject, [])
            if data["sequence"] not in known:
                if known and data["sequence"] < max(known):
                    yield f"promise 20: event {data['sequence']} of {subject[-4:]} came too late"
                known.append(data["sequence"])
            state[subject] = data["state"]["suppressed"]
        for uid, kind, number in self.rows("SELECT uid, type, number FROM events"):
            if uid not in heard:
                yield f"promise 20: the endpoint never heard of {kind} of {number[-4:]}"
        standing = {
            subject
            for (subject,) in self.rows(
                "SELECT CASE number WHEN '' THEN contact ELSE number END FROM suppressions "
                "WHERE lifted_at IS NULL"
            )
        }
        for subject in standing - state.keys():
            if subject and not subject.startswith("#"):
                yield f"promise 20: the endpoint never heard that {subject[-4:]} is suppressed"
        for subject, suppressed in state.items():
            if suppressed != (subject in standing):
                yield f"promise 20: the endpoint takes {subject[-4:]} for suppressed={suppressed}"
        self.subscriber.read_feed()
        read = [int(change["cursor"]) for change in self.subscriber.feed]
        kept = [place for (place,) in self.rows(
            "SELECT id FROM events WHERE type IN "
            "('number.suppressed', 'number.wrong', 'number.lifted') ORDER BY id"
        )]  # fmt: skip
        if read != kept[: len(read)]:
            yield f"promise 20: the feed was read as {len(read)} changes, with a gap or twice"

    def consents(self) -> Iterator[str]:
        """Promises 7 and 19: who has said stop has one consent record of ours that says so, and it
        comes back as nobody's word."""
        if self.schedule.flavour == "deploy":
            return
        org = self.sandbox.salesforce.org
        ours: dict[str, list[Any]] = {}
        for record in self.sandbox.call(lambda: list(org.tables[CONSENT].after_id(None))):
            ours.setdefault(record["PartyId"], []).append(record)
        for party, records in ours.items():
            if len(records) > 1:
                yield f"promise 4: {party} has {len(records)} consent records of ours"
        elsewhere = self.second.holders() if self.second else {}
        for key, party in self.crms.parties.items():
            if key in self.actors.truth.deleted or stop_came_late(self.crms.writes, key):
                continue
            wanted = model.expected(
                self.actors.truth, key, self.in_service, self._lookup_affordable
            )
            says = any(
                record["PrivacyConsentStatus"] == "OptOut" and not record.get("EffectiveTo")
                for record in ours.get(party, ())
            )
            refused = model.has_refused(self.actors.truth, key, elsewhere)
            if wanted.suppressed and not says and refused:
                yield f"promise 7: {key.object} {key.id} is stopped, and its consent says nothing"

    def workers(self) -> Iterator[str]:
        """Promise 10: no message ends a worker; and a full disk is a line, no traceback. And the
        worker of the version before has worked at all."""
        for log in sorted(self.environment.logs.glob("worker-*.log")):
            text = log.read_text("utf-8", "replace")
            for error in _WORKER_CRASH.findall(text):
                yield f"promise 10: a message has ended {log.stem}: {error}"
            if "DiskFull" in text:
                yield f"a full disk was a traceback in {log.stem}"

        old = [log.read_text("utf-8", "replace") for log in self.environment.logs.glob("old-*.log")]
        if self.schedule.flavour == "deploy" and not any("succeeded in" in text for text in old):
            last = "".join(old).strip().rpartition("\n")[2]
            yield f"the worker of the version before did nothing: {last[:200]}"

    def watermarks(self) -> Iterator[str]:
        """Promise 1: no watermark is ahead of what was read: at the latest it stands an overlap
        before its run's end, by the CRM's clock. (Whether anything was missed, the records say.)"""
        for connector, at, ended in self.rows(
            "SELECT w.connector, w.position, r.finished_at FROM watermarks w "
            "JOIN runs r ON r.id = w.run_id"
        ):
            latest = self.schedule.crm_skew - OVERLAP + 1.0
            if (at - ended).total_seconds() > latest:
                yield f"promise 1: {connector}'s watermark is ahead of its run"

    def limits(self) -> Iterator[str]:
        """Promise 11, where the CRM's limits are the true ones."""
        if self.schedule.flavour != "quota":
            return
        refused = self.sandbox.hubspot.refused["TEN_SECONDLY_ROLLING"]
        if refused > TOLERATED_REFUSALS:
            yield f"promise 11: HubSpot had to refuse {refused} calls over its limit"

    def privacy(self, redis_text: str, public_text: str) -> Iterator[str]:
        """Promise 13: no number, name, address or message in what was logged, or left in Redis."""
        logs = _SECONDS_TAKEN.sub("", self.environment.log_text())
        numbers = {
            form
            for typed in self.actors.truth.typed.values()
            for phone in typed.values()
            if phone.number
            for form in (phone.number[1:], phone.number[2:], phone.text.removeprefix("tel:"))
        }
        forms = (number_of("capture", place) for place in range(SIZES["capture"]))
        numbers |= {form for number in forms for form in (number[1:], number[2:])}
        words = {"Zebulon", "Quillfeather"}
        words |= self.recipients.links if self.recipients else set()
        words |= {email for email in self.crms.emails.values() if email}
        secrets = {"sandbox-twilio-auth-token", "chaos-client-secret", "chaos-admin-token",
                   "sandbox-consumer-secret", "sandbox-private-app-token", "00D5g",
                   "sandbox-mail-password"}  # fmt: skip
        for where, text, private in (
            ("the logs", logs, numbers | words | secrets),
            ("Redis", redis_text, numbers | words | secrets),
            ("an answer", public_text, numbers | words | secrets),
            ("a command's result", self.environment.output_text(), secrets),
        ):
            if leaked := next((word for word in sorted(private) if word in text), None):
                place = text.index(leaked)
                around = text[max(0, place - 120) : place + 40].replace("\n", " ")
                yield f"promise 13: {where} hold {leaked!r}: ... {around}"

    # -- what is tried once all is quiet ---------------------------------------------------

    def run_command(self, *argv: str) -> tuple[int, Any]:
        """Run a command of ours; return its exit code and its JSON.

        Where the calls of HubSpot's ten seconds are used up (by workers that were killed, too), the
        command says that it should be run again. Then it is, and what the first one did for the
        other connector counts.
        """
        code, result = self._run_json(*argv)
        if code == 1 and self.schedule.flavour == "quota":
            time.sleep(11)
            code, again = self._run_json(*argv)
            done = [run for run in self._runs(result) if run.get("state") == "done"]
            names = {run["connector"] for run in done}
            result = again
            if done:
                result = [
                    *done,
                    *(run for run in self._runs(again) if run["connector"] not in names),
                ]
        return code, result

    def _run_json(self, *argv: str) -> tuple[int, Any]:
        code, out = self.environment.command("worker", *argv)
        try:
            return code, json.loads(out or "[]")
        except json.JSONDecodeError:
            raise RuntimeError(f"{' '.join(argv)}: exit {code}, {out[:300]!r}") from None

    def unchanged(self) -> Iterator[str]:
        """Promise 2: a full pass over what has not changed writes and asks nothing."""
        yield from self._finish_interrupted_runs()
        before, charges = len(self.crms.writes), self.sandbox.twilio.charges
        for result in self._sync("--full"):
            if result["state"] != "done":
                yield f"promise 1: the last full sync of {result['connector']}: {result['error']}"
        wrote = self.crms.writes[before:]
        if wrote:
            names = sorted({name for write in wrote for name in write.values})
            yield f"promise 2: a sync of what had not changed wrote {len(wrote)} records: {names}"
        if self.cap is None and self.sandbox.twilio.charges != charges:
            yield "promise 2: a sync of what had not changed asked and paid"

    def _sync(self, *how: str) -> list[dict[str, Any]]:
        return self._runs(self.run_command("sync", *how, "--json")[1])

    @staticmethod
    def _runs(out: Any) -> list[dict[str, Any]]:
        return out if isinstance(out, list) else out.get("runs", [out])

    def _finish_interrupted_runs(self) -> Iterator[str]:
        """A run that began as all processes were killed is gone on with by the next sync, once
        its leases are over: it brings what it had read, and not what was edited since."""
        for _ in range(12):
            under_way = "state = 'running' AND kind = 'sync' AND NOT dry_run"
            if not self.scalar(f"SELECT count(*) FROM runs WHERE {under_way}"):
                return
            self.environment.command("worker", "sync", "--json")
            time.sleep(1)
        yield "promise 1: a run that was cut short is not gone on with"

    def dry_then_real(self) -> Iterator[str]:
        """Promises 14, 7 and 2: a dry run does nothing and says what a real one then does."""
        # What changes within a second of our own write waits until the overlap is over, by design.
        time.sleep(1.6)
        self.sandbox.call(self._last_edits)
        before, charges = len(self.crms.writes), self.sandbox.twilio.charges
        ahead = {run["connector"]: run for run in self._sync("--dry-run")}
        if len(self.crms.writes) != before:
            yield f"promise 14: a dry run wrote {len(self.crms.writes) - before} records"
        if self.sandbox.twilio.charges != charges:
            yield "promise 14: a dry run paid"
        real = {run["connector"]: run for run in self._sync()}
        for name, run in real.items():
            if (
                self.cap is None
                and ahead[name]["contacts"]["changed"] != run["contacts"]["written"]
            ):
                yield (f"promise 14: {name}: a dry run said {ahead[name]['contacts']['changed']} "
                       f"changes, {run['contacts']['written']} were made")  # fmt: skip
        for line in self.records():
            yield f"promise 7: after the last edits: {line}"
        self.last = {name: run["run"] for name, run in real.items()}

    def _last_edits(self) -> None:
        """New contacts with numbers of which something was said before; some are edited."""
        rng = self.actors.rng
        for pool in ("stop", "wrong", "plain"):
            pool_digit = {"stop": "3"}.get(pool, "4")
            reported = [n for n in self.actors.truth.statements if n[-4] == pool_digit]
            for number in reported[:2]:
                key = self.crms.create(rng, pool)
                first = PHONE_FIELDS[key[:2]][0]
                self.crms.act(key, {"set": {first: number}})
                phone = type(self._typed(key))(number, number)
                self.actors.truth.type_in(key, {first: phone})
        for _ in range(4):
            if picked := self.crms.pick():
                self.crms.edit(picked)

    def _typed(self, key: Key) -> Any:
        return next(iter(self.actors.truth.typed[key].values()))

    def undo(self) -> Iterator[str]:
        """Promise 3: an undo puts back exactly what its run wrote, but what was changed since."""
        undos_from = len(self.crms.writes)
        for connector, run_id in self._runs_to_undo():
            all_writes = list(self.crms.writes)
            touched = {
                write.key for write in all_writes
                if write.ours and write.key.crm == connector
                and write.values.get(_RUN_FIELD[connector]) == run_id
            }  # fmt: skip
            now = self.current_values(touched)
            wanted = after_undo.expected(all_writes, run_id, _RUN_FIELD[connector], now, undos_from)
            code, _ = self.run_command("runs", "undo", run_id, "--json")
            if code not in (0, 1):
                yield f"promise 3: runs undo {run_id} ended with {code}"
                continue
            current = self.current_values(touched)
            truth = self.actors.truth
            stopped = set()
            for key in touched - truth.deleted:
                expected = model.expected(truth, key, self.in_service, self._lookup_affordable)
                if not expected.is_plain:
                    stopped.add(key)
                for line in model.missing_stops(key, expected, current[key]):
                    yield f"promise 3: undone, {key.crm} {key.id} may be contacted again: {line}"
            for (key, name), value in wanted.items():
                # Of a record that a report is about, what the report demands stays.
                if key in truth.deleted or (
                    key in stopped and name not in _UNDEMANDED_FIELDS[key.crm]
                ):
                    continue
                if after_undo.normalized(current[key].get(name)) != after_undo.normalized(value):
                    yield (f"promise 3: undone, {key.crm} {key.id} has {name} = "
                           f"{current[key].get(name)!r}, before the run it was "
                           f"{value!r}")  # fmt: skip
                    self._note_history(key, name, run_id)

    def current_values(self, keys: set[Key]) -> dict[Key, dict[str, Any]]:
        return self.sandbox.call(lambda: {key: dict(self.crms.current_values(key)) for key in keys})

    def _note_history(self, key: Key, name: str, run_id: str) -> None:
        """All writes to a field, for whoever looks into a failure."""
        seen = [
            f"{'ours ' + str(w.values.get(_RUN_FIELD[key.crm])) if w.ours else 'a person'}: "
            f"{w.before.get(name)!r} -> {w.values.get(name)!r}"
            for w in self.crms.writes
            if w.key == key and name in w.values
        ]
        kept = self.rows(
            "SELECT id, run_id, page_id, state, before::text, after::text, at FROM writes "
            "WHERE record_id = %s ORDER BY id", key.id,
        )  # fmt: skip
        with (self.environment.logs / "history.txt").open("a") as file:
            print(f"undo of {run_id}: {key} {name}", *seen, *kept, sep="\n  ", file=file)

    def _runs_to_undo(self) -> list[tuple[str, str]]:
        rows = self.rows(
            "SELECT r.connector, r.id FROM runs r JOIN writes w ON w.run_id = r.id "
            "WHERE r.state = 'done' AND NOT r.dry_run AND r.kind <> 'undo' "
            "GROUP BY r.connector, r.id ORDER BY count(*) DESC LIMIT 1"
        )
        runs = [(str(connector), str(run)) for connector, run in rows]
        runs += [item for item in getattr(self, "last", {}).items() if item not in runs]
        # What was written to the second accounts is not recorded.
        return [(connector, run) for connector, run in runs if connector in _RUN_FIELD]

    def reserve(self) -> Iterator[str]:
        """Promise 11: at the share that is left to others a run stops."""
        hubspot = self.sandbox.hubspot
        limit = hubspot.daily_limit
        hubspot.used = int(limit * 0.8) - 3
        self.environment.command("worker", "sync", "hubspot", "--full", "--json")
        # The few calls that are no reading or writing (describe, checks) are made all the same.
        if hubspot.used > limit * 0.8 + 4:
            yield (f"promise 11: {hubspot.used} of {limit} calls were used, though a fifth "
                   "is left to others")  # fmt: skip
        hubspot.used = 0


def wait_until_consistent(checker: Checker, seconds: float) -> list[str]:
    """Wait until all is done and every record is right; return what is wrong in the end."""
    end = time.monotonic() + seconds
    while True:
        wrong: list[str] = ["messages are not acknowledged"] if checker.actors.senders.busy else []
        try:
            wrong = wrong or checker.unfinished()
            if not wrong and not checker.synced_since(checker.actors.truth.last_change):
                wrong = ["no sync began since the last change"]
        except Exception as error:
            wrong = [f"the database: {type(error).__name__}"]
        wrong = wrong or checker.records()
        if not wrong:
            return []
        if time.monotonic() > end:
            wrong = [*dict.fromkeys([*checker.records(), *wrong])]  # what is wrong, before why
            return sorted(wrong, key=lambda line: "promise" not in line)
        time.sleep(0.2)
