"""The records and errors of access: who somebody is, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from config.errors import HygieneError

Role = Literal["viewer", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "admin")

# Of tokens. read: runs, numbers, segments. recheck: have named records looked at again, and nothing
# else (for automations of a CRM). scrub: ask whether numbers may be contacted, and nothing else
# (for dialers). verify: verify one number at a time, and nothing else (for the server of a form or
# portal; a browser shows a capture key). rescan: open, pause, resume, cancel and undo runs.
# feedback: report and review. suppress: change the suppression list. admin: all of it.
SCOPES = ("read", "recheck", "scrub", "verify", "rescan", "feedback", "suppress", "admin")
# What each lets a token do, as the form that makes one and the API's refusals say it.
SCOPE_WORDS = {
    "read": "read runs, numbers and segments",
    "recheck": "rescan named records, and nothing else",
    "scrub": "scrub numbers, and nothing else",
    "verify": "verify a number, and nothing else",
    "rescan": "start, pause and undo runs",
    "feedback": "report feedback",
    "suppress": "change suppressions",
    "admin": "everything",
}


@dataclass(frozen=True, slots=True)
class Person:
    """A logged-in user. `name`: as the log has it. `csrf`: what their forms must carry."""

    name: str
    role: Role
    csrf: str = ""

    @property
    def may_act(self) -> bool:
        return self.role == "admin"


class AccessError(HygieneError, ValueError):
    """A request that cannot be granted. The text tells its sender why."""

    exit_code = 2
    http_status = 422
