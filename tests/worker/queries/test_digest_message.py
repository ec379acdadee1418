"""What the weekly digest says, and how it looks: in dark mode, and on a telephone."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from channel_services import Mail, Slack, Teams

from config.settings import Settings
from worker.alerts.formats.html import html
from worker.alerts.formats.plain import plain
from worker.alerts.formats.slack import slack
from worker.alerts.formats.teams import teams
from worker.alerts.message import Message
from worker.queries.digest_message import compose
from worker.queries.digest_model import (
    BadSource,
    Cap,
    Checked,
    Cost,
    Delivered,
    Digest,
    Failing,
    Isolated,
    NewlyBad,
    Reviews,
    Statuses,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

QUIET: dict[str, Any] = {
    "week": "2026-W47", "begin": datetime(2026, 11, 16, tzinfo=UTC),
    "end": datetime(2026, 11, 23, tzinfo=UTC), "over": True, "checked": (), "statuses": (),
    "newly_bad": (), "isolated": (), "released": 0, "isolated_now": 0, "worst_sources": (),
    "reports": {}, "delivered": (), "reviews": Reviews(0, None, None), "failing": (), "alerts": {},
    "unconnected": (), "left_out": (), "currency": "EUR", "costs": (), "caps": (),
}  # fmt: skip
BUSY: dict[str, Any] = {
    **QUIET,
    "checked": (Checked("hubspot", 12_345, 200, 190, 10), Checked("salesforce", 1, 0, 0, 0)),
    "statuses": (
        Statuses("hubspot", date(2026, 11, 22), 9000, {"valid": 7000, "invalid": 900},
                 date(2026, 11, 15), {"valid": 7100, "invalid": 800}),
        Statuses("salesforce", date(2026, 11, 22), 90, {"valid": 70}, None, None),
        Statuses("csv", date(2026, 11, 22), 90, {"valid": 70}, date(2026, 11, 18), {"valid": 60}),
    ),
    "newly_bad": tuple(
        NewlyBad("hubspot", f"Purchased List {n} <b>&", {"invalid": 40 - n}) for n in range(10)
    ),
    "isolated": (
        Isolated("hubspot", "source=Bought", datetime(2026, 11, 18, tzinfo=UTC), "46% are bad"),
    ),
    "released": 1, "isolated_now": 2,
    "worst_sources": (BadSource("hubspot", "Bought", 490, 224, 0.457),),
    "reports": {"opt_out": 1200, "wrong_number": 1},
    "delivered": (
        Delivered("hubspot", 1201, 0, 0, 1.8, 75.0),
        Delivered("salesforce", 1, 3, 2, 7300.0, 7300.0),
    ),
    "reviews": Reviews(3, datetime(2026, 11, 18, tzinfo=UTC), date(2026, 12, 2)),
    "failing": (Failing("hubspot", "locked", 1),),
    "alerts": {"run_failed": 2}, "unconnected": ("salesforce",),
    "left_out": ("step 2: set TWILIO_ACCOUNT_SID for twilio; the step is left out",),
    "costs": (Cost("twilio", 1000, 1, 8.0),),
    "caps": (Cap("this month's budget", 45.5, 100.0, 10, None),),
}  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, database_url="sqlite://", public_url="https://hygiene.example")


@pytest.fixture
def busy(settings: Settings) -> Message:
    return compose(Digest(**BUSY), settings)


class TestWhatItSays:
    def test_of_a_week_without_anything_is_one_sentence(self, settings: Settings) -> None:
        message = compose(Digest(**QUIET), settings)
        assert message.text == "Nothing happened this week, and nothing waits for a person."
        assert message.sections == ()

    def test_has_no_link_where_nobody_said_how_we_are_reached(self, tmp_path: Path) -> None:
        nowhere = Settings(home=tmp_path, database_url="sqlite://")
        message = compose(Digest(**QUIET), nowhere)
        assert plain(message) == f"{message.text}\n"

    def test_begins_with_the_most_important(self, busy: Message) -> None:
        assert busy.title == "Week 2026-W47, 16 November 2026 to 22 November 2026"
        assert busy.text == (
            "12,346 contacts were checked, 355 phone fields went bad, and 1,201 reports came in. "
            "Some things need a person."
        )

    @pytest.mark.parametrize(
        "line",
        [
            "HubSpot: 12,345 contacts checked, 200 changed, 190 written, 10 could not be written.",
            "Salesforce: 1 contact checked, 0 changed, 0 written.",
            "Salesforce: counted on 22 November 2026 for the first time, so there is nothing to "
            "compare with yet.",
            "CSV: compared with 18 November 2026, the nearest day that was counted.",
            "valid 7,140 -90",
            "invalid 900 +100",
            "The table has the worst 8 sources; another 63 phone fields went bad in 2 others.",
            "HubSpot: source Bought was isolated: 46% are bad",
            "1 segment was released.",
            "2 segments are isolated now.",
            "HubSpot: 46% of the phone fields from Bought are bad (224 of 490).",
            "HubSpot: 1,201 reports confirmed, half of them within 1.8 s, the slowest "
            "after 1.2 min.",
            "Salesforce: 1 report confirmed, after 2.0 h; 3 still on the way; 2 later than "
            "10 business days.",
            "3 replies wait for review, the oldest since 18 November 2026. If it is a "
            "revocation, it must be honoured by 2 December 2026 (10 business days).",
            "HubSpot refuses 1 record (locked): somebody else held the record; the next run tries "
            "again.",
            "2 alerts are open: run failed.",
            "Salesforce is in the settings, but has no credentials.",
            "step 2: set TWILIO_ACCOUNT_SID for twilio; the step is left out.",
            "8.00 EUR for 1,000 lookups.",
            "This month's budget, used so far: 45.50 of 100.00 EUR (46%).",
            "twilio 1,000 8.00 EUR",
        ],
    )
    def test_of_a_busy_week(self, busy: Message, line: str) -> None:
        lines = [" ".join(text.split()) for text in plain(busy).splitlines()]
        assert line in lines

    def test_sums_what_all_providers_cost(self, settings: Settings) -> None:
        costs = (Cost("numverify", 10, 0, 1.5), Cost("twilio", 20, 0, 2.25))
        text = plain(compose(Digest(**{**QUIET, "costs": costs}), settings))
        assert "3.75 EUR for 30 lookups." in text

    def test_has_the_worst_eight_sources_in_its_table(self, busy: Message) -> None:
        table = next(section.table for section in busy.sections if section.path == "/segments")
        assert table is not None
        assert [row[0] for row in table.rows] == [
            f"HubSpot: Purchased List {n} <b>&" for n in range(8)
        ]

    def test_of_a_week_in_which_only_a_person_is_needed(self, settings: Settings) -> None:
        message = compose(Digest(**{**QUIET, "unconnected": ("hubspot",)}), settings)
        text = plain(message)
        for sentence in ("No contacts were checked.", "No phone fields went bad.",
                         "No reports came in.", "Nothing: no paid lookups were made."):  # fmt: skip
            assert sentence in text

    def test_of_a_week_that_is_not_over_is_marked(self, settings: Settings) -> None:
        message = compose(Digest(**{**BUSY, "over": False}), settings)
        assert message.text.startswith("So far: 12,346 contacts")

    def test_is_the_same_in_every_format(self, busy: Message) -> None:
        for words in (
            "12,346 contacts were checked",
            "Purchased List 0 <b>&",
            "8.00 EUR for 1,000",
        ):
            assert words in plain(busy)
            assert words in Slack.shown(Slack.__new__(Slack), slack(busy))
            assert words in Teams.shown(Teams.__new__(Teams), teams(busy))
        assert "Purchased List 0 &lt;b&gt;&amp;" in html(busy)


class TestHowItLooks:
    """In Chromium: what a mail reader that knows HTML makes of it."""

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [390, 1280])
    def test_fits_and_can_be_read(
        self, chromium: Browser, busy: Message, scheme: Any, width: int
    ) -> None:
        page = chromium.new_page(
            viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True
        )
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.set_content(html(busy))
        assert asked == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        smallest = page.evaluate(
            "Math.min(...[...document.querySelectorAll('p,td,th,h1,h2,a')]"
            ".map(one => parseFloat(getComputedStyle(one).fontSize)))"
        )
        assert smallest >= 13
        for selector in ("p", "td", "h1", "a"):
            assert contrast(page, selector) >= 4.5, f"{selector} in {scheme} (WCAG 2.2, 1.4.3)"
        if shots := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{shots}/digest-{width}-{scheme}.png", full_page=True)
        page.close()


def contrast(page: Any, selector: str) -> float:
    """The contrast of an element's text with the page, which the browser paints by the scheme."""
    ink = page.evaluate(f"getComputedStyle(document.querySelector('{selector}')).color")
    paper = page.evaluate(
        "(() => { const probe = document.createElement('i'); probe.style.color = 'Canvas';"
        " document.body.append(probe); return getComputedStyle(probe).color })()"
    )
    lighter, darker = sorted(map(luminance, (ink, paper)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_mail_readers_get_it_whole(busy: Message) -> None:
    """Gmail cuts off a message of more than 102 kB."""
    assert len(html(busy).encode()) < 102_000
    assert Mail.max_line == 1000
