"""What a turn did, as talks write it: the line behind `now:`."""

from bot.dialogue.model import AddToCase, Alert, Effect, Forget, OpenCase, Settle


def happened(effect: Effect) -> str:
    """An effect as a `now:` line; "" for one that talks do not tell."""
    match effect:
        case OpenCase(kind=kind, category=category, anonymous=anonymous):
            return f"case opened {kind}/{category}{' anonymous' if anonymous else ''}"
        case AddToCase():
            return "added to case"
        case Settle(yes=yes):
            return "case settled" if yes else "case not settled"
        case Alert(kind=kind):
            return f"alert {kind}"
        case Forget():
            return "forgotten"
        case _:
            return ""
