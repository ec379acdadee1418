"""What the API's routes share: who calls, what bodies may hold, and the log of what was done."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, HTTPException, Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

import connectors
from worker.access import audit
from worker.context import Context
from worker.feedback.sources.submitted_reports import Short
from worker.phones import region_of
from worker.phones.single_number import number_of
from worker.web.auth import Caller, require_caller, require_scope

# The name of a caller whose token has the scope.
ReadToken = Annotated[str, Depends(require_scope("read"))]
RescanToken = Annotated[str, Depends(require_scope("rescan"))]
FeedbackToken = Annotated[str, Depends(require_scope("feedback"))]
SuppressToken = Annotated[str, Depends(require_scope("suppress"))]
AdminToken = Annotated[str, Depends(require_scope("admin"))]
# A caller whose token has one of the two scopes.
RecheckCaller = Annotated[Caller, Depends(require_caller("recheck", "rescan"))]
ScrubCaller = Annotated[Caller, Depends(require_caller("scrub", "read"))]

# One of the connectors that there are.
ConnectorName = Annotated[str, AfterValidator(connectors.checked_name)]
RowId = Annotated[int, Path(ge=1, le=2**62)]


class StrictBody(BaseModel):
    """A body in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid")


class ReasonBody(StrictBody):
    reason: Annotated[Short, Field(min_length=3)]


class AuditNote:
    """Keep in the audit log what a caller did."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def __call__(self, who: str, action: str, target: str, why: str = "") -> None:
        audit.note(self._ctx.store, self._ctx.now(), who, action, target, why)


def parse_number(text: str, country: str = "") -> str:
    """Return the number as E.164; raises 422."""
    number = number_of(text, region_of(country) if country else None)
    if number is None:
        raise HTTPException(422, "number: write one number with its country code")
    return number


def require_text(name: str) -> str:
    """Return a name from an address; raises 404 for what is not text, which PostgreSQL refuses."""
    if "\x00" in name or any("\ud800" <= c <= "\udfff" for c in name):
        raise HTTPException(404, "There is nothing with this name.")
    return name
