"""The launcher, once for a run, and what the kills came to."""

from collections.abc import Callable, Iterator

import pytest

from tests.faults import town
from tests.faults.segin import Launcher


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    log = tmp_path_factory.mktemp("launcher") / "launcher.log"
    made = Launcher(log, town.write(tmp_path_factory.mktemp("library")))
    yield made
    made.close()


@pytest.fixture
def found(request: pytest.FixtureRequest) -> Callable[[str, dict[str, int]], None]:
    """Puts a row into the table that ends the run (`pytest_terminal_summary` in tests/conftest.py)."""

    def put(point: str, counts: dict[str, int]) -> None:
        kind = request.node.callspec.params["database_kind"]
        request.node.user_properties.append(("kills", (point, kind, counts)))

    return put
