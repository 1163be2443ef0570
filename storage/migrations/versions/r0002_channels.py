"""What channels need whose provider answers later: statuses, windows, pauses, files to fetch."""

import sqlalchemy as sa
from alembic import op

from storage.columns import Id, Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contacts", sa.Column("window_until", Moment(), nullable=True))
    op.add_column("outbox", sa.Column("part", sa.Integer(), server_default="0", nullable=False))
    op.add_column("outbox", sa.Column("sent_at", Moment(), nullable=True))
    op.add_column("outbox", sa.Column("case_message_id", Id(), nullable=True))
    op.add_column("lanes", sa.Column("knocked_at", Moment(), nullable=True))
    op.create_index(
        "ix_outbox_sent_at",
        "outbox",
        ["sent_at"],
        unique=False,
        postgresql_where=sa.text("sent_at IS NOT NULL"),
        sqlite_where=sa.text("sent_at IS NOT NULL"),
    )
    op.create_table(
        "deliveries",
        sa.Column("message_index", sa.LargeBinary(), nullable=False),
        sa.Column("contact_id", Id(), nullable=False),
        sa.Column("outbox_id", Id(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("case_message_id", Id(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_deliveries_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_index", name=op.f("pk_deliveries")),
        sqlite_with_rowid=False,
    )
    for column in ("contact_id", "case_message_id", "at"):
        op.create_index(op.f(f"ix_deliveries_{column}"), "deliveries", [column], unique=False)
    op.create_table(
        "pauses",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("not_before", Moment(), nullable=False),
        sa.Column("streak", sa.Integer(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_pauses")),
    )
    op.create_table(
        "fetches",
        sa.Column("attachment_id", Id(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("ref", sa.LargeBinary(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("until", Moment(), nullable=True),
        sa.Column("not_before", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["attachments.id"],
            name=op.f("fk_fetches_attachment_id_attachments"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("attachment_id", name=op.f("pk_fetches")),
    )
    op.create_index(op.f("ix_fetches_not_before"), "fetches", ["not_before"], unique=False)
