"""Files that a page has downloaded: CSV in blocks, and workbooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from fastapi import HTTPException
from fastapi.responses import FileResponse, Response
from starlette.background import BackgroundTask

from config import temporary
from connectors.csv_list.errors import ListError
from connectors.csv_list.formula_guard import formula_safe
from connectors.csv_list.workbook import WorkbookWriter


def as_workbook(title: str, rows: Iterator[list[str]], headers: Mapping[str, str]) -> Response:
    """Answer with a workbook of one sheet. Its file goes when it is sent."""
    path, folder = _workbook(title, rows)
    return FileResponse(
        path,
        headers=dict(headers),
        media_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        background=BackgroundTask(folder.close),
    )


def in_blocks(lines: Iterator[str], size: int = 200) -> Iterator[str]:
    """Yield lines many at a time: each piece of an answer takes its way through the server."""
    block: list[str] = ["\ufeff"]  # without which Excel takes the text for another encoding
    for line in lines:
        block.append(line)
        if len(block) >= size:
            yield "".join(block)
            block = []
    yield "".join(block)


def _workbook(title: str, rows: Iterator[list[str]]) -> tuple[Path, temporary.Folder]:
    """Write a workbook row by row to a file in a folder of its own, which the caller closes; raises
    409 where a sheet is too short."""
    folder = temporary.Folder()
    path = folder.path / "export.xlsx"
    book = WorkbookWriter(title)
    try:
        for row in rows:
            book.row(map(formula_safe, row))
        book.save(path)
    except ListError as error:
        book.abandon()
        folder.close()
        raise HTTPException(409, f"{error}.") from None
    except BaseException:
        folder.close()
        raise
    return path, folder
