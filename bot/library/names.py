"""The names that editors' files and the code share. Tests hold each list against the code that uses it."""

# ---------------------------------------------------------------- flows the engine calls by name

ENGINE_FLOWS = ("main", "distress", "resume", "lost", "person")
MENU = ("main", "menu")

# Answers a flow has from the start, with all they may be; () for anything.
ENGINE_ANSWERS: dict[str, dict[str, tuple[str, ...]]] = {
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
    "needs_answer_kind": (),
    "too_long": ("limit",),
    "file_too_big": ("limit",),
    "not_handled": (),
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
    "hold_ended": ("hours",),
    "no_answer_yet": (),
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
