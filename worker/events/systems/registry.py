"""The systems that there are, made ready by the settings.

A system is a line in `config.plugins.BUILT_IN_SYSTEMS`, or an entry point of the group
`phone_hygiene.systems` in an installed package: a class derived from `System`. It is loaded only if
an endpoint is of its kind.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from config.event_names import WEBHOOK
from config.events import variable_prefix
from config.plugins import BUILT_IN_SYSTEMS, systems
from config.section import SettingsError
from config.settings import Settings
from worker.events.systems.base import System


def kinds() -> tuple[str, ...]:
    """Return the kinds of endpoints that can be added by hand."""
    return (WEBHOOK, *BUILT_IN_SYSTEMS)


def load(kind: str) -> type[System]:
    """Return the class of a system. Raises `SettingsError` where it cannot be loaded.

    Whatever a foreign module raises while it is imported is told in one line.
    """
    point = systems().get(kind)
    if point is None:
        known = ", ".join((WEBHOOK, *systems()))
        raise SettingsError(f"kind: there is no system {kind!r} (known: {known})")
    try:
        loaded = point.load()
    except Exception as error:
        raise SettingsError(
            f"kind {kind}: {point.value} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, System)):
        raise SettingsError(f"kind {kind}: {point.value} is not derived from System")
    if loaded.name != kind:
        raise SettingsError(f"kind {kind}: {point.value} calls itself {loaded.name!r}")
    return loaded


def label(kind: str) -> str:
    """Return what people call a system; its kind where it is not installed any more."""
    try:
        return load(kind).label
    except SettingsError:
        return kind


def check(kind: str, settings: Settings) -> None:
    """Raise `SettingsError` for each variable that a system needs and that is not set."""
    loaded = load(kind)
    values = _values(loaded, settings)
    about = {variable.name: variable.about for variable in loaded.variables}
    problems = [
        f"{name}: missing; {loaded.label} needs it{f' ({about[name]})' if name in about else ''}"
        for name in loaded.missing(values)
    ]
    problems += loaded.mistakes(values)
    wrong = [name for name in about if not name.startswith(variable_prefix(kind))]
    problems += [f"{name}: a variable of {kind} begins with {variable_prefix(kind)}"
                 for name in wrong]  # fmt: skip
    if problems:
        raise SettingsError(*problems)


def check_settings(settings: Settings) -> None:
    """Raise `SettingsError` with all that is wrong with the systems of `[events.endpoints]`."""
    problems: dict[str, None] = {}
    for kind in sorted(settings.events.kinds):
        try:
            check(kind, settings)
        except SettingsError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise SettingsError(*problems)


def build(
    kind: str, settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> System:
    """Open a system. Raises `SettingsError` as `check` does."""
    check(kind, settings)
    loaded = load(kind)
    return loaded(_values(loaded, settings), settings.events.timeout, now)


def _values(loaded: type[System], settings: Settings) -> dict[str, str]:
    given = settings.system_variables
    return {
        variable.name: given.get(variable.name) or variable.default for variable in loaded.variables
    }
