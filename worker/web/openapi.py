"""The OpenAPI document of the HTTP API: `python -m worker.web.openapi` writes docs/openapi.json."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
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


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m worker.web.openapi",
        description="Write the OpenAPI document of the HTTP API.",
    )
    parser.add_argument(
        "file", nargs="?", type=Path, default=FILE, help="the file to write; default: %(default)s"
    )
    file: Path = parser.parse_args(arguments).file
    if not file.parent.is_dir():
        parser.error(
            f"there is no folder {file.parent}; run this at the root of the source, or name a file"
        )
    write(file)


if __name__ == "__main__":
    main()
