"""Settings of `[retention]`: how long personal data is kept."""

from __future__ import annotations

from datetime import timedelta

from config.section import Duration, Section


class Retention(Section):
    """How long personal data is kept. 0d = for ever."""

    writes: Duration = timedelta(days=730)  # before and after of each write, for undo and audit
    lookups: Duration = timedelta(days=730)
    runs: Duration = timedelta(days=730)
    scrubs: Duration = timedelta(days=1826)  # certificates; US rules: 5 years (16 CFR 310.5)
    asked: Duration = timedelta(days=730)  # whom ask campaigns asked, and what they answered
    replies: Duration = timedelta(days=90)  # texts of replies in the review queue, once decided
