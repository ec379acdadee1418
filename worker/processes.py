"""`hygiene up`: the Procfile's processes on this machine, with embedded parts where none is set."""

from __future__ import annotations

import os
import shlex
import sys

from honcho.manager import Manager

from config.settings import Settings
from worker import embedded
from worker.store.private_files import UMASK


def commands(settings: Settings) -> dict[str, str]:
    """Process name -> shell command, run by this same Python."""
    python = shlex.quote(sys.executable)
    celery = f"{python} -m celery --app worker.app"
    level = settings.log.level
    return {
        "web": f"{python} -m worker web",
        "worker": f"{celery} worker --loglevel {level}",
        "beat": f"{celery} beat --loglevel {level}",
    }


def run_all(settings: Settings) -> int:
    """Run all until one ends or we are told to stop; returns an exit code."""
    os.umask(UMASK)  # for all processes that are started here
    mine = not settings.redis_url and not embedded.answers(settings.home)
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if not settings.redis_url:
        embedded.ensure(settings.home)
    manager = Manager()
    for name, command in commands(settings).items():
        manager.add_process(name, command, env=env)
    try:
        manager.loop()
    finally:
        if mine:
            embedded.stop(settings.home)
    code: int = manager.returncode or 0
    return 0 if code in (130, 143) else code  # stopped by Ctrl-C or a service manager
