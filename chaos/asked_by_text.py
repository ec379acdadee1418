"""People who are asked by text: only who has agreed to texts, since the campaign names no basis."""

from __future__ import annotations

import re
import time

from chaos.asked_people import AskedPeople
from chaos.asking_checks import Arrival

_LINK = re.compile(r"http://\S+(/confirm/\S+)")


class AskedByText(AskedPeople):
    campaign = "spring"
    # Whoever speaks up while texts go out comes last, so that there is time for it.
    roles = (
        "never_agreed", "refused", "not_in_service", "under_review",
        "yes", "no", "new", "changes_mind", "stops", "opens", "ignores",
        "yes", "no", "new", "opens", "ignores",
        "ignores", "opens", "refuses_now", "is_wrong_now", "is_doubtful_now", "refuses_now",
    )  # fmt: skip
    first_place = 0
    start_with = ("--budget", "10")

    def has_agreed(self, number: str) -> bool:
        return self.role_of[number] != "never_agreed"

    def vendor_count(self) -> int:
        return len(self.actors.sandbox.messages.sent)

    def receive(self) -> None:
        for message in self.actors.sandbox.messages.sent[len(self.arrivals) :]:
            self.arrivals.append(Arrival(time.time(), message.to))
            if found := _LINK.search(message.body):
                self.links.add(found[1])
                self._react(message.to, found[1])

    def _react(self, number: str, path: str) -> None:
        role = self.role_of.get(number, "ignores")
        if role == "stops":
            self.later(number, lambda: self.text_stop(number))
        elif role != "ignores":
            self.later(number, lambda: self.answer(number, path))

    def refused_for_good(self) -> set[str]:
        return set()

    def languages(self) -> dict[str, str]:
        return {}
