"""The channels people write on. One module each; `base` is the only port between them and the rest."""
