"""What the case desk needs: accounts, notes, referrals, exclusions, alerts."""

import sqlalchemy as sa
from alembic import op

from storage.columns import Id, Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "login_failures",
        sa.Column("who", sa.LargeBinary(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("last_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("who", name=op.f("pk_login_failures")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "step_counts",
        sa.Column("day", Moment(), nullable=False),
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("entered", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "flow", "step", name=op.f("pk_step_counts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rota",
        sa.Column("id", Id(), nullable=False),
        sa.Column("staff_id", Id(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("opens", sa.Integer(), nullable=False),
        sa.Column("closes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_rota_staff_id_staff"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rota")),
    )
    op.create_index(op.f("ix_rota_staff_id"), "rota", ["staff_id"], unique=False)

    op.create_table(
        "sessions",
        sa.Column("token_index", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", Id(), nullable=False),
        sa.Column("csrf", sa.String(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_sessions_staff_id_staff"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_index", name=op.f("pk_sessions")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_sessions_staff_id"), "sessions", ["staff_id"], unique=False)

    op.create_table(
        "alerts",
        sa.Column("id", Id(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("contact_id", Id(), nullable=True),
        sa.Column("case_id", Id(), nullable=True),
        sa.Column("held_case_id", Id(), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("next_at", Moment(), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("taken_by", Id(), nullable=True),
        sa.Column("taken_at", Moment(), nullable=True),
        sa.Column("closed_at", Moment(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_alerts_case_id_cases"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_alerts_contact_id_contacts"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["held_case_id"], ["cases.id"], name=op.f("fk_alerts_held_case_id_cases"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_alerts_at",
        "alerts",
        ["at"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL"),
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(op.f("ix_alerts_case_id"), "alerts", ["case_id"], unique=False)
    op.create_index(op.f("ix_alerts_contact_id"), "alerts", ["contact_id"], unique=False)
    op.create_index(op.f("ix_alerts_held_case_id"), "alerts", ["held_case_id"], unique=False)
    op.create_index(
        "ix_alerts_next_at",
        "alerts",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("next_at IS NOT NULL"),
        sqlite_where=sa.text("next_at IS NOT NULL"),
    )

    op.create_table(
        "case_links",
        sa.Column("case_id", Id(), nullable=False),
        sa.Column("other_id", Id(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_case_links_case_id_cases"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["cases.id"], name=op.f("fk_case_links_other_id_cases"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("case_id", "other_id", name=op.f("pk_case_links")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_case_links_other_id"), "case_links", ["other_id"], unique=False)

    op.create_table(
        "case_words",
        sa.Column("word", sa.LargeBinary(), nullable=False),
        sa.Column("case_id", Id(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_case_words_case_id_cases"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("word", "case_id", name=op.f("pk_case_words")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_case_words_case_id"), "case_words", ["case_id"], unique=False)

    op.create_table(
        "disclosures",
        sa.Column("id", Id(), nullable=False),
        sa.Column("case_id", Id(), nullable=False),
        sa.Column("asked_by", Id(), nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.Column("decided_by", Id(), nullable=True),
        sa.Column("decided_at", Moment(), nullable=True),
        sa.Column("granted", sa.Boolean(), nullable=True),
        sa.Column("emergency", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_disclosures_case_id_cases"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosures")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_disclosures_case_id"), "disclosures", ["case_id"], unique=False)

    op.create_table(
        "exclusions",
        sa.Column("id", Id(), nullable=False),
        sa.Column("case_id", Id(), nullable=False),
        sa.Column("staff_id", Id(), nullable=True),
        sa.Column("office", sa.String(), nullable=True),
        sa.CheckConstraint("(staff_id IS NULL) <> (office IS NULL)", name=op.f("ck_exclusions_one_of_both")),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_exclusions_case_id_cases"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exclusions")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_exclusions_case_id"), "exclusions", ["case_id"], unique=False)

    op.create_table(
        "notes",
        sa.Column("id", Id(), nullable=False),
        sa.Column("case_id", Id(), nullable=False),
        sa.Column("staff_id", Id(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_notes_case_id_cases"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_notes_case_id"), "notes", ["case_id"], unique=False)

    op.create_table(
        "referrals",
        sa.Column("id", Id(), nullable=False),
        sa.Column("case_id", Id(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_by", Id(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.Column("consented_at", Moment(), nullable=True),
        sa.Column("sent_at", Moment(), nullable=True),
        sa.Column("remind_at", Moment(), nullable=True),
        sa.Column("answered_at", Moment(), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_referrals_case_id_cases"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referrals")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_referrals_case_id"), "referrals", ["case_id"], unique=False)
    op.create_index(op.f("ix_referrals_service"), "referrals", ["service"], unique=False)
    op.create_index(
        "ix_referrals_remind_at",
        "referrals",
        ["remind_at"],
        unique=False,
        postgresql_where=sa.text("remind_at IS NOT NULL"),
        sqlite_where=sa.text("remind_at IS NOT NULL"),
    )

    op.create_table(
        "reply_drafts",
        sa.Column("case_id", Id(), nullable=False),
        sa.Column("staff_id", Id(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_reply_drafts_case_id_cases"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("case_id", "staff_id", name=op.f("pk_reply_drafts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mentions",
        sa.Column("note_id", Id(), nullable=False),
        sa.Column("staff_id", Id(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["note_id"], ["notes.id"], name=op.f("fk_mentions_note_id_notes"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("note_id", "staff_id", name=op.f("pk_mentions")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mentions_staff_id", "mentions", ["staff_id"], unique=False)

    op.create_table(
        "transcripts",
        sa.Column("attachment_id", Id(), nullable=False),
        sa.Column("case_id", Id(), nullable=False),
        sa.Column("staff_id", Id(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["attachments.id"],
            name=op.f("fk_transcripts_attachment_id_attachments"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.id"], name=op.f("fk_transcripts_case_id_cases"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("attachment_id", name=op.f("pk_transcripts")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_transcripts_case_id"), "transcripts", ["case_id"], unique=False)

    op.add_column("cases", sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    op.add_column("cases", sa.Column("owed", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("cases", sa.Column("promised_at", Moment(), nullable=True))
    op.add_column("cases", sa.Column("assignee_id", Id(), nullable=True))
    op.add_column("cases", sa.Column("entry", sa.String(), nullable=True))
    op.add_column("cases", sa.Column("external_id", sa.LargeBinary(), nullable=True))
    op.add_column("cases", sa.Column("legal_hold", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("cases", sa.Column("heard_at", Moment(), nullable=True))
    op.add_column("cases", sa.Column("first_answer_at", Moment(), nullable=True))
    op.add_column("cases", sa.Column("answered_at", Moment(), nullable=True))
    op.add_column("cases", sa.Column("resolved_at", Moment(), nullable=True))
    op.add_column("cases", sa.Column("closed_at", Moment(), nullable=True))
    op.add_column("cases", sa.Column("settled", sa.Boolean(), nullable=True))
    op.add_column("cases", sa.Column("merged_into", Id(), nullable=True))
    op.create_index(
        "ix_cases_assignee_id_due_at",
        "cases",
        ["assignee_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("status <> 'closed'"),
        sqlite_where=sa.text("status <> 'closed'"),
    )
    op.create_index(
        "ix_cases_unanswered",
        "cases",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("owed AND status NOT IN ('resolved', 'closed')"),
        sqlite_where=sa.text("owed AND status NOT IN ('resolved', 'closed')"),
    )
    op.create_index("ix_cases_status_opened_at", "cases", ["status", "opened_at"], unique=False)
    op.create_index(
        "ix_cases_heard_at",
        "cases",
        ["heard_at"],
        unique=False,
        postgresql_where=sa.text("heard_at >= coalesce(answered_at, opened_at)"),
        sqlite_where=sa.text("heard_at >= coalesce(answered_at, opened_at)"),
    )
    op.create_index(
        "ix_cases_reference_begins",
        "cases",
        ["reference"],
        unique=False,
        postgresql_ops={"reference": "text_pattern_ops"},
    )
    op.create_index(
        "ix_cases_due_at",
        "cases",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("status <> 'closed'"),
        sqlite_where=sa.text("status <> 'closed'"),
    )
    op.create_index("ix_cases_opened_at", "cases", ["opened_at"], unique=False)

    op.add_column("staff", sa.Column("office", sa.String(), server_default="", nullable=False))
    op.add_column("staff", sa.Column("language", sa.String(), server_default="fr", nullable=False))
    op.add_column("staff", sa.Column("data_key", sa.LargeBinary(), nullable=True))
    op.add_column("staff", sa.Column("password", sa.String(), nullable=True))
    op.add_column("staff", sa.Column("totp", sa.LargeBinary(), nullable=True))
    op.add_column("staff", sa.Column("totp_step", sa.BigInteger(), nullable=True))
    op.add_column("staff", sa.Column("ways", sa.LargeBinary(), nullable=True))
    op.add_column("staff", sa.Column("setup_index", sa.LargeBinary(), nullable=True))
    op.add_column("staff", sa.Column("setup_until", Moment(), nullable=True))
    op.add_column("staff", sa.Column("cleared_at", Moment(), nullable=True))
    op.add_column("staff", sa.Column("cleared_by", sa.String(), nullable=True))
    op.add_column("staff", sa.Column("told_at", Moment(), nullable=True))
    op.add_column("staff", sa.Column("version", sa.Integer(), server_default="1", nullable=False))
