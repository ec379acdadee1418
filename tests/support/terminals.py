"""A command on a real terminal, as a person starts it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping

LINK = re.compile(r"http://\S+/login/link\?token=[\w-]+")


class OnTerminal:
    """`python -m worker ARGS` with a terminal for its input and output; `text`: what it shows."""

    def __init__(self, args: tuple[str, ...], env: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "worker", *args], env=dict(env), stdin=theirs, stdout=theirs,
            stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.text = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._ours, 65_536)
            except OSError:  # nobody has it open any more
                return
            if not part:
                return
            self.text += part.decode("utf-8", "replace")

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def links(self, at_least: int = 1, seconds: float = 60) -> list[str]:
        """The login links that it shows, once there are so many."""
        end = time.monotonic() + seconds
        while len(links := LINK.findall(self.text)) < at_least:
            assert time.monotonic() < end, self.text
            assert self.process.poll() is None or self._reader.is_alive() or LINK.search(self.text)
            time.sleep(0.05)
        return links

    def end(self, seconds: float = 30) -> int:
        """Wait until it has ended by itself; its exit code."""
        code = self.process.wait(seconds)
        self._reader.join(5)
        os.close(self._ours)
        return code
