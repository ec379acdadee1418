"""Customers who are asked to confirm their number, or their opt-out."""

from __future__ import annotations

import sqlalchemy as sa

from worker.store.tables.columns import BigId, UtcDateTime, metadata

# Ask campaigns: who is asked to confirm their number, on which legal basis, how fast, and for how
# much money at most (worker.asking).
ask_campaigns = sa.Table(
    "ask_campaigns",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(60), nullable=False, unique=True),
    sa.Column("channel", sa.String(10), nullable=False),  # text, email
    sa.Column("selection", sa.JSON, nullable=False),  # worker.asking.model.Selection
    sa.Column("basis", sa.String(255), nullable=False),  # the legal basis; "" = recorded consent
    sa.Column("state", sa.String(10), nullable=False),  # running, paused, stopped, done
    sa.Column("per_minute", sa.Integer, nullable=False),
    sa.Column("budget", sa.BigInteger, nullable=False),  # millionths of the currency
    sa.Column("spent", sa.BigInteger, nullable=False),  # ... with what is reserved
    sa.Column("next_at", UtcDateTime, nullable=False),  # when the next message may be sent
    sa.Column("troubles", sa.Integer, nullable=False),  # messages in a row that nobody took
    sa.Column("error", sa.String(255), nullable=False),
    sa.Column("left_out", sa.JSON, nullable=False),  # {reason: contacts}, when it was started
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(120), nullable=False),
)

# One row for each contact that a campaign asks: at most one message to a person, and to a number.
ask_messages = sa.Table(
    "ask_messages",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("campaign_id", BigId, nullable=False),
    sa.Column("connector", sa.String(40), nullable=False),
    sa.Column("object", sa.String(80), nullable=False),
    sa.Column("record_id", sa.String(80), nullable=False),
    # Who it is: the keyed hash of the email, or the contact's key.
    sa.Column("recipient", sa.String(200), nullable=False),
    sa.Column("number", sa.String(40), nullable=False),
    # waiting, sending, sent, uncertain (it may have been sent), refused, withheld
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("reason", sa.String(40), nullable=False),  # why it was refused or withheld
    sa.Column("not_before", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("owner", sa.String(120)),  # who is sending it
    sa.Column("claimed_at", UtcDateTime),  # from here on it counts as asked
    sa.Column("price", sa.BigInteger, nullable=False),
    sa.Column("code_hash", sa.String(64), unique=True),  # of its link
    sa.Column("vendor_id", sa.String(64), nullable=False),
    sa.Column("opened_at", UtcDateTime),
    sa.Column("answer", sa.String(10), nullable=False),  # confirmed, corrected, not_me, stopped
    sa.Column("answered_at", UtcDateTime),
    sa.UniqueConstraint("campaign_id", "recipient"),
    sa.UniqueConstraint("campaign_id", "number"),
    sa.Index("ix_ask_messages_state", "campaign_id", "state", "not_before"),
    sa.Index("ix_ask_messages_number", "number"),
    sa.Index("ix_ask_messages_recipient", "recipient"),
    sa.Index("ix_ask_messages_claimed_at", "claimed_at"),
    sa.Index("ix_ask_messages_record", "connector", "object", "record_id"),
)

# Opt-outs by text after which one question was asked, or is to be (worker.asking.clarifying): once
# for a number, ever.
opt_out_questions = sa.Table(
    "opt_out_questions",
    metadata,
    sa.Column("number", sa.String(40), primary_key=True),
    sa.Column("report_key", sa.String(255), nullable=False),  # of the opt-out
    # waiting, sending, sent, uncertain, refused, withheld, answered
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("opted_out_at", UtcDateTime, nullable=False),  # when it reached us
    sa.Column("owner", sa.String(120)),  # who is sending it
    sa.Column("claimed_at", UtcDateTime),  # from here on it counts as sent
    sa.Column("vendor_id", sa.String(64), nullable=False),
    sa.Column("answered_at", UtcDateTime),
    sa.Index("ix_opt_out_questions_state", "state", "opted_out_at"),
)
