"""Show what lookups cost, the budget, and the state of each provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from worker.cli.output.console import out, rows, show_table, table
from worker.cli.output.times import local_minute


def show_spend(report: Mapping[str, Any]) -> None:
    """Show money and lookups by day and provider, the caps, and the state of the providers."""
    currency, total = report["currency"], report["total"]
    if report["days"]:
        spend_table = table("day", "provider", ">lookups", ">lost", f">cost, {currency}",
                            f">reserved, {currency}")  # fmt: skip
        rows(
            spend_table,
            [
                (row["day"], row["provider"], f"{row['lookups']:,}", f"{row['lost']:,}",
                 f"{row['cost']:,.2f}", f"{row['reserved']:,.2f}" if row["reserved"] else "")
                for row in report["days"]
            ],
        )  # fmt: skip
        spend_table.add_row("total", "", f"{total['lookups']:,}", f"{total['lost']:,}",
                            f"{total['cost']:,.2f}", "", style="bold")  # fmt: skip
        show_table(spend_table)
    else:
        out.print("no lookups so far")
    if report["caps"]:
        out.print(Text("\nbudget", style="bold"))
        caps = table("", ">used", ">limit")
        for cap in report["caps"]:
            if cap["cap"] is not None:
                caps.add_row(
                    cap["name"], f"{cap['used']:,.2f} {currency}", f"{cap['cap']:,.2f} {currency}"
                )
            if cap["cap_lookups"] is not None:
                caps.add_row(cap["name"], f"{cap['used_lookups']:,} lookups",
                             f"{cap['cap_lookups']:,} lookups")  # fmt: skip
        show_table(caps)
    if report["providers"]:
        out.print(Text("\nproviders", style="bold"))
        providers = table("provider", "state", "=why", ">credit")
        for provider in report["providers"]:
            healthy = provider["breaker"] == "closed"
            until = f" until {local_minute(provider['again_at'])}" if provider["again_at"] else ""
            providers.add_row(
                provider["name"],
                Text("active", style="green") if healthy else Text("paused", style="red"),
                "" if healthy else Text(f"{provider['label']} {provider['reason']}{until}"),
                "" if provider["credits"] is None else f"{provider['credits']:,}",
            )
        show_table(providers)
    if report["waiting"]:
        out.print(f"\n{report['waiting']:,} lookups got no answer; they are retried automatically")
