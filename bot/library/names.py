"""The names that editors' files and the code share. Tests hold each list against the code that uses it."""

# ---------------------------------------------------------------- flows the engine calls by name

ENGINE_FLOWS = ("main", "distress", "resume", "lost", "person")
WHICH = "which"  # asks what a message meant; without it, nobody is asked
MENU = ("main", "menu")

# Answers a flow has from the start, with all they may be; () for anything.
ENGINE_ANSWERS: dict[str, dict[str, tuple[str, ...]]] = {
    WHICH: {"among": ()},
    "distress": {"heard": ("suicide", "danger", "held", "weary"), "held": ("yes",), "words": ()},
}

# Taps the engine adds to those of the editor.
ENGINE_KEYS = ("skip", "done", "back")

# ---------------------------------------------------------------- placeholders

# `Scene.value` knows these anywhere.
WORLD_NAMES = (
    "organisation.name",
    "organisation.contact",
    "on_call.name",
    "on_call.contact",
    "on_call.hours",
    "on_call.opens",
    "deadline.ordinary",
    "deadline.restricted",
)

# Names of a case, by the kind of step that knows them. What `open` made is known until the next question.
FILED_NAMES = ("case.reference", "case.receipt", "case.deadline")
CASE_NAMES = {
    "open": FILED_NAMES,
    "status": ("case.reference", "case.status", "case.last_step", "case.next", "case.answers"),
}

# What canned replies (content/replies.yaml) may name; the member of staff fills in what begins with `blank.`.
REPLY_NAMES = (
    "case.reference",
    "case.status",
    "case.deadline",
    "staff.name",
    "organisation.name",
    "organisation.contact",
    "on_call.name",
    "on_call.contact",
    "on_call.hours",
    "blank.day",
    "blank.hour",
    "blank.place",
    "blank.paper",
    "blank.what",
)

# ---------------------------------------------------------------- shapes inside a step

# Key of a step → the one word its `{word: answer}` form has.
REFERENCES = {"category": "from", "status": "receipt", "to": "receipt"}
CONDITIONS = ("when", "anonymous", "in_chat")

# ---------------------------------------------------------------- content/words.yaml

STATUSES = ("new", "acknowledged", "in_progress", "waiting", "referred", "resolved", "closed", "reopened")

# Phrases the code says (`words:<key>`) → the placeholders it fills in.
WORDS: dict[str, tuple[str, ...]] = {
    "not_understood": (),
    "not_understood_simple": (),
    "which_one": (),
    "wish_kept": (),
    "not_these": ("parts",),
    "already_done": (),
    "nothing_before": (),
    "carried_over": (),
    "apology": (),
    "unavailable": (),
    "needs_text": (),
    "needs_number": (),
    "needs_number_min": ("min",),
    "needs_number_max": ("max",),
    "needs_date": (),
    "needs_phone": (),
    "needs_place": (),
    "write_numbers": (),
    "needs_answer_kind": (),
    "too_long": ("limit",),
    "file_too_big": ("limit",),
    "not_handled": (),
    "file_lost": (),
    "file_not_kept": (),
    "skip": (),
    "done": (),
    "none": (),
    "reply": (),
    "a_voice": (),
    "a_photo": (),
    "a_document": (),
    "a_location": (),
    "a_nothing": (),
    "staff_answer": ("text",),
    "message_waiting": (),
    "read": (),
    "reply_prompt": (),
    "added_to_case": (),
    "settled_question": (),
    "settled_answer": ("text",),
    "settled_yes": (),
    "settled_no": (),
    "settled_thanks": (),
    "settled_missing": (),
    "case_read": (),
    "case_reopened": (),
    "case_lapsed": (),
    "consent_aloud": ("organisation",),
    "consent_question": ("service", "told"),
    "consent_name": ("value",),
    "consent_phone": ("value",),
    "consent_region": ("value",),
    "consent_summary": ("value",),
    "consent_story": (),
    "consent_yes": (),
    "consent_no": (),
    "consent_thanks": (),
    "consent_declined": (),
    "consent_revoke": (),
    "consent_revoked": (),
    "slip_keep": (),
    "slip_number": (),
    "slip_deadline": (),
    "slip_how": (),
    "slip_or_come": (),
    "hold_ended": ("hours",),
    "no_answer_yet": (),
    "more": (),
    "why_trade": ("trade",),
    "why_close": ("taught",),
    "why_employment": (),
    "why_business": (),
    "why_finance": (),
    "why_recruitment": (),
    "near_cercle": (),
    "near_region": ("region",),
    "near_nationwide": (),
    "near_neighbour": ("region",),
    "near_far": ("region",),
    "service_line": ("name", "where", "why"),
    "service_line_near": ("name", "where"),
    "service": ("name", "gives", "facts"),
    "service_gone": (),
    "service_place": ("place",),
    "service_nationwide": (),
    "service_regions": ("regions",),
    "service_bring": ("papers",),
    "service_address": ("address",),
    "service_phone_verified": ("phone", "year"),
    "service_phone_unverified": ("phone", "year"),
    "service_no_contact": (),
    "service_signed": ("year", "seen"),
    "service_walk_in": ("year", "seen"),
    "service_unknown": ("seen",),
    "service_unsure": ("seen",),
    "service_verified": ("year",),
    "service_unverified": ("year",),
    "link_region": ("region",),
    "link_hello": (),
    "poster_title": (),
    "poster_invitation": (),
    "poster_telegram": (),
    "poster_whatsapp": (),
    "poster_web": (),
    "poster_or_type": (),
    "poster_scan": (),
    "poster_write": (),
    "poster_answer": (),
    "poster_demonstration": (),
}
