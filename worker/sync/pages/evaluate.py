"""Evaluate a page: what is decided of its contacts, and what must be written for that."""

from __future__ import annotations

from config.tracing import span
from connectors.records import Contact, Update
from worker.sync.pages import evaluator, rewrites
from worker.sync.pages.steps import EvaluatedPage, PageCounts, VerifiedPage


def evaluate(page: VerifiedPage) -> EvaluatedPage:
    """Decide each contact, and make an update of what differs from what the CRM holds."""
    with span("decide"):
        evaluations = evaluator.evaluate_all(page)
        planned = rewrites.plan(page, evaluations)
        if planned.waiting:
            evaluations = rewrites.without(planned.waiting, evaluations, page.prepared.contacts)
    counts = PageCounts()
    counts.add_readings(page.prepared.changed_readings, len(planned.waiting))
    updates: list[Update] = []
    updated: list[Contact] = []
    for prepared, (decision, changes) in zip(page.prepared.contacts, evaluations, strict=True):
        counts.add(prepared.contact, decision)
        if changes:
            updates.append(Update(page.work.page.object, prepared.contact.id, changes))
            updated.append(prepared.contact)
    decisions = [evaluation.decision for evaluation in evaluations]
    return EvaluatedPage(
        page.work,
        page.prepared,
        page.verified,
        page.missing,
        decisions,
        updates,
        updated,
        planned,
        counts,
    )
