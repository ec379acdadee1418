"""Define what beat starts, and how often (`[sync]` in the TOML file)."""

from __future__ import annotations

from typing import Any

from config.connectors import SalesforceSettings
from config.settings import Settings
from worker.alerts.channels import digest_route

# Reports come first: a worker takes from its queues in turn, and theirs is short. What carries them
# to a CRM takes seconds and has a queue of its own. A worker may be at a run or its pages for a
# minute, so `hygiene up` and the Procfile have a worker for "reports" alone, and one for "writes".
QUEUES = ("reports", "writes", "runs", "pages")
REVIVE_EVERY = 20.0  # seconds
# For so many intervals `revive`, `apply` and `ask` may wait for a worker. Where each one expired
# before a worker came to it, nothing that died would be taken up, no report would be carried on,
# and nobody would be asked, as long as the workers are busy.
_WAITS = 20
TIDY_EVERY = 6 * 3600.0
DIGEST_EVERY = 600.0  # how often it is looked whether the week's digest is due


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return Celery's `beat_schedule`: a sync and a re-verification for each connector, and
    `revive`."""
    sync = settings.sync
    plan: dict[str, dict[str, Any]] = {
        "revive": {
            "task": "hygiene.revive",
            "schedule": REVIVE_EVERY,
            "options": {"expires": REVIVE_EVERY * _WAITS},
        }
    }
    counted = settings.segments.every.total_seconds()
    plan["segments"] = {
        "task": "hygiene.segments", "schedule": counted, "options": {"expires": counted},
    }  # fmt: skip
    looked = settings.alerts.every.total_seconds()
    plan["alerts"] = {
        "task": "hygiene.alerts", "schedule": looked, "options": {"expires": looked},
    }  # fmt: skip
    if digest_route(settings):
        plan["digest"] = {
            "task": "hygiene.digest", "schedule": DIGEST_EVERY,
            "options": {"expires": DIGEST_EVERY},
        }  # fmt: skip
    plan["tidy"] = {"task": "hygiene.tidy", "schedule": TIDY_EVERY}
    every = settings.feedback.deliver_every.total_seconds()
    plan["apply"] = {
        "task": "hygiene.apply", "schedule": every, "options": {"expires": every * _WAITS},
    }  # fmt: skip
    asked = settings.asking.every.total_seconds()
    plan["ask"] = {
        "task": "hygiene.ask", "schedule": asked, "options": {"expires": asked * _WAITS},
    }  # fmt: skip
    if often := settings.feedback.dispositions.every.total_seconds():
        plan["calls"] = {"task": "hygiene.calls", "schedule": often, "options": {"expires": often}}
    sections = map(settings.section, settings.active_connectors)
    consents = [section.consent_records for section in sections
                if isinstance(section, SalesforceSettings)]  # fmt: skip
    if wanted := [
        chosen.every.total_seconds() for chosen in consents if chosen.enabled or chosen.write
    ]:
        often = min(wanted)
        plan["consents"] = {
            "task": "hygiene.consents", "schedule": often, "options": {"expires": often},
        }  # fmt: skip
    for name in settings.active_connectors:
        every = settings.sync_of(name).every.total_seconds()
        plan[f"sync-{name}"] = {
            "task": "hygiene.sync",
            "schedule": every,
            "args": [name],
            "options": {"expires": every},
        }
        daily = sync.reverify_every.total_seconds()
        plan[f"reverify-{name}"] = {
            "task": "hygiene.reverify",
            "schedule": daily,
            "args": [name],
            "options": {"expires": daily},
        }
    return plan
