"""What is handed out for operating it fits what is there: units, images, alerts, the dashboard."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from constants import ROOT
from fastapi.testclient import TestClient

from worker.context import Context
from worker.store import heartbeat
from worker.web.app import make_app

DEPLOY = ROOT / "deploy"
RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
ALERTS = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"][0]["rules"]
DEPRECATED = {"hygiene_pulse_age_seconds"}  # former names, exposed beside the present ones
_METRIC = re.compile(r"hygiene_[a-z_]+")


@pytest.fixture
def metric_names(ctx: Context) -> set[str]:
    """Names of all metrics that there are."""
    heartbeat.record(ctx.store, ctx.now())
    with TestClient(make_app(ctx.settings)) as client:
        text = client.get("/metrics").text
    return set(re.findall(r"^# HELP (hygiene_[a-z_]+)", text, re.MULTILINE))


def test_alerts_and_dashboard_ask_for_metrics_that_there_are(metric_names: set[str]) -> None:
    dashboard = json.loads((DEPLOY / "prometheus/grafana.json").read_text())
    asked = " ".join(rule["expr"] for rule in ALERTS)
    asked += " ".join(t["expr"] for panel in dashboard["panels"] for t in panel["targets"])
    assert set(_METRIC.findall(asked)) <= metric_names
    shown = " ".join(t["expr"] for panel in dashboard["panels"] for t in panel["targets"])
    assert metric_names - DEPRECATED <= set(_METRIC.findall(shown)), "each is on the dashboard"


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_each_alert_has_its_part_in_the_runbook(rule: dict[str, dict[str, str]]) -> None:
    page, _, part = rule["annotations"]["runbook"].partition("#")
    assert page == "docs/runbook.md"
    headings = re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)
    assert part in {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings}


def test_metrics_are_documented(metric_names: set[str]) -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    assert metric_names <= set(_METRIC.findall(text))


def test_every_process_of_the_procfile_is_in_the_units_and_the_compose_file() -> None:
    procfile = dict(
        line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines() if line
    )
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for name, command in procfile.items():
        assert name in services
        if name != "release":
            unit = (DEPLOY / f"systemd/hygiene-{name}.service").read_text()
            installed = command.replace("python -m worker", "hygiene")
            # systemd reads % as the beginning of a specifier.
            assert installed.split(" --loglevel")[0].replace("%", "%%") in unit
    assert services["redis"]["command"][-1] == "noeviction"


def test_the_image_is_run_by_a_user_without_rights() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert text.rindex("USER hygiene") > text.rindex("FROM ")
    assert "--require-hashes" in text
