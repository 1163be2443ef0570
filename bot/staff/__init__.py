"""The people who work here: accounts, sessions."""
