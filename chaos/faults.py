"""Faults in processes, the queue, the database, the CRMs and the lookup service.

`Faults` has a method for each kind of `plan.FAULTS`, `STREAM_FAULTS` and `ASK_FAULTS`.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from typing import Any

import grpc
import psutil
import psycopg
import redis

from chaos.actors import Actors
from chaos.environment import Environment, Process, until
from chaos.subscriber import Subscriber
from sandbox.mail import MailServer
from sandbox.run import Sandbox
from sandbox.salesforce.pubsub.server import PubSubService
from sandbox.service import Fault, Service

READ = {
    "salesforce": r"GET .*/query",
    "hubspot": r"GET /crm/objects/2026-09/contacts\?|POST .*/contacts/(search|batch/read)",
}
WRITE = {"salesforce": r"PATCH .*/composite/sobjects", "hubspot": r"POST .*/contacts/batch/update"}
LOOKUP = r"/v2/"
TEXT = r"POST .*/Messages\.json"
# What a mail server may say at each step (RFC 5321, 4.2.3 and 4.3.2).
MAIL_CODES = {
    "CONNECT": (421, 554), "EHLO": (421,), "MAIL": (421, 451, 452),
    "RCPT": (421, 450, 451, 452, 550), "DATA": (421, 451, 554), "END": (421, 451, 452, 552, 554),
}  # fmt: skip
_MALFORMED: tuple[str | bytes, ...] = (
    "{not json", "", "[]", "17", '{"body": "x"}', b"\xff\xfe", '{"properties": {}, "headers": []}',
    '{"__type__": "datetime", "__value__": "never"}', "[" * 50_000,
)  # fmt: skip
_TABLES = ("pages", "runs", "contacts", "feedback", "deliveries", "claims", "writes")


class Faults:
    def __init__(
        self, environment: Environment, actors: Actors, subscriber: Subscriber | None,
        second: Sandbox | None = None, mail: MailServer | None = None,
    ) -> None:  # fmt: skip
        self.environment = environment
        self.actors = actors
        self.subscriber = subscriber
        self.sandbox = actors.sandbox
        self.second = second  # further accounts of the same CRMs
        self._mail = mail
        self.ended = threading.Event()
        self.injected: list[str] = []
        self.violations: list[str] = []  # broken promises that a fault saw itself
        self._threads: list[threading.Thread] = []

    def inject(self, kind: str, seed: int) -> None:
        """Start a fault in a thread of its own."""
        rng = random.Random(seed)
        self.injected.append(kind)

        def strike() -> None:
            with contextlib.suppress(psycopg.Error, psutil.NoSuchProcess):
                getattr(self, kind)(rng)

        thread = threading.Thread(target=strike, daemon=True, name=kind)
        thread.start()
        self._threads.append(thread)

    def heal(self) -> None:
        """End all faults, and start every process that died."""
        self.ended.set()
        for thread in self._threads:
            thread.join(30)
        for service in (
            self.sandbox.salesforce, self.sandbox.hubspot, self.sandbox.twilio,
            self.sandbox.messages,
        ):  # fmt: skip
            service.faults.clear()
        if self.second is not None:
            self.second.salesforce.faults.clear()
            self.second.hubspot.faults.clear()
        if self._mail is not None:
            self._mail.faults.clear()
        if self.subscriber is not None:
            self.subscriber.away, self.subscriber.drops = 0.0, 0
        if self.sandbox.pubsub is not None:
            self.sandbox.pubsub.refuse_with = None
        if not self.environment.postgres.is_up():
            self.environment.postgres.start()
        for process in list(self.environment.processes):
            if process.alive:
                process.signal(signal.SIGCONT)
            else:
                self.environment.restart(process)

    # -- processes -------------------------------------------------------------------------

    def _pick(self, rng: random.Random, *roles: str) -> Process | None:
        processes = self.environment.with_role(*roles)
        return rng.choice(processes) if processes else None

    def _kill(self, process: Process | None, rng: random.Random) -> None:
        if process is not None:
            process.kill()
            self._wait(rng.uniform(0.1, 1.0))
            if not process.alive and process in self.environment.processes:
                self.environment.restart(process)

    def _wait(self, seconds: float) -> None:
        self.ended.wait(seconds)

    def kill_worker(self, rng: random.Random) -> None:
        self._kill(self._pick(rng, "worker", "old"), rng)

    def kill_beat(self, rng: random.Random) -> None:
        self._kill(self._pick(rng, "beat"), rng)

    def kill_web(self, rng: random.Random) -> None:
        self._kill(self._pick(rng, "web"), rng)

    def kill_child(self, rng: random.Random) -> None:
        """The process that does the work, not its supervisor."""
        process = self._pick(rng, "worker", "old")
        children = process.process_tree()[1:] if process else []
        if children:
            rng.choice(children).kill()

    def kill_all(self, rng: random.Random) -> None:
        """The machine loses its power."""
        victims = self.environment.with_role("worker", "beat", "web", "old", "stream")
        for process in victims:
            process.kill()
        self._wait(rng.uniform(0.2, 1.0))
        for process in victims:
            if process in self.environment.processes:
                self.environment.restart(process)

    def stop_worker(self, rng: random.Random) -> None:
        """As a deploy does: told to end, and another one comes up."""
        process = self._pick(rng, "worker", "old")
        if process is not None and (process_tree := process.process_tree()):
            process_tree[0].send_signal(signal.SIGTERM)
            self.environment.start_process(process.role, process.argv, **process.overrides)
            self.environment.processes.remove(process)
            self._wait(8)
            process.kill()

    def stop_group(self, rng: random.Random) -> None:
        """As a service manager stops a service: the worker and its children are told at once."""
        process = self._pick(rng, "worker")
        if process is not None:
            process.signal(signal.SIGTERM)
            try:  # whether the campaign is over meanwhile or not
                until(lambda: not process.alive, 6, process.name)
            except TimeoutError:
                self.violations.append("a worker did not end within 6 s of SIGTERM")
                process.kill()
            with contextlib.suppress(ValueError):  # another fault has started it again
                self.environment.restart(process)

    def stop_command(self, rng: random.Random) -> None:
        """Somebody stops a sync in their terminal, at whatever moment."""
        kind = rng.choice(("salesforce", "hubspot"))
        # It must not end before it is told to: the CRM takes its time, longer than our time-out.
        service: Service = getattr(self.sandbox, kind)
        service.faults.append(Fault(READ[kind], "delay", seconds=4.0, times=3))
        dry = ["--dry-run"] if rng.random() < 0.7 else []  # it goes on beside the workers' runs
        command = self.environment.start_command("worker", "sync", kind, "--full", "--json", *dry)
        code = command.wait(rng.uniform(0.5, 2.0))
        if code is None:
            signalled = time.monotonic()
            os.kill(command.pid, rng.choice((signal.SIGINT, signal.SIGTERM)))
            code = command.wait(8)
            if code in (0, 1) and time.monotonic() - signalled > 2.5:
                self.violations.append("a sync went on after a signal")
        log = command.log.read_text()
        if code is None:
            self.violations.append("a sync did not end within 8 s of a signal")
            os.kill(command.pid, signal.SIGKILL)
        elif code == -1 and log.startswith("stopped"):
            code = 130  # it ended at once, and past the fork server
        elif code not in (0, 1, 2, 130):
            self.violations.append(f"a sync that was stopped ended with exit code {code}")
        if code == 130 and command.out.read_text():
            self.violations.append("a sync that was stopped printed a result")
        if "Traceback" in log or "after shutdown" in log:
            self.violations.append(f"a sync that was stopped said: {log[-300:]}")

    def malformed(self, rng: random.Random) -> None:
        """Somebody else writes to our Redis."""
        for text in rng.sample(_MALFORMED, 3):
            with contextlib.suppress(redis.RedisError):
                self.environment.redis.client().lpush(
                    rng.choice(("reports", "runs", "pages")), text
                )
            self._wait(0.2)

    def freeze_worker(self, rng: random.Random) -> None:
        """Stopped for longer than its leases last; then it goes on as if nothing had happened."""
        process = self._pick(rng, "worker", "old")
        if process is not None:
            process.signal(signal.SIGSTOP)
            self._wait(rng.uniform(2.0, 6.0))
            process.signal(signal.SIGCONT)

    def second_beat(self, _rng: random.Random) -> None:
        process = self._pick(random.Random(0), "beat")
        if process is not None:
            self.environment.start_process("beat", process.argv)

    def _kill_at(
        self, service: Service | MailServer, match: str, kind: str, rng: random.Random
    ) -> None:
        """Kill all workers while a call of theirs is under way."""
        fault = Fault(match, kind, seconds=1.2, nth=rng.randint(1, 2))
        service.faults.append(fault)
        while not fault.hits:
            if self.ended.is_set():
                return
            time.sleep(0.005)
        time.sleep(rng.uniform(0.0, 0.15))
        victims = self.environment.with_role("worker", "old")
        for process in victims:
            process.kill()
        self._wait(rng.uniform(0.05, 0.6))
        for process in victims:
            if process in self.environment.processes:
                self.environment.restart(process)

    def _crm(self, rng: random.Random) -> tuple[str, Service]:
        name = rng.choice(("salesforce", "hubspot"))
        sandbox = self.sandbox
        if self.second is not None:
            sandbox = rng.choice((sandbox, self.second))
        return name, getattr(sandbox, name)

    def kill_before_write(self, rng: random.Random) -> None:
        name, service = self._crm(rng)
        self._kill_at(service, WRITE[name], "delay", rng)

    def kill_after_write(self, rng: random.Random) -> None:
        """Between the CRM's write and our record of it."""
        name, service = self._crm(rng)
        self._kill_at(service, WRITE[name], "delay_after", rng)

    def kill_at_read(self, rng: random.Random) -> None:
        name, service = self._crm(rng)
        self._kill_at(service, READ[name], "delay_after", rng)

    def kill_at_lookup(self, rng: random.Random) -> None:
        self._kill_at(self.sandbox.twilio, LOOKUP, "delay_after", rng)

    # -- texts to customers ----------------------------------------------------------------

    def kill_at_text(self, rng: random.Random) -> None:
        """Between the vendor's taking a text and our record of it."""
        self._kill_at(self.sandbox.messages, TEXT, "delay_after", rng)

    def kill_before_text(self, rng: random.Random) -> None:
        self._kill_at(self.sandbox.messages, TEXT, "delay", rng)

    def text_status(self, rng: random.Random) -> None:
        status = rng.choice((429, 500, 503))
        headers = {"Retry-After": "1"} if status == 429 else {}
        self._text_fault("status", rng, status=status, headers=headers)

    def text_drop_after(self, rng: random.Random) -> None:
        self._text_fault(rng.choice(("drop_after", "truncate", "page")), rng)

    def _text_fault(self, kind: str, rng: random.Random, **options: Any) -> None:
        self._inject_http_fault(self.sandbox.messages, TEXT, kind, rng, **options)

    # -- emails to customers ---------------------------------------------------------------

    @property
    def mail(self) -> MailServer:
        assert self._mail is not None
        return self._mail

    def kill_at_mail(self, rng: random.Random) -> None:
        """Between the mail server's taking an email and our record of it."""
        self._kill_at(self.mail, "^END", "delay_after", rng)

    def kill_before_mail(self, rng: random.Random) -> None:
        self._kill_at(self.mail, rng.choice(("^RCPT", "^DATA")), "delay", rng)

    def mail_status(self, rng: random.Random) -> None:
        step = rng.choice(list(MAIL_CODES))
        self._inject_http_fault(
            self.mail, f"^{step}", "status", rng, status=rng.choice(MAIL_CODES[step])
        )

    def mail_lost(self, rng: random.Random) -> None:
        """The connection ends; mostly after the data, so that nobody knows what became of it."""
        step = rng.choice(("END", "END", "END", *MAIL_CODES))
        kind = rng.choice(("drop", "drop_after"))
        self._inject_http_fault(self.mail, f"^{step}", kind, rng)

    def mail_late(self, rng: random.Random) -> None:
        """Later than we wait for an answer."""
        step, kind = rng.choice(("MAIL", "RCPT", "END")), rng.choice(("delay", "delay_after"))
        self._inject_http_fault(self.mail, f"^{step}", kind, rng, seconds=2.6)

    def mail_away(self, rng: random.Random) -> None:
        fault = Fault("^CONNECT", rng.choice(("drop", "status")), status=421, times=10**6)
        self.mail.faults.append(fault)
        self._wait(rng.uniform(1.0, 3.0))
        fault.times = 0

    def mail_login(self, rng: random.Random) -> None:
        """Our login is refused for a while, for good or for the moment."""
        code = rng.choice((454, 535))
        fault = Fault("^AUTH", "status", status=code, times=10**6)
        self.mail.faults.append(fault)
        self._wait(rng.uniform(0.5, 2.0))
        fault.times = 0

    # -- the queue -------------------------------------------------------------------------

    def redis_flush(self, _rng: random.Random) -> None:
        self.environment.redis.flush()

    def redis_restart(self, rng: random.Random) -> None:
        self.environment.redis.restart(rng.uniform(0.1, 1.5))

    def redis_pause(self, rng: random.Random) -> None:
        with self.environment.redis.paused():
            self._wait(rng.uniform(0.5, 3.0))

    # -- the database ----------------------------------------------------------------------

    def pg_cut(self, _rng: random.Random) -> None:
        self.environment.postgres.terminate_connections(self.environment.database)

    def pg_restart(self, _rng: random.Random) -> None:
        self.environment.postgres.stop("fast")
        self.environment.postgres.start()

    def pg_crash(self, rng: random.Random) -> None:
        self.environment.postgres.stop("immediate")
        self._wait(rng.uniform(0.1, 1.5))
        self.environment.postgres.start()

    def pg_full(self, rng: random.Random) -> None:
        if not self.environment.postgres.own_disk:
            return
        self.environment.postgres.fill_disk()
        try:
            self._wait(rng.uniform(0.5, 2.0))
        finally:
            self.environment.postgres.free_disk()

    def pg_lock(self, rng: random.Random) -> None:
        """Somebody looks at a table and holds it for a while."""
        with (
            self.environment.postgres.connect(self.environment.database) as other,
            other.transaction(),
        ):
            other.execute(f"LOCK TABLE {rng.choice(_TABLES)} IN ACCESS EXCLUSIVE MODE")
            self._wait(rng.uniform(0.3, 2.0))

    def pg_deadlock(self, rng: random.Random) -> None:
        """Somebody takes rows in another order than we do, over and over."""
        end = time.monotonic() + 2.0
        while time.monotonic() < end and not self.ended.is_set():
            first, second = rng.sample(_TABLES, 2)
            with (
                contextlib.suppress(psycopg.errors.DeadlockDetected),
                self.environment.postgres.connect(self.environment.database) as other,
                other.transaction(),
            ):
                other.execute(f"LOCK TABLE {first} IN SHARE ROW EXCLUSIVE MODE")
                time.sleep(0.05)
                other.execute(f"LOCK TABLE {second} IN SHARE ROW EXCLUSIVE MODE")

    # -- the CRMs --------------------------------------------------------------------------

    def _inject_http_fault(
        self,
        service: Service | MailServer,
        match: str,
        kind: str,
        rng: random.Random,
        **options: Any,
    ) -> None:
        times = rng.randint(1, 5)
        fault = Fault(match, kind, times=times, probability=rng.choice((0.5, 1.0)),
                      seed=rng.randrange(2**32), **options)  # fmt: skip
        service.faults.append(fault)

    def _crm_fault(self, kind: str, rng: random.Random, **options: Any) -> None:
        name, service = self._crm(rng)
        self._inject_http_fault(service, rng.choice((READ, WRITE))[name], kind, rng, **options)

    def crm_status(self, rng: random.Random) -> None:
        status = rng.choice((429, 429, 500, 502, 503, 504))
        headers = {"Retry-After": "1"} if status == 429 else {}
        self._crm_fault("status", rng, status=status, headers=headers)

    def crm_drop(self, rng: random.Random) -> None:
        self._crm_fault("drop", rng)

    def crm_drop_after(self, rng: random.Random) -> None:
        self._crm_fault("drop_after", rng)

    def crm_truncate(self, rng: random.Random) -> None:
        self._crm_fault("truncate", rng)

    def crm_late(self, rng: random.Random) -> None:
        """Later than we wait for an answer."""
        self._crm_fault(rng.choice(("delay", "delay_after")), rng, seconds=2.6)

    def crm_page(self, rng: random.Random) -> None:
        self._crm_fault("page", rng)

    def crm_reorder(self, rng: random.Random) -> None:
        name, service = self._crm(rng)
        self._inject_http_fault(service, READ[name], "reorder", rng)

    def crm_repeat(self, rng: random.Random) -> None:
        name, service = self._crm(rng)
        self._inject_http_fault(service, READ[name], "repeat", rng)

    def crm_session(self, rng: random.Random) -> None:
        """The session ends while it is used."""
        self.sandbox.call(self.sandbox.salesforce.tokens.clear)

    def crm_away(self, rng: random.Random) -> None:
        _name, service = self._crm(rng)
        fault = Fault(r"/(services|crm)/", "status", status=503, times=10**6)
        service.faults.append(fault)
        self._wait(rng.uniform(1.0, 3.0))
        fault.times = 0

    # -- the lookups -----------------------------------------------------------------------

    def _lookup(self, kind: str, rng: random.Random, **options: Any) -> None:
        self._inject_http_fault(self.sandbox.twilio, LOOKUP, kind, rng, **options)

    def lookup_status(self, rng: random.Random) -> None:
        self._lookup("status", rng, status=rng.choice((429, 500, 503)))

    def lookup_drop_after(self, rng: random.Random) -> None:
        self._lookup(rng.choice(("drop_after", "truncate", "drop")), rng)

    def lookup_late(self, rng: random.Random) -> None:
        self._lookup("delay_after", rng, seconds=1.6)

    def lookup_page(self, rng: random.Random) -> None:
        self._lookup("page", rng)

    def lookup_key(self, rng: random.Random) -> None:
        """Our key is refused for a while."""
        saved = dict(self.sandbox.twilio.logins)
        self.sandbox.twilio.logins.clear()
        try:
            self._wait(rng.uniform(0.5, 2.0))
        finally:
            self.sandbox.twilio.logins.update(saved)

    # -- the endpoint of events ------------------------------------------------------------

    def endpoint_away(self, rng: random.Random) -> None:
        if self.subscriber is not None:
            self.subscriber.away = time.monotonic() + rng.uniform(0.5, 3.0)

    def endpoint_drop(self, rng: random.Random) -> None:
        """It takes what it is sent, and its answer is lost."""
        if self.subscriber is not None:
            self.subscriber.drops = rng.randint(1, 6)

    # -- change events ---------------------------------------------------------------------

    def kill_stream(self, rng: random.Random) -> None:
        self._kill(self._pick(rng, "stream"), rng)

    def second_stream(self, rng: random.Random) -> None:
        """Another one stands by, on this machine."""
        process = self._pick(rng, "stream")
        if process is not None:
            self.environment.start_process("stream", process.argv)

    def stream_cut(self, _rng: random.Random) -> None:
        self._pubsub.cut()

    def stream_away(self, rng: random.Random) -> None:
        """The service refuses all calls, and its streams end."""
        self._pubsub.refuse_with = grpc.StatusCode.UNAVAILABLE
        self._pubsub.cut()
        self._wait(rng.uniform(0.5, 2.5))
        self._pubsub.refuse_with = None

    def stream_lost(self, rng: random.Random) -> None:
        """Its events are purged while nobody hears them, as after three days; a record is changed
        in between. Where no event is purged that we lack, nothing tells of a loss."""
        self._pubsub.refuse_with = grpc.StatusCode.UNAVAILABLE
        self._pubsub.cut()
        self._wait(rng.uniform(0.3, 1.5))
        self.sandbox.call(lambda: self.actors.records.edit_in("salesforce"))
        self._pubsub.bus.forget()
        self._pubsub.refuse_with = None

    def stream_gap(self, _rng: random.Random) -> None:
        """A record changes, and all that is told is that one of its kind did."""
        entity = self.sandbox.call(self._edit_unheard)
        self._pubsub.bus.gap(entity)

    def stream_overflow(self, _rng: random.Random) -> None:
        entity = self.sandbox.call(self._edit_unheard)
        self._pubsub.bus.overflow(entity)

    def _edit_unheard(self) -> str:
        """Somebody edits a record of Salesforce, and no event tells of it; return its object."""
        bus = self._pubsub.bus
        bus.silent = True
        try:
            return self.actors.records.edit_in("salesforce")
        finally:
            bus.silent = False

    @property
    def _pubsub(self) -> PubSubService:
        assert self.sandbox.pubsub is not None
        return self.sandbox.pubsub

    # -- what an attack found --------------------------------------------------------------

    def crm_drips(self, rng: random.Random) -> None:
        """A byte now and then, each within the time-out of a read, and never the whole."""
        how = rng.choice(("", "body"))
        self._crm_fault("drip", rng, seconds=rng.choice((0.5, 1.5)), how=how)
