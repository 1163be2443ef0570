"""What can go wrong in storage. The docstring of an exception is its message."""


class StorageError(Exception):
    """Something went wrong in storage."""

    def __init__(self, detail: str = "") -> None:
        said = (self.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")
        super().__init__(f"{said} ({detail})" if detail else said)
        self.detail = detail


class Unavailable(StorageError):
    """The database cannot be used now, and nothing was stored.

    Trying again later is right. `reason` is one of "locked", "full", "read-only", "i/o", "damaged",
    "cannot open", "lost", "conflict", "out of resources", "closed". With `unknown` the trouble came during
    COMMIT: the work may have been stored after all, so whoever tries again must do so by the same
    message id, as the inbox does.
    """

    def __init__(self, reason: str, *, unknown: bool = False) -> None:
        super().__init__(f"{reason}, while committing" if unknown else reason)
        self.reason = reason
        self.unknown = unknown


class Aborted(StorageError):
    """The work went on after a database error that had already undone its transaction; nothing was stored.

    This is a mistake in the work: a statement that is allowed to fail belongs into a savepoint
    (`with alone(conn):`), and an error outside one must not be caught.
    """


class Tampered(StorageError):
    """A sealed value does not open: it was changed, moved to another place, or sealed with another key."""


class UnknownKey(StorageError):
    """A data key was wrapped with a master key that is not in the key ring."""


class BadKeys(StorageError):
    """The keys cannot be read: each needs an `id:` and 32 bytes in base64url, and one line is `index:`."""


class Dangling(StorageError):
    """A migration would leave rows that point to nothing; it was not applied."""
