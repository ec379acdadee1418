"""What goes wrong: each fault strikes a process, the queue, the database, a CRM or the lookups."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from typing import Any

import psutil
import psycopg
import redis

from chaos.house import House, Proc, until
from sandbox.run import Sandbox
from sandbox.service import Fault, Service

READ = {
    "salesforce": r"GET .*/query",
    "hubspot": r"GET /crm/objects/2026-09/contacts\?|POST .*/contacts/(search|batch/read)",
}
WRITE = {"salesforce": r"PATCH .*/composite/sobjects", "hubspot": r"POST .*/contacts/batch/update"}
LOOKUP = r"/v2/"
_MALFORMED: tuple[str | bytes, ...] = (
    "{not json", "", "[]", "17", '{"body": "x"}', b"\xff\xfe", '{"properties": {}, "headers": []}',
    '{"__type__": "datetime", "__value__": "never"}', "[" * 50_000,
)  # fmt: skip
_TABLES = ("pages", "runs", "contacts", "feedback", "deliveries", "claims", "writes")


class Faults:
    def __init__(self, house: House, sandbox: Sandbox) -> None:
        self.house = house
        self.sandbox = sandbox
        self.over = threading.Event()
        self.struck: list[str] = []
        self.wrong: list[str] = []  # what a fault itself has seen that must not be
        self._threads: list[threading.Thread] = []

    def strike(self, kind: str, seed: int) -> None:
        """Begin a fault; those that take time go on beside the others."""
        dice = random.Random(seed)
        self.struck.append(kind)

        def striking() -> None:
            with contextlib.suppress(psycopg.Error, psutil.NoSuchProcess):
                getattr(self, kind)(dice)

        thread = threading.Thread(target=striking, daemon=True, name=kind)
        thread.start()
        self._threads.append(thread)

    def heal(self) -> None:
        """All is well again, and every process that died is started anew."""
        self.over.set()
        for thread in self._threads:
            thread.join(30)
        for service in (self.sandbox.salesforce, self.sandbox.hubspot, self.sandbox.twilio):
            service.faults.clear()
        if not self.house.postgres.answers():
            self.house.postgres.start()
        for proc in list(self.house.procs):
            if proc.alive:
                proc.signal(signal.SIGCONT)
            else:
                self.house.again(proc)

    # -- processes -------------------------------------------------------------------------

    def _pick(self, dice: random.Random, *roles: str) -> Proc | None:
        found = self.house.with_role(*roles)
        return dice.choice(found) if found else None

    def _kill(self, proc: Proc | None, dice: random.Random) -> None:
        if proc is not None:
            proc.kill()
            self._wait(dice.uniform(0.1, 1.0))
            if not proc.alive and proc in self.house.procs:
                self.house.again(proc)

    def _wait(self, seconds: float) -> None:
        self.over.wait(seconds)

    def kill_worker(self, dice: random.Random) -> None:
        self._kill(self._pick(dice, "worker", "old"), dice)

    def kill_beat(self, dice: random.Random) -> None:
        self._kill(self._pick(dice, "beat"), dice)

    def kill_web(self, dice: random.Random) -> None:
        self._kill(self._pick(dice, "web"), dice)

    def kill_child(self, dice: random.Random) -> None:
        """The process that does the work, not its supervisor."""
        proc = self._pick(dice, "worker", "old")
        children = proc.family()[1:] if proc else []
        if children:
            dice.choice(children).kill()

    def kill_all(self, dice: random.Random) -> None:
        """The machine loses its power."""
        victims = self.house.with_role("worker", "beat", "web", "old")
        for proc in victims:
            proc.kill()
        self._wait(dice.uniform(0.2, 1.0))
        for proc in victims:
            if proc in self.house.procs:
                self.house.again(proc)

    def stop_worker(self, dice: random.Random) -> None:
        """As a deploy does: told to end, and another one comes up."""
        proc = self._pick(dice, "worker", "old")
        if proc is not None and (family := proc.family()):
            family[0].send_signal(signal.SIGTERM)
            self.house.start(proc.role, proc.argv, **proc.world)
            self.house.procs.remove(proc)
            self._wait(8)
            proc.kill()

    def stop_group(self, dice: random.Random) -> None:
        """As a service manager stops a service: the worker and its children are told at once."""
        proc = self._pick(dice, "worker")
        if proc is not None:
            proc.signal(signal.SIGTERM)
            try:  # whether the campaign is over meanwhile or not
                until(lambda: not proc.alive, 6, proc.name)
            except TimeoutError:
                self.wrong.append("a worker did not end within 6 s of SIGTERM")
                proc.kill()
            with contextlib.suppress(ValueError):  # another fault has started it again
                self.house.again(proc)

    def stop_command(self, dice: random.Random) -> None:
        """Somebody stops a sync in their terminal, at whatever moment."""
        kind = dice.choice(("salesforce", "hubspot"))
        # It must not end before it is told to: the CRM takes its time, longer than our time-out.
        service: Service = getattr(self.sandbox, kind)
        service.faults.append(Fault(READ[kind], "delay", seconds=4.0, times=3))
        dry = ["--dry-run"] if dice.random() < 0.7 else []  # it goes on beside the workers' runs
        command = self.house.begin_command("worker", "sync", kind, "--full", "--json", *dry)
        code = command.wait(dice.uniform(0.5, 2.0))
        if code is None:
            told = time.monotonic()
            os.kill(command.pid, dice.choice((signal.SIGINT, signal.SIGTERM)))
            code = command.wait(8)
            if code in (0, 1) and time.monotonic() - told > 2.5:
                self.wrong.append("a sync went on after a signal")
        said = command.log.read_text()
        if code is None:
            self.wrong.append("a sync did not end within 8 s of a signal")
            os.kill(command.pid, signal.SIGKILL)
        elif code == -1 and said.startswith("stopped"):
            code = 130  # it ended at once, and past the zygote
        elif code not in (0, 1, 2, 130):
            self.wrong.append(f"a sync that was stopped ended with exit code {code}")
        if code == 130 and command.out.read_text():
            self.wrong.append("a sync that was stopped printed a result")
        if "Traceback" in said or "after shutdown" in said:
            self.wrong.append(f"a sync that was stopped said: {said[-300:]}")

    def malformed(self, dice: random.Random) -> None:
        """Somebody else writes to our Redis."""
        for text in dice.sample(_MALFORMED, 3):
            with contextlib.suppress(redis.RedisError):
                self.house.redis.client().lpush(dice.choice(("reports", "runs", "pages")), text)
            self._wait(0.2)

    def freeze_worker(self, dice: random.Random) -> None:
        """Stopped for longer than its leases last; then it goes on as if nothing had happened."""
        proc = self._pick(dice, "worker", "old")
        if proc is not None:
            proc.signal(signal.SIGSTOP)
            self._wait(dice.uniform(2.0, 6.0))
            proc.signal(signal.SIGCONT)

    def second_beat(self, _dice: random.Random) -> None:
        proc = self._pick(random.Random(0), "beat")
        if proc is not None:
            self.house.start("beat", proc.argv)

    def _kill_at(self, service: Service, match: str, kind: str, dice: random.Random) -> None:
        """Kill all workers while a call of theirs is under way."""
        fault = Fault(match, kind, seconds=1.2, nth=dice.randint(1, 2))
        service.faults.append(fault)
        while not fault.hits:
            if self.over.is_set():
                return
            time.sleep(0.005)
        time.sleep(dice.uniform(0.0, 0.15))
        victims = self.house.with_role("worker", "old")
        for proc in victims:
            proc.kill()
        self._wait(dice.uniform(0.05, 0.6))
        for proc in victims:
            if proc in self.house.procs:
                self.house.again(proc)

    def _crm(self, dice: random.Random) -> tuple[str, Service]:
        name = dice.choice(("salesforce", "hubspot"))
        return name, getattr(self.sandbox, name)

    def kill_before_write(self, dice: random.Random) -> None:
        name, service = self._crm(dice)
        self._kill_at(service, WRITE[name], "delay", dice)

    def kill_after_write(self, dice: random.Random) -> None:
        """Between the CRM's write and our record of it."""
        name, service = self._crm(dice)
        self._kill_at(service, WRITE[name], "delay_after", dice)

    def kill_at_read(self, dice: random.Random) -> None:
        name, service = self._crm(dice)
        self._kill_at(service, READ[name], "delay_after", dice)

    def kill_at_lookup(self, dice: random.Random) -> None:
        self._kill_at(self.sandbox.twilio, LOOKUP, "delay_after", dice)

    # -- the queue -------------------------------------------------------------------------

    def redis_flush(self, _dice: random.Random) -> None:
        self.house.redis.flush()

    def redis_restart(self, dice: random.Random) -> None:
        self.house.redis.restart(dice.uniform(0.1, 1.5))

    def redis_pause(self, dice: random.Random) -> None:
        with self.house.redis.paused():
            self._wait(dice.uniform(0.5, 3.0))

    # -- the database ----------------------------------------------------------------------

    def pg_cut(self, _dice: random.Random) -> None:
        self.house.postgres.cut(self.house.database)

    def pg_restart(self, _dice: random.Random) -> None:
        self.house.postgres.stop("fast")
        self.house.postgres.start()

    def pg_crash(self, dice: random.Random) -> None:
        self.house.postgres.stop("immediate")
        self._wait(dice.uniform(0.1, 1.5))
        self.house.postgres.start()

    def pg_full(self, dice: random.Random) -> None:
        if not self.house.postgres.own_disk:
            return
        self.house.postgres.fill()
        try:
            self._wait(dice.uniform(0.5, 2.0))
        finally:
            self.house.postgres.free()

    def pg_lock(self, dice: random.Random) -> None:
        """Somebody looks at a table and holds it for a while."""
        with self.house.postgres.connect(self.house.database) as other, other.transaction():
            other.execute(f"LOCK TABLE {dice.choice(_TABLES)} IN ACCESS EXCLUSIVE MODE")
            self._wait(dice.uniform(0.3, 2.0))

    def pg_deadlock(self, dice: random.Random) -> None:
        """Somebody takes rows in another order than we do, over and over."""
        end = time.monotonic() + 2.0
        while time.monotonic() < end and not self.over.is_set():
            first, second = dice.sample(_TABLES, 2)
            with (
                contextlib.suppress(psycopg.errors.DeadlockDetected),
                self.house.postgres.connect(self.house.database) as other,
                other.transaction(),
            ):
                other.execute(f"LOCK TABLE {first} IN SHARE ROW EXCLUSIVE MODE")
                time.sleep(0.05)
                other.execute(f"LOCK TABLE {second} IN SHARE ROW EXCLUSIVE MODE")

    # -- the CRMs --------------------------------------------------------------------------

    def _add(
        self, service: Service, match: str, kind: str, dice: random.Random, **more: Any
    ) -> None:
        times = dice.randint(1, 5)
        fault = Fault(match, kind, times=times, probability=dice.choice((0.5, 1.0)),
                      seed=dice.randrange(2**32), **more)  # fmt: skip
        service.faults.append(fault)

    def _crm_fault(self, kind: str, dice: random.Random, **more: Any) -> None:
        name, service = self._crm(dice)
        self._add(service, dice.choice((READ, WRITE))[name], kind, dice, **more)

    def crm_status(self, dice: random.Random) -> None:
        status = dice.choice((429, 429, 500, 502, 503, 504))
        headers = {"Retry-After": "1"} if status == 429 else {}
        self._crm_fault("status", dice, status=status, headers=headers)

    def crm_drop(self, dice: random.Random) -> None:
        self._crm_fault("drop", dice)

    def crm_drop_after(self, dice: random.Random) -> None:
        self._crm_fault("drop_after", dice)

    def crm_truncate(self, dice: random.Random) -> None:
        self._crm_fault("truncate", dice)

    def crm_late(self, dice: random.Random) -> None:
        """Later than we wait for an answer."""
        self._crm_fault(dice.choice(("delay", "delay_after")), dice, seconds=2.6)

    def crm_page(self, dice: random.Random) -> None:
        self._crm_fault("page", dice)

    def crm_reorder(self, dice: random.Random) -> None:
        name, service = self._crm(dice)
        self._add(service, READ[name], "reorder", dice)

    def crm_repeat(self, dice: random.Random) -> None:
        name, service = self._crm(dice)
        self._add(service, READ[name], "repeat", dice)

    def crm_session(self, dice: random.Random) -> None:
        """The session ends while it is used."""
        self.sandbox.call(self.sandbox.salesforce.tokens.clear)

    def crm_away(self, dice: random.Random) -> None:
        _name, service = self._crm(dice)
        fault = Fault(r"/(services|crm)/", "status", status=503, times=10**6)
        service.faults.append(fault)
        self._wait(dice.uniform(1.0, 3.0))
        fault.times = 0

    # -- the lookups -----------------------------------------------------------------------

    def _lookup(self, kind: str, dice: random.Random, **more: Any) -> None:
        self._add(self.sandbox.twilio, LOOKUP, kind, dice, **more)

    def lookup_status(self, dice: random.Random) -> None:
        self._lookup("status", dice, status=dice.choice((429, 500, 503)))

    def lookup_drop_after(self, dice: random.Random) -> None:
        self._lookup(dice.choice(("drop_after", "truncate", "drop")), dice)

    def lookup_late(self, dice: random.Random) -> None:
        self._lookup("delay_after", dice, seconds=1.6)

    def lookup_page(self, dice: random.Random) -> None:
        self._lookup("page", dice)

    def lookup_key(self, dice: random.Random) -> None:
        """Our key is refused for a while."""
        held = dict(self.sandbox.twilio.logins)
        self.sandbox.twilio.logins.clear()
        try:
            self._wait(dice.uniform(0.5, 2.0))
        finally:
            self.sandbox.twilio.logins.update(held)

    # -- what an attack found --------------------------------------------------------------

    def crm_drips(self, dice: random.Random) -> None:
        """A byte now and then, each within the time-out of a read, and never the whole."""
        how = dice.choice(("", "body"))
        self._crm_fault("drip", dice, seconds=dice.choice((0.5, 1.5)), how=how)
