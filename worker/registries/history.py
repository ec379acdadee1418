"""The imports of a registry, for people."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.registries.model import Registry
from worker.store.tables import registry_imports

_LIMIT = 100


def imports_of(connection: Connection, registry: Registry) -> list[dict[str, Any]]:
    """Return the latest imports, newest first, also those that were refused or died."""
    i = registry_imports.c
    query = (
        sa.select(registry_imports)
        .where(i.registry == registry.id)
        .order_by(i.generation.desc())
        .limit(_LIMIT)
    )
    return [
        {
            "import": row.generation,
            "kind": row.kind,
            "state": row.state,
            "at": row.at.isoformat(),
            "as_of": row.as_of.isoformat(),
            "by": row.by,
            "files": row.files,
            "sha256": row.sha256,
            "refused": row.refused,
            "added": row.added,
            "removed": row.removed,
            "numbers": row.numbers,
            "error": row.error,
        }
        for row in connection.execute(query)
    ]
