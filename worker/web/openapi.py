"""The OpenAPI document of the HTTP API: `python -m worker.web.openapi` writes docs/openapi.json."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from config.settings import Settings, load
from worker.store.engine import upgrade
from worker.web.app import make_app

FILE = Path("docs/openapi.json")


def document(settings: Settings) -> str:
    """Return the document as text, as it stands in the repository. No setting changes it."""
    app = make_app(settings)
    try:
        return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"
    finally:
        app.state.ctx.close()


def write(file: Path) -> None:
    with tempfile.TemporaryDirectory() as home:
        settings = load({"HYGIENE_HOME": home})
        upgrade(settings.database_url)
        file.write_text(document(settings), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
