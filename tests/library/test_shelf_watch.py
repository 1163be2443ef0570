"""What `segin serve --watch` tells each time a file is saved."""

import os

from bot.library.shelf import Shelf
from tests.library.small import small_files


def test_after_a_repair_all_is_said_to_be_well(tmp_path):
    for name, content in small_files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    shelf, path = Shelf(tmp_path), tmp_path / "flows/lost.yaml"
    assert shelf.look_again() == []
    good = path.read_bytes()
    for number, (content, told) in enumerate([(good + b"x\n", "flows/lost.yaml:"), (good, "tout va bien")], 1):
        path.write_bytes(content)
        os.utime(path, (number, number))
        [line] = shelf.look_again()
        assert line.startswith(told)
    assert shelf.look_again() == []
