"""Servers on this machine that take what channels send, and refuse what the real services refuse.

The limits are those of the services' documents (their addresses stand in `worker.alerts.formats`);
none is taken from the product.
"""

from __future__ import annotations

import html
import json
import re
import threading
import time
from email.message import EmailMessage
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox.mail import MailServer
from sandbox.service import Fault


class Refusal(Exception):
    """The service does not take a message: an HTTP status, and the body that it answers."""

    def __init__(self, status: int, body: str = "") -> None:
        super().__init__(body)
        self.status, self.body = status, body


class WebService:
    """A webhook. `got`: what was taken. `calls`: how often it was called, in any case."""

    path = "/hook?key=very-secret-key"
    accepted = 200

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.calls = 0
        self.status = 0  # answers this instead, if set
        self.headers: dict[str, str] = {}
        self.seconds = 0.0  # that each answer takes
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service.calls += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(service.seconds)
                status, answer = service.answer(self.headers.get("Content-Type", ""), body)
                self.send_response(status)
                for name, value in service.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}{self.path}"

    def answer(self, content_type: str, body: bytes) -> tuple[int, str]:
        if self.status:
            return self.status, "no_service"
        if content_type.partition(";")[0] != "application/json":
            return 400, "invalid_payload"
        try:
            taken = json.loads(body)
            self.check(taken, len(body))
        except ValueError:
            return 400, "invalid_payload"
        except Refusal as refusal:
            return refusal.status, refusal.body
        self.got.append(taken)
        return self.accepted, "ok"

    def check(self, body: Any, size: int) -> None:
        """Raise `Refusal`, or what reading a wrong form raises."""
        if not isinstance(body, dict):
            raise Refusal(400)

    def shown(self, taken: Any) -> str:
        """Return what a person reads."""
        return str(taken["text"])

    def links(self, taken: Any) -> list[str]:
        return [taken["link"]]

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Slack(WebService):
    """Incoming webhooks: Block Kit, of the block types that we use."""

    path = "/services/T0FICTION/B0FICTION/verysecretverysecret"
    _COMMAND = re.compile(r"<([^<>]*)>")

    def check(self, body: Any, size: int) -> None:
        if not isinstance(body, dict) or not body.keys() <= {"text", "blocks"}:
            raise Refusal(400, "invalid_payload")
        blocks = body.get("blocks", [])
        if not body.get("text") and not blocks:
            raise Refusal(400, "no_text")
        if not 1 <= len(blocks) <= 50:
            raise Refusal(400, "invalid_blocks")
        total = 0
        for block in blocks:
            text = block["text"]
            limits = {("header", "plain_text"): 150, ("section", "mrkdwn"): 3000}
            limit = limits.get((block["type"], text["type"]))
            allowed = {"type", "text", "emoji" if text["type"] == "plain_text" else "verbatim"}
            if limit is None or not text.keys() <= allowed or block.keys() != {"type", "text"}:
                raise Refusal(400, "invalid_blocks")
            if not 1 <= len(text["text"]) <= limit:
                raise Refusal(400, "invalid_blocks")
            total += len(text["text"])
        if total > 13_000:
            raise Refusal(400, "msg_blocks_too_long")

    def shown(self, taken: Any) -> str:
        """What is left between `<` and `>` is a command: a link shows its words, all else what it
        does."""
        lines = []
        for block in taken["blocks"]:
            text = block["text"]["text"]
            assert not re.search(r"&(?!(amp|lt|gt);)", text), f"not escaped: {text}"
            text = self._COMMAND.sub(lambda match: match[1].rpartition("|")[2], text)
            lines.append(html.unescape(text))
        return "\n".join(lines)

    def links(self, taken: Any) -> list[str]:
        return [
            html.unescape(command.partition("|")[0])
            for block in taken["blocks"]
            for command in self._COMMAND.findall(block["text"]["text"])
        ]


class Teams(WebService):
    """A flow of Power Automate with the trigger "When a Teams webhook request is received"."""

    path = "/workflows/0123/triggers/manual/paths/invoke?sig=very-secret-signature"
    accepted = 202

    def check(self, body: Any, size: int) -> None:
        if size > 28 * 1024:
            raise Refusal(413, "Request Entity too large")
        (attachment,) = body["attachments"]
        card = attachment["content"]
        if body["type"] != "message" or card["type"] != "AdaptiveCard":
            raise Refusal(400, "InvalidBotAdaptiveCard")
        if attachment["contentType"] != "application/vnd.microsoft.card.adaptive":
            raise Refusal(400, "InvalidBotAdaptiveCard")
        if tuple(map(int, card["version"].split("."))) > (1, 5) or not card["body"]:
            raise Refusal(400, "InvalidBotAdaptiveCard")
        for element in card["body"]:
            if element["type"] != "RichTextBlock" or not element["inlines"]:
                raise Refusal(400, "InvalidBotAdaptiveCard")
            for run in element["inlines"]:
                if run["type"] != "TextRun" or not isinstance(run["text"], str):
                    raise Refusal(400, "InvalidBotAdaptiveCard")
        for action in card.get("actions", []):
            if action["type"] != "Action.OpenUrl" or "://" not in action["url"]:
                raise Refusal(400, "InvalidBotAdaptiveCard")

    def shown(self, taken: Any) -> str:
        """A `TextRun` shows its text as it is."""
        return "\n".join(
            "".join(run["text"] for run in element["inlines"])
            for element in taken["attachments"][0]["content"]["body"]
        )

    def links(self, taken: Any) -> list[str]:
        return [action["url"] for action in taken["attachments"][0]["content"].get("actions", [])]


class _Page(HTMLParser):
    """What a mail reader shows of HTML, and what it would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if tag == "a" and name == "href":
                self.links.append(value or "")
            elif name in ("src", "background", "srcset") or "url(" in (value or ""):
                self.loads.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


class Mail(MailServer):
    """A mail server for the messages of one sender, to which nobody logs in."""

    def __init__(self) -> None:
        super().__init__()
        self.reply = ""  # to what is to be sent, instead of taking it
        self.seconds = 0.0

    @property
    def got(self) -> list[EmailMessage]:
        return [taken.message for taken in self.sent]

    def hang_up(self) -> None:
        """Hang up from now on once a message is taken, instead of saying so."""
        self.faults.append(Fault("END", "drop_after", times=10**9))

    @property
    def calls(self) -> int:
        """Return how often somebody came to send something."""
        return self.counters["EHLO"]

    def at_sender(self, _address: str) -> str:
        time.sleep(self.seconds)
        return self.reply

    def shown(self, taken: EmailMessage) -> str:
        """What it says as plain text; the HTML part must say the same, and load nothing."""
        body = taken.get_body(("plain",))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n")

    @staticmethod
    def page(taken: EmailMessage) -> _Page:
        body = taken.get_body(("html",))
        assert body is not None
        page = _Page()
        page.feed(body.get_content())
        return page

    def links(self, taken: EmailMessage) -> list[str]:
        return self.page(taken).links
