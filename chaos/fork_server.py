"""Start the product's processes by forking one that has its libraries loaded.

A start costs milliseconds instead of a second, so hundreds of schedules take minutes.

Reads one request a line, as JSON: `argv` (of `python -m ...`), `env`, `log`, `overrides` (see that
module), `cwd`, `umask`, `most_bytes` (of a file that it writes), and for a command `out` and
`done`, where its output and its exit code are kept. Answers each with the id of the new process,
which is like any other: it has a session, an environment and a log of its own, and reads its
settings after the fork. `status` is a file that is written once the process has ended, however it
did: its exit code, or the negative number of the signal that ended it.
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import runpy
import select
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def serve() -> None:
    # Loaded here once, for all that are forked. `worker.app` is not: it reads the settings.
    import alembic.command  # noqa: F401
    import celery.bin.celery  # noqa: F401
    import hubspot  # noqa: F401
    import phonenumbers  # noqa: F401
    import psycopg  # noqa: F401
    import simple_salesforce  # noqa: F401
    import uvicorn.protocols.http.auto  # noqa: F401

    import worker.alerts.digest
    import worker.cli.main
    import worker.cli.supervisor
    import worker.queue.beat
    import worker.queue.broker
    import worker.queue.schedule
    import worker.segments.isolation
    import worker.suppression.apply_reports
    import worker.sync.propagate
    import worker.sync.undo.undo
    import worker.web.serve  # noqa: F401

    statuses: dict[int, str] = {}  # process -> the file that waits for how it ends
    for request in _requests(statuses):
        pid = os.fork()
        if pid == 0:
            _run_child(request)
        if status := request.get("status"):
            statuses[pid] = status
        print(json.dumps(pid), flush=True)


def _requests(statuses: dict[int, str]) -> Iterator[dict[str, Any]]:
    """Yield what is asked for; meanwhile, wait for the processes that end."""
    ended, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakeup)
    came = b""
    while True:
        ready, _, _ = select.select([0, ended], [], [])
        if ended in ready:
            os.read(ended, 4096)
            _reap(statuses)
        if 0 in ready:
            part = os.read(0, 1 << 20)
            if not part:
                return
            *lines, came = (came + part).split(b"\n")
            yield from map(json.loads, lines)


def _reap(statuses: dict[int, str]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        if path := statuses.pop(pid, None):
            written = Path(f"{path}.new")
            written.write_text(str(os.waitstatus_to_exitcode(status)))
            written.replace(path)


def _run_child(request: dict[str, Any]) -> None:
    code = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if most := request.get("most_bytes"):
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        os.umask(request.get("umask", os.umask(0o077)))
        os.chdir(request.get("cwd") or ".")
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        out = os.open(request["out"], flags, 0o600) if request.get("out") else log
        for target, source in ((0, null), (1, out), (2, log)):
            os.dup2(source, target)
        sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        os.environ.clear()
        os.environ.update(request["env"])
        if "overrides" in request:
            from chaos import overrides

            overrides.apply_patches(request["overrides"] or {})
        sys.argv = request["argv"]
        runpy.run_module(request["argv"][0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # as an interpreter that ends does
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        if done := request.get("done"):
            Path(done).write_text(str(code))
        os._exit(code)


if __name__ == "__main__":
    serve()
