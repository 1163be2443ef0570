"""The dialogue: what a person heard and said, what happens next. Pure: no clock, no chance, no disk, no network."""
