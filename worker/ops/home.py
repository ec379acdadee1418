"""Announce a new home of the embedded parts, and remember the last one.

Without HYGIENE_HOME the home is `.hygiene` in the current directory. A user in another directory
than last time would start with an empty home without noticing. So the path of the last home is
kept in the user's state directory (https://specifications.freedesktop.org/basedir-spec/latest/,
`XDG_STATE_HOME`). It is only shown, and never decides which home is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from config import temporary
from config.settings import Settings


def is_new(settings: Settings) -> bool:
    """Return whether the database belongs in the home and does not exist yet."""
    path = settings.home / "hygiene.db"
    return settings.database_url == f"sqlite:///{path}" and not path.exists()


def about_new(settings: Settings, env: Mapping[str, str] = os.environ) -> str:
    """Return a line about a new home: where it is, and which home was used last."""
    other = last_used(env)
    if env.get("HYGIENE_HOME") or other is None or other == settings.home:
        return f"a new home: {settings.home} (to use another place, set HYGIENE_HOME)"
    return (
        f"a new home: {settings.home}; the last one was {other}; to use that, set "
        f"HYGIENE_HOME={other}"
    )


@contextmanager
def looked_at(settings: Settings) -> Iterator[Settings]:
    """Yield settings for a command that only reads, and creates no home. If there is no home yet,
    the command sees a temporary empty database."""
    if not is_new(settings):
        yield settings
        return
    with temporary.folder() as home:
        url = f"sqlite:///{home / 'hygiene.db'}"
        yield settings.model_copy(update={"home": home, "database_url": url})


def last_used(env: Mapping[str, str] = os.environ) -> Path | None:
    """Return the home that was used last, if it still exists."""
    with suppress(OSError, ValueError, RuntimeError):
        path = Path(_file(env).read_text(encoding="utf-8").strip())
        if path.is_absolute() and path.is_dir():
            return path
    return None


def remember(home: Path, env: Mapping[str, str] = os.environ) -> None:
    """Store it as the last home; ignore errors."""
    with suppress(OSError, ValueError, RuntimeError):
        file = _file(env)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(f"{home}\n", encoding="utf-8")


def _file(env: Mapping[str, str]) -> Path:
    """Return the file's path. Raises `RuntimeError` for a user without a home directory."""
    given = env.get("XDG_STATE_HOME", "")
    folder = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return folder / "phone-hygiene" / "last-home"
