"""The home of the embedded parts: where it is new, that is said, and where the last one is.

Without HYGIENE_HOME the home is `.hygiene` in the folder one stands in. Whoever stands elsewhere
than the last time would begin anew without noticing; so the last home is kept in a file of the
user's (https://specifications.freedesktop.org/basedir-spec/latest/, `XDG_STATE_HOME`). It
decides nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from config.settings import Settings


def is_new(settings: Settings) -> bool:
    """Whether the database would be in the home, and there is none yet."""
    path = settings.home / "hygiene.db"
    return settings.database_url == f"sqlite:///{path}" and not path.exists()


def about_new(settings: Settings, env: Mapping[str, str] = os.environ) -> str:
    """A line on a home that is new: where it is, and which was used the last time."""
    other = last_used(env)
    if env.get("HYGIENE_HOME") or other is None or other == settings.home:
        return f"a new home: {settings.home} (set HYGIENE_HOME to have it elsewhere)"
    return (
        f"a new home: {settings.home}; the last one was {other}: to go on with that, set "
        f"HYGIENE_HOME={other}"
    )


@contextmanager
def looked_at(settings: Settings) -> Iterator[Settings]:
    """Settings for what only looks: it makes no home. Where there is none it sees an empty
    database, which is gone afterwards."""
    if not is_new(settings):
        yield settings
        return
    with TemporaryDirectory(prefix="hygiene-") as folder:
        home = Path(folder)
        url = f"sqlite:///{home / 'hygiene.db'}"
        yield settings.model_copy(update={"home": home, "database_url": url})


def last_used(env: Mapping[str, str] = os.environ) -> Path | None:
    """The home that was used the last time, if it is still there."""
    with suppress(OSError, ValueError, RuntimeError):
        path = Path(_file(env).read_text(encoding="utf-8").strip())
        if path.is_absolute() and path.is_dir():
            return path
    return None


def remember(home: Path, env: Mapping[str, str] = os.environ) -> None:
    """Keep it as the last one; where that cannot be done it does not matter."""
    with suppress(OSError, ValueError, RuntimeError):
        file = _file(env)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(f"{home}\n", encoding="utf-8")


def _file(env: Mapping[str, str]) -> Path:
    """Raises `RuntimeError` for a user without a home directory."""
    given = env.get("XDG_STATE_HOME", "")
    folder = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return folder / "phone-hygiene" / "last-home"
