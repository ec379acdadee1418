"""The audit log in words: what somebody did, instead of the name of the action."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from worker.context import Context
from worker.store.bulk import chunks
from worker.store.tables import runs

_RUN = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")

# Action -> what was done, followed by its target. {connector}: of the run that the target names.
_WORDS = {
    "login": "logged in as",
    "login_link.make": "made a login link",
    "pause": "paused",
    "resume": "resumed",
    "run.start": "started run",
    "run.dry_run": "started a dry run",
    "run.pause": "paused run",
    "run.resume": "resumed run",
    "run.cancel": "cancelled run",
    "run.undo": "undid run",
    "removals.accept": "accepted removals in run",
    "number.recheck": "had a number checked again:",
    "number.suppress": "suppressed",
    "number.wrong": "marked as wrong:",
    "number.right": "marked as right:",
    "suppression.lift": "lifted suppression",
    "numbers.scrub": "scrubbed numbers; certificate",
    "import.undo": "took back the import",
    "suppressions.export": "exported suppressions:",
    "contact.recheck": "had a record checked again:",
    "contact.wrong": "marked the numbers of a record as wrong:",
    "contact.right": "marked the numbers of a record as right:",
    "contact.opt_out": "opted out",
    "contact.opt_in": "opted in",
    "contacts.recheck": "had selected contacts checked again:",
    "contacts.opt_out": "suppressed selected contacts:",
    "contacts.wrong": "marked selected contacts as wrong:",
    "contacts.right": "marked selected contacts as right:",
    "contacts.undo": "took back a suppression of selected contacts:",
    "contacts.export": "exported contacts:",
    "warehouse.export": "exported to Parquet files:",
    "person.export": "exported what we hold of a person:",
    "review.decide": "decided reply",
    "review.undo": "took back the decision of reply",
    "segment.isolate": "isolated the segment",
    "segment.release": "released the segment",
    "campaign.remove_outcomes": "removed the outcomes of the campaign",
    "crm.change_account": "let a connection take another account:",
    "crm.drop_records": "dropped the records of a removed connection:",
    "token.make": "made the API token",
    "token.revoke": "revoked the API token",
    "user.put": "saved the user",
    "user.remove": "removed the user",
    "endpoint.add": "added the endpoint",
    "endpoint.change": "changed the endpoint",
    "endpoint.remove": "removed the endpoint",
    "endpoint.pause": "paused the endpoint",
    "endpoint.resume": "resumed the endpoint",
    "endpoint.rotate": "gave a new secret to the endpoint",
    "endpoint.number_key": "read the number key of the endpoint",
    "endpoint.test": "sent a test event to the endpoint",
    "endpoint.backfill": "sent all current suppressions to the endpoint",
    "endpoint.replay": "had events sent again to the endpoint",
    "endpoint.retry": "had a delivery sent again:",
    "capture_key.add": "added the capture key",
    "capture_key.change": "changed the capture key",
    "capture_key.remove": "removed the capture key",
    "capture_key.pause": "paused the capture key",
    "capture_key.resume": "resumed the capture key",
    "capture_key.rotate": "gave a new text to the capture key",
    "ask.start": "started the ask campaign",
    "ask.pause": "paused the ask campaign",
    "ask.resume": "resumed the ask campaign",
    "ask.stop": "stopped the ask campaign",
    "setup.check": "tested the connection to",
    "setup.check_webhooks": "tested the webhooks of",
    "setup.dismiss": "closed the list of first steps",
    "setup.reopen": "opened the list of first steps again",
}


def in_words(ctx: Context, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return entries of the log with `did`, and for an action on a run `run` and `connector`."""
    named = {entry["id"]: _RUN.search(entry["target"]) for entry in entries}
    ids = sorted({match.group() for match in named.values() if match})
    connectors: dict[str, str] = {}
    with ctx.store.read() as connection:
        for chunk in chunks(ids):
            query = sa.select(runs.c.id, runs.c.connector).where(runs.c.id.in_(chunk))
            connectors |= {row.id: row.connector for row in connection.execute(query)}
    worded = []
    for entry in entries:
        match = named[entry["id"]]
        run = match.group() if match and match.group() in connectors else ""
        rest = entry["target"].replace(run, "").strip() if run else entry["target"]
        if run:  # "hubspot: everything", or the connector alone, which is said anyway
            rest = re.sub(rf"^{re.escape(connectors[run])}:?\s*", "", rest)
        worded.append(
            {**entry, "did": words(entry["action"]), "run": run, "rest": rest,
             "connector": connectors.get(run, "")}
        )  # fmt: skip
    return worded


def words(action: str) -> str:
    """
    >>> words("run.undo"), words("report.unheard_of")
    ('undid run', 'report unheard of:')
    """
    return _WORDS.get(action) or action.replace(".", " ").replace("_", " ") + ":"
