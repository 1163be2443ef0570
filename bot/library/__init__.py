"""The library: everything editors write (flows, content, translations), loaded and checked.

    files = read_folder(root)             # or revisions.load(conn, number)
    built = build(files)                  # built.library for the engine, or None and built.issues
    issues = check(built)                 # all that `segin check` tells

`build` refuses what would break a dialogue (a step that is not there); `check` finds the rest besides
(a text not translated, a step nobody comes to).
"""
