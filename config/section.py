"""The base of all settings: strict tables, durations, and errors of one line each."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

from config.errors import HygieneError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"\s*(\d+)\s*([smhd])\s*")


class SettingsError(HygieneError):
    """Settings are wrong or missing. `problems` holds one line for each, naming the setting."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def parse_duration(value: object) -> object:
    """Parse `90d`, `15m`, `30s` or `2h` into a timedelta. Anything else raises `ValueError`.

    >>> parse_duration("15m")
    datetime.timedelta(seconds=900)
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        number, unit = match.groups()
        if int(number) <= 100_000:
            return timedelta(**{_UNITS[unit]: int(number)})
    raise ValueError("write a whole number and a unit, like 30s, 15m, 2h or 90d")


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]


def from_environment(variable: str, *, optional: bool = False) -> Any:
    """Declare a setting that comes from an environment variable and never from the TOML file: a
    secret. `VARIABLE_FILE` may name a file that holds it instead. For connectors of other packages.

    `optional`: it is "" where the variable is not set; else a connection without it is refused.
    """
    extra: dict[str, Any] = {"environment": variable}
    if optional:
        return Field("", repr=False, exclude=True, json_schema_extra=extra)
    return Field(repr=False, exclude=True, json_schema_extra=extra)


def environment_variable(info: FieldInfo) -> str:
    """Return the variable of a field that was made with `from_environment`; "" for any
    other field."""
    extra = info.json_schema_extra
    return str(extra.get("environment", "")) if isinstance(extra, dict) else ""


class Section(BaseModel):
    """A table of the TOML file. Unknown keys are errors: a typo must not pass for a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)
