"""`segin check|draw|translations|publish`: what editors do."""

import argparse
import getpass
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from bot.app import open_store
from bot.cases import statuses
from bot.console import words
from bot.dialogue.model import SOURCE_LANGUAGE
from bot.library import catalogues, draw, files, load, revisions
from bot.library.check import check
from bot.library.counting import count
from bot.library.sourced import check_sources
from bot.library.translations import CatalogueError
from bot.settings import Settings
from bot.talks import run_all


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    checking = commands.add_parser("check", help="find mistakes in flows/, content/ and locales/, and play the talks")
    checking.add_argument("folder", nargs="?", type=Path, help="folder that holds them (default: SEGIN_LIBRARY_DIR)")
    checking.add_argument("--no-talks", action="store_true", help="leave out the talks")
    checking.add_argument("--sources", action="store_true", help="only list facts that have no source")
    checking.add_argument("--json", action="store_true", help="print JSON")
    checking.set_defaults(run=run_check)

    library = commands.add_parser("library", help="look at what editors wrote")
    looking = library.add_subparsers(required=True, metavar="what")
    counting = looking.add_parser("count", help="services by kind, region, audience and agreement; other entries")
    counting.add_argument("--json", action="store_true", help="print JSON")
    counting.set_defaults(run=run_count)
    fetching = looking.add_parser("fetch", help="write what was changed at the console into the folders")
    fetching.set_defaults(run=run_fetch)

    drawing = commands.add_parser("draw", help="draw the flows as Mermaid diagrams, from the machines' own tables")
    drawing.add_argument("flow", nargs="*", help="names of flows (default: all)")
    drawing.add_argument("--cases", action="store_true", help="draw the ways of a case instead")
    drawing.add_argument("--to", type=Path, metavar="FOLDER", help="write <flow>.mmd files there")
    drawing.set_defaults(run=run_draw)

    translating = commands.add_parser("translations", help="bring locales/ up to date with the French texts")
    translating.add_argument("language", nargs="*", help="codes such as bm (default: those of organisation.yaml)")
    translating.set_defaults(run=run_translations)

    publishing = commands.add_parser("publish", help="put the folders into force: a new revision")
    publishing.add_argument("--note", default="", help="what changed")
    publishing.add_argument("--over", action="store_true", help="also over what was changed at the console")
    publishing.set_defaults(run=run_publish)


def run_check(settings: Settings, given: argparse.Namespace) -> int:
    """What is wrong, in French: editors read it. What a demonstration lacks is a note and no mistake."""
    folder = given.folder or settings.library_dir
    if not (folder / "flows").is_dir():
        print(f"{folder} n'a pas de dossier flows/", file=sys.stderr)
        return 2
    written = files.read_folder(folder)
    built = load.build(written)
    if given.sources:
        return _tell([str(issue) for issue in check_sources(built)], as_json=given.json)
    found = [str(issue) for issue in sorted([*check(built), *files.strays(folder)])]
    if not given.no_talks and built.library is not None:
        found += run_all(written)
    missing = built.library.organisation.missing if built.library else ()
    status = _tell(found, as_json=given.json)
    if missing and not given.json:
        print(f"Démonstration : dans content/organisation.yaml il manque {', '.join(missing)}.", file=sys.stderr)
    return status


def _tell(found: list[str], *, as_json: bool) -> int:
    """Print what was found; returns the exit status."""
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for one in found:
            print(one)
        print(_summary(len(found)), file=sys.stderr)
    return 1 if found else 0


def run_count(settings: Settings, given: argparse.Namespace) -> int:
    """How much the library holds, for those who compare it with its sources."""
    built = load.build(files.read_folder(settings.library_dir))
    if built.library is None:
        print("the library can't be read: segin check says why", file=sys.stderr)
        return 1
    counted = count(built.library)
    if given.json:
        print(json.dumps(counted, indent=2, ensure_ascii=False))
        return 0
    for title, rows in counted.items():
        print(title)
        for name, number in rows.items():
            print(f"  {number:4}  {name}")
    return 0


def _summary(count: int) -> str:
    if count == 0:
        return "Tout va bien."
    return f"{count} chose{'s' if count > 1 else ''} à corriger."


def run_draw(settings: Settings, given: argparse.Namespace) -> int:
    built = load.build(files.read_folder(settings.library_dir))
    if built.library is None:
        print("the flows can't be read: segin check says why", file=sys.stderr)
        return 1
    if given.cases:
        texts = built.library.texts[SOURCE_LANGUAGE]
        words = {status: texts[f"status:{status}"] for status in statuses.STATUSES}
        _drawn("cases", draw.statuses(statuses.TABLE, words), given.to)
        return 0
    names = given.flow or sorted(built.library.flows)
    unknown = [name for name in names if name not in built.library.flows]
    if unknown:
        print(
            f"no flow called {', '.join(unknown)}; there are {', '.join(sorted(built.library.flows))}",
            file=sys.stderr,
        )
        return 2
    for name in names:
        _drawn(name, draw.mermaid(built.library.flows[name]), given.to)
    return 0


def _drawn(name: str, drawn: str, folder: Path | None) -> None:
    """A diagram, printed or written into a folder."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.mmd").write_text(drawn, encoding="utf-8")
    else:
        print(drawn)


def run_translations(settings: Settings, given: argparse.Namespace) -> int:
    """Texts that changed in French keep their translation, marked fuzzy; new ones come without words."""
    written = files.read_folder(settings.library_dir)
    try:
        template = catalogues.template(written)
        codes = given.language or [code for code in load.build(written).content.languages if code != SOURCE_LANGUAGE]
        for code in codes:
            path = settings.library_dir / load.catalogue_path(code)
            content = path.read_bytes() if path.exists() else b""
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(catalogues.update(content, template, code))
            print(path)
        for path in words.bring_up_to_date(settings.library_dir):
            print(path)
    except (catalogues.BrokenFilesError, CatalogueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run_fetch(settings: Settings, given: argparse.Namespace) -> int:  # noqa: ARG001 - one form for every command
    """Write what was changed at the console into the folders."""
    with open_store(settings, make=False) as store:
        theirs = store.read_now(revisions.changed_at_the_console)
    for path, content in theirs.items():
        (settings.library_dir / path).write_bytes(content)
        print(path)
    print(f"{len(theirs)} fichiers écrits." if theirs else "La console n'a rien changé.", file=sys.stderr)
    return 0


def run_publish(settings: Settings, given: argparse.Namespace) -> int:
    written = files.read_folder(settings.library_dir)
    issues = [*check(load.build(written)), *files.strays(settings.library_dir)]
    errors = [str(issue) for issue in sorted(issues) if issue.severity == "error"]
    if errors:
        print("\n".join(errors))
        print("Rien n'est publié.", file=sys.stderr)
        return 1
    with open_store(settings) as store:
        before = store.read_now(revisions.newest)
        theirs = store.read_now(revisions.changed_at_the_console)
        lost = [path for path, content in theirs.items() if written.get(path) != content]
        if lost and not given.over:
            print("\n".join(lost))
            print(
                "Rien n'est publié : ces fichiers ont été changés dans la console. `segin library fetch` les écrit "
                "ici ; `segin publish --over` publie quand même.",
                file=sys.stderr,
            )
            return 1
        number = store.run_now(
            lambda conn: revisions.publish(
                conn, written, author=getpass.getuser(), note=given.note, at=datetime.now(UTC)
            )
        )
    print(f"La version {number} est publiée." if number != before else f"Rien n'a changé depuis la version {number}.")
    return 0
