"""Test the connection to a CRM: whether it takes our credentials and has the fields we need."""

from __future__ import annotations

import logging

from config.errors import HygieneError
from connectors import plain_words
from connectors.errors import ConnectorError
from worker.context import Context
from worker.queries.first_steps import CheckResult, record_check

log = logging.getLogger(__name__)


def check_connection(ctx: Context, name: str) -> CheckResult:
    """Ask a CRM for its fields, as `hygiene crm check` does, and keep the result."""
    borrowed = ctx.borrow()
    try:
        opened = borrowed.open(name)
        findings = opened.apply_schema(opened.describe())
        result = CheckResult(
            ctx.now(),
            problems=tuple(str(finding) for finding in findings),
            blocks=any(finding.blocks for finding in findings),
        )
    except HygieneError as error:
        log.warning("the connection was tested: %s", error)
        text = plain_words.plain(error, name) if isinstance(error, ConnectorError) else str(error)
        result = CheckResult(ctx.now(), error=text)
    finally:
        # It has applied a schema that the context does not know of.
        borrowed.close_own()
        ctx.give_back(borrowed)
    record_check(ctx, name, result)
    return result
