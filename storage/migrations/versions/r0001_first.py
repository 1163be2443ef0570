"""The tables of the first version."""

import sqlalchemy as sa
from alembic import op

from storage.columns import Id, Moment, Place

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("staff", sa.String(), nullable=False),
        sa.Column("deed", sa.String(), nullable=False),
        sa.Column("case_id", Id(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
    )
    op.create_table(
        "key_mark",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_key_mark_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_mark")),
    )
    op.create_table(
        "contacts",
        sa.Column("id", Id(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address_index", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=False),
        sa.Column("conversation", sa.LargeBinary(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("consented_at", Moment(), nullable=True),
        sa.Column("draft_until", Moment(), nullable=True),
        sa.Column("heard_at", Moment(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("blocked_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sa.UniqueConstraint("channel", "address_index", name=op.f("uq_contacts_channel_address_index")),
    )
    op.create_index(
        "ix_contacts_draft_until",
        "contacts",
        ["draft_until"],
        unique=False,
        postgresql_where=sa.text("draft_until IS NOT NULL"),
        sqlite_where=sa.text("draft_until IS NOT NULL"),
    )
    op.create_table(
        "heard",
        sa.Column("address_index", sa.LargeBinary(), nullable=False),
        sa.Column("message_index", sa.LargeBinary(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.Column("failed", sa.LargeBinary(), nullable=True),
        sa.Column("failure", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("address_index", "message_index", name=op.f("pk_heard")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_heard_expires_at",
        "heard",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("expires_at IS NOT NULL"),
        sqlite_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_index(
        "ix_heard_at",
        "heard",
        ["at"],
        unique=False,
        postgresql_where=sa.text("failed IS NOT NULL"),
        sqlite_where=sa.text("failed IS NOT NULL"),
    )
    op.create_table(
        "revisions",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("checksum", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_revisions")),
    )
    op.create_table(
        "staff",
        sa.Column("id", Id(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("regions", sa.JSON(), nullable=False),
        sa.Column("cleared", sa.Boolean(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("disabled_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("name_key", name=op.f("uq_staff_name_key")),
    )
    op.create_table(
        "cases",
        sa.Column("id", Id(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("contact_id", Id(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.Column("anonymous", sa.Boolean(), nullable=False),
        sa.Column("region", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("channel", sa.String(), nullable=True),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("last_step_at", Moment(), nullable=False),
        sa.Column("in_chat", sa.Boolean(), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=False),
        sa.Column("receipt_index", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.CheckConstraint(
            "NOT (anonymous AND contact_id IS NOT NULL)", name=op.f("ck_cases_anonymous_has_no_contact")
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_cases_contact_id_contacts"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("receipt_index", name=op.f("uq_cases_receipt_index")),
        sa.UniqueConstraint("reference", name=op.f("uq_cases_reference")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_cases_contact_id"), "cases", ["contact_id"], unique=False)
    op.create_index("ix_cases_status_due_at", "cases", ["status", "due_at"], unique=False)
    op.create_table(
        "lanes",
        sa.Column("contact_id", Id(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("until", Moment(), nullable=True),
        sa.Column("not_before", Moment(), nullable=False),
        sa.Column("closed_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_lanes_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_lanes")),
    )
    op.create_index(
        "ix_lanes_not_before",
        "lanes",
        ["not_before"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL"),
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", Id(), nullable=False),
        sa.Column("contact_id", Id(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("is_say", sa.Boolean(), nullable=False),
        sa.Column("cancel", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("gave_up_at", Moment(), nullable=True),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_outbox_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("contact_id", "seq", name=op.f("uq_outbox_contact_id_seq")),
    )
    op.create_index("ix_outbox_due_at", "outbox", ["due_at"], unique=False)
    op.create_index(
        "ix_outbox_expires_at",
        "outbox",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("expires_at IS NOT NULL"),
        sqlite_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_table(
        "revision_files",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["number"],
            ["revisions.number"],
            name=op.f("fk_revision_files_number_revisions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", "path", name=op.f("pk_revision_files")),
    )
    op.create_table(
        "attachments",
        sa.Column("place", Place(), autoincrement=False, nullable=False),
        sa.Column("id", Id(), nullable=False),
        sa.Column("contact_id", Id(), nullable=True),
        sa.Column("case_id", Id(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("(contact_id IS NULL) <> (case_id IS NULL)", name=op.f("ck_attachments_one_owner")),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_attachments_case_id_cases"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contacts.id"],
            name=op.f("fk_attachments_contact_id_contacts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_attachments")),
        sa.UniqueConstraint("id", name=op.f("uq_attachments_id")),
    )
    op.create_index(op.f("ix_attachments_case_id"), "attachments", ["case_id"], unique=False)
    op.create_index(op.f("ix_attachments_contact_id"), "attachments", ["contact_id"], unique=False)
    op.create_table(
        "case_messages",
        sa.Column("id", Id(), nullable=False),
        sa.Column("case_id", Id(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("staff_id", Id(), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("author IN ('person', 'staff', 'system')", name=op.f("ck_case_messages_author")),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_case_messages_case_id_cases"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_messages")),
        sa.UniqueConstraint("case_id", "position", name=op.f("uq_case_messages_case_id_position")),
        sqlite_with_rowid=False,
    )
