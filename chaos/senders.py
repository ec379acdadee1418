"""Those who send messages to the product, until each is acknowledged, and forge or repeat some."""

from __future__ import annotations

import base64
import hashlib
import hmac
import queue
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import requests

from chaos.ground_truth import GroundTruth, StatementKind

TWILIO_TOKEN = "sandbox-twilio-auth-token"
HUBSPOT_SECRET = "chaos-client-secret"
ADMIN_TOKEN = "chaos-admin-token"

Job = Callable[[], None]


class Senders:
    """Threads that send, each from a queue of its own."""

    def __init__(self, web: str, truth: GroundTruth) -> None:
        self.web = web
        self.truth = truth
        self._queues: list[queue.Queue[Job | None]] = [queue.Queue() for _ in range(3)]
        self.forms: list[queue.Queue[Job | None]] = [queue.Queue() for _ in range(2)]
        self._sent: list[Callable[[], bool]] = []  # to be replayed
        self._unacknowledged: list[str] = []  # numbers of replies that are not acknowledged yet
        self._lock = threading.Lock()

    def start(self) -> None:
        for jobs in (*self._queues, *self.forms):
            threading.Thread(target=self._work, args=(jobs,), daemon=True).start()

    def stop(self) -> None:
        for jobs in (*self._queues, *self.forms):
            jobs.put(None)

    @property
    def busy(self) -> bool:
        return any(jobs.unfinished_tasks for jobs in (*self._queues, *self.forms))

    def _work(self, jobs: queue.Queue[Job | None]) -> None:
        while (job := jobs.get()) is not None:
            try:
                job()
            except (requests.RequestException, TimeoutError):
                pass
            finally:
                jobs.task_done()
        jobs.task_done()

    def put(self, number: str, job: Job) -> None:
        """Let something be said about a number: one queue a number, so that it arrives in order."""
        self._queues[int(number[-4:]) % 3].put(job)

    def put_anywhere(self, rng: random.Random, job: Job) -> None:
        self._queues[rng.randrange(3)].put(job)

    def is_on_its_way(self, number: str) -> bool:
        """Return whether a reply is not acknowledged yet: nobody can tell which word is last."""
        return number in self._unacknowledged

    # -- what is sent --------------------------------------------------------------------

    def text_of(
        self, number: str, body: str, opt_out_type: str = ""
    ) -> tuple[str, Callable[[], bool]]:
        """Return a new reply by text: the key of its report, and what delivers it to our webhook
        and says whether it was acknowledged."""
        sid = f"SM{uuid.uuid4().hex}"
        form = {"From": number, "MessageSid": sid, "Body": body}
        if opt_out_type:
            form["OptOutType"] = opt_out_type

        def send() -> bool:
            url = f"{self.web}/webhooks/twilio/sms"
            headers = {"X-Twilio-Signature": _sign_as_twilio(url, form)}
            return requests.post(url, data=form, headers=headers, timeout=4).status_code < 300

        return f"twilio:sms:{sid}", send

    def reply(self, number: str, body: str, kind: StatementKind, opt_out_type: str = "") -> None:
        key, send = self.text_of(number, body, opt_out_type)

        def sending() -> None:
            self._send_until_accepted(send, key)
            self.truth.record(number, kind, time.time())
            self._unacknowledged.remove(number)
            self.truth.note_change()

        self._unacknowledged.append(number)
        self.put(number, sending)

    def report(self, number: str, kind: StatementKind, at: float) -> None:
        """Report through the API what was said at a moment, as another tool does."""
        names = {"refuse": "opt_out", "agree": "opt_in", "wrong": "wrong_number"}
        key = uuid.uuid4().hex
        body = {"kind": names.get(kind, kind), "number": number, "key": key,
                "at": datetime.fromtimestamp(at, UTC).isoformat()}  # fmt: skip

        def sending() -> None:
            self._send_until_accepted(
                lambda: self.post("/api/feedback", body), f"api:{key}:{number}"
            )
            self.truth.note_change()

        self.put(number, sending)

    def complain(self, number: str) -> None:
        """Report a complaint through the API."""
        key = uuid.uuid4().hex
        body = {"kind": "complaint", "number": number, "key": key}

        def sending() -> None:
            self._send_until_accepted(
                lambda: self.post("/api/feedback", body), f"api:{key}:{number}"
            )
            self.truth.record(number, "refuse", time.time())
            self.truth.note_change()

        self.put(number, sending)

    def replay(self, rng: random.Random) -> None:
        """Deliver a message that was acknowledged again, as senders do."""
        with self._lock:
            again = rng.choice(self._sent) if self._sent else None
        if again is not None:
            self.put_anywhere(rng, lambda: (again(), None)[1])

    def forge(self, number: str, rng: random.Random) -> None:
        """Send a STOP with a signature that is not Twilio's."""

        def send() -> None:
            form = {"From": number, "MessageSid": f"SM{uuid.uuid4().hex}", "Body": "STOP",
                    "OptOutType": "STOP"}  # fmt: skip
            url = f"{self.web}/webhooks/twilio/sms"
            try:
                code = requests.post(
                    url, data=form, headers={"X-Twilio-Signature": "bm90IHR3aWxpbw=="}, timeout=3
                ).status_code
            except requests.RequestException:
                return
            self.truth.forged += 1
            self.truth.forged_accepted += code < 300

        self.put_anywhere(rng, send)

    def post(self, path: str, body: dict[str, Any]) -> bool:
        """Call our API as an admin; return whether it took the body."""
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        answer = requests.post(f"{self.web}{path}", json=body, headers=headers, timeout=4)
        return answer.status_code < 300

    def put_first(self, job: Job) -> None:
        self._queues[0].put(job)

    def _send_until_accepted(self, send: Callable[[], bool], key: str) -> None:
        """Send until it is acknowledged, as senders do."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if send():
                    with self._lock:
                        self.truth.messages.add(key)
                        self._sent.append(send)
                    return
            except requests.RequestException:
                pass
            time.sleep(0.15)
        raise TimeoutError("a message was not acknowledged within a minute")


def _sign_as_twilio(url: str, form: Mapping[str, str]) -> str:
    """Sign as Twilio does: HMAC-SHA1 of the address and the sorted parameters."""
    text = url + "".join(name + form[name] for name in sorted(form))
    digest = hmac.digest(TWILIO_TOKEN.encode(), text.encode(), hashlib.sha1)
    return base64.b64encode(digest).decode()
