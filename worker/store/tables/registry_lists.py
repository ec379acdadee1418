"""Lists with an authority, and certificates of scrubs."""

from __future__ import annotations

import sqlalchemy as sa

from worker.store.tables.columns import UtcDateTime, metadata

# Registries: suppression lists with an authority, such as the US National Do Not Call Registry.
# They match at a sync and at a scrub; their numbers have no rows in `suppressions`.
registries = sa.Table(
    "registries",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(80), nullable=False, unique=True),
    sa.Column("authority", sa.String(120), nullable=False),
    sa.Column("channels", sa.String(20), nullable=False),
    # The import that is in force; 0: none yet. See worker.registries.numbers.
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("numbers", sa.BigInteger, nullable=False),  # that it holds
    sa.Column("as_of", UtcDateTime),  # for when the authority's file holds: its age counts from it
)

# The imports of registries: one row for the list as a whole, none for its numbers.
registry_imports = sa.Table(
    "registry_imports",
    metadata,
    sa.Column("registry", sa.Integer, sa.ForeignKey("registries.id"), primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True),  # counts up from 1
    sa.Column("kind", sa.String(10), nullable=False),  # whole, changes
    # loading, refused, failed; in_force: contacts are still to be told; done
    sa.Column("state", sa.String(10), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("as_of", UtcDateTime, nullable=False),
    sa.Column("by", sa.String(120), nullable=False),
    sa.Column("owner", sa.String(120), nullable=False),  # who loads it (worker.leases)
    sa.Column("files", sa.Text, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),  # of the files' bytes, in their order
    sa.Column("refused", sa.BigInteger, nullable=False),  # lines that could not be read
    sa.Column("added", sa.BigInteger, nullable=False),
    sa.Column("removed", sa.BigInteger, nullable=False),
    sa.Column("numbers", sa.BigInteger, nullable=False),  # of the list, with this import
    # The number of our index up to which contacts were told.
    sa.Column("told", sa.String(20), nullable=False),
    sa.Column("error", sa.String(255), nullable=False),
)

# The numbers of all registries: E.164 without its plus. One holds from import `since` on, and up to
# import `until`, which took it off. Ten million rows: no column more, and none wider.
registry_numbers = sa.Table(
    "registry_numbers",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("registry", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("until", sa.Integer),
    sa.Index(
        "ix_registry_numbers_until",
        "registry",
        sqlite_where=sa.text("until IS NOT NULL"),
        postgresql_where=sa.text("until IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

# Certificates of scrubs: who asked about which list, when, and what was answered. No number is
# kept, nor anything from which one could be found without our key (worker.scrub.certificates).
scrubs = sa.Table(
    "scrubs",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False, index=True),
    sa.Column("ended_at", UtcDateTime, nullable=False),
    sa.Column("who", sa.String(120), nullable=False),
    sa.Column("channel", sa.String(10), nullable=False),  # "": each number had its own
    sa.Column("numbers", sa.BigInteger, nullable=False),
    sa.Column("list_hash", sa.String(64), nullable=False),  # keyed
    sa.Column("counts", sa.JSON, nullable=False),  # {allow, deny, reasons: {reason: count}}
    sa.Column("rules", sa.JSON, nullable=False),
    sa.Column("registries", sa.JSON, nullable=False),
    sa.Column("signature", sa.String(64), nullable=False),
)
