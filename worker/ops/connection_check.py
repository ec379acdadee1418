"""Test the connection to a CRM: whether it takes our credentials and has the fields we need."""

from __future__ import annotations

from config.errors import HygieneError
from worker.context import Context
from worker.queries.first_steps import CheckResult, record_check


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
        result = CheckResult(ctx.now(), error=str(error))
    finally:
        # It has applied a schema that the context does not know of.
        borrowed.close_own()
        ctx.give_back(borrowed)
    record_check(ctx, name, result)
    return result
