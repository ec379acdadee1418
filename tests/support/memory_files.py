"""Where the files of tests lie."""

from __future__ import annotations

import os
import shutil
import tempfile

_MEMORY = "/dev/shm"
_ROOM = 6 << 30  # bytes; a whole run needs a fraction of it at a time


def keep_files_in_memory() -> None:
    """Let temporary files lie in memory where there is room for them: the tests write gigabytes of
    databases that nobody reads again. TMPDIR, if it is set, decides instead."""
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return
    if shutil.disk_usage(_MEMORY).free > _ROOM:
        os.environ["TMPDIR"] = _MEMORY
        tempfile.tempdir = None  # it is looked up anew
