"""When somebody may be called. Pure: no store, network, clock or settings."""

from worker.calling_hours.rules import Hours, Rule, Rules, load_rules, parse_hours
from worker.calling_hours.week import week_text
from worker.calling_hours.window import Window, window

__all__ = ["Hours", "Rule", "Rules", "Window", "load_rules", "parse_hours", "week_text", "window"]
