"""Show what lookups cost, the budget, and the state of each provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from worker.cli.output.console import out, rows, show_table, table
from worker.cli.output.times import local_minute


def show_spend(found: Mapping[str, Any]) -> None:
    """Show money and lookups by day and provider, the caps, and the state of the providers."""
    currency, total = found["currency"], found["total"]
    if found["days"]:
        made = table("day", "provider", ">lookups", ">lost", f">cost, {currency}",
                     f">reserved, {currency}")  # fmt: skip
        rows(
            made,
            [
                (row["day"], row["provider"], f"{row['lookups']:,}", f"{row['lost']:,}",
                 f"{row['cost']:,.2f}", f"{row['reserved']:,.2f}" if row["reserved"] else "")
                for row in found["days"]
            ],
        )  # fmt: skip
        made.add_row("total", "", f"{total['lookups']:,}", f"{total['lost']:,}",
                     f"{total['cost']:,.2f}", "", style="bold")  # fmt: skip
        show_table(made)
    else:
        out.print("no lookups so far")
    if found["caps"]:
        out.print(Text("\nbudget", style="bold"))
        made = table("", ">used", ">limit")
        for cap in found["caps"]:
            if cap["cap"] is not None:
                made.add_row(
                    cap["name"], f"{cap['used']:,.2f} {currency}", f"{cap['cap']:,.2f} {currency}"
                )
            if cap["cap_lookups"] is not None:
                made.add_row(cap["name"], f"{cap['used_lookups']:,} lookups",
                             f"{cap['cap_lookups']:,} lookups")  # fmt: skip
        show_table(made)
    if found["providers"]:
        out.print(Text("\nproviders", style="bold"))
        made = table("provider", "state", "=why", ">credit")
        for one in found["providers"]:
            healthy = one["breaker"] == "closed"
            until = f" until {local_minute(one['again_at'])}" if one["again_at"] else ""
            made.add_row(
                one["name"],
                Text("active", style="green") if healthy else Text("paused", style="red"),
                "" if healthy else Text(f"{one['label']} {one['reason']}{until}"),
                "" if one["credits"] is None else f"{one['credits']:,}",
            )
        show_table(made)
    if found["waiting"]:
        out.print(f"\n{found['waiting']:,} lookups got no answer; they are retried automatically")
