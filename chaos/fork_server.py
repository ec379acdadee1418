"""Start the product's processes by forking one that has its libraries loaded.

A start costs milliseconds instead of a second, so hundreds of schedules take minutes.

Reads one request a line, as JSON: `argv` (of `python -m ...`), `env`, `log`, `overrides` (see that
module), and for a command `out` and `done`, where its output and its exit code are kept. Answers
each with the id of the new process, which is like any other: it has a session, an environment and a
log of its own, and reads its settings after the fork.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any


def serve() -> None:
    import celery.bin.celery  # noqa: F401 - loaded here once, for all that are forked
    import fastapi  # noqa: F401
    import hubspot  # noqa: F401
    import phonenumbers  # noqa: F401
    import psycopg  # noqa: F401
    import uvicorn  # noqa: F401

    import worker.segments.isolation
    import worker.suppression.apply_reports
    import worker.sync.propagate
    import worker.sync.undo.undo  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: no zombies
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _run_child(request)
        print(json.dumps(pid), flush=True)


def _run_child(request: dict[str, Any]) -> None:
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
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
        from chaos import overrides

        overrides.apply_patches(request.get("overrides") or {})
        sys.argv = request["argv"]
        runpy.run_module(request["argv"][0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if done := request.get("done"):
            Path(done).write_text(str(code))
        os._exit(code)


if __name__ == "__main__":
    serve()
