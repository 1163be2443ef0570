"""Many rows in one statement, without SQLAlchemy's cost for each of them (measured: two fifths of a round's writing).

Statements are modules' own, made once: what is compiled is kept for as long as the process lives.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Select, Update

from storage.engines import driver_of

_Values = Callable[[Mapping[str, Any]], Any]
_Rows = Callable[[Iterable[Sequence[Any]]], list[Any]]

_plans: dict[tuple[object, ...], tuple[str, _Values]] = {}
_asked: dict[tuple[object, ...], tuple[str, _Values, _Rows | None]] = {}


def many(conn: Connection, statement: Insert | Update | Delete, rows: Sequence[Mapping[str, Any]]) -> int:
    """Do `statement` once for each row; rows name the same columns or parameters, the first one's. Tells how many rows
    were changed.

    An INSERT names every column that has a default of ours; raises TypeError otherwise.
    """
    if not rows:
        return 0
    names = tuple(rows[0])
    plan = _plans.get((statement, conn.dialect.name, names))
    if plan is None:
        plan = _plans[statement, conn.dialect.name, names] = _prepared(conn, statement, names)
    sql, values = plan
    cursor = _cursor(conn)
    cursor.executemany(sql, [values(row) for row in rows])
    changed: int = cursor.rowcount
    return changed


def among(conn: Connection, statement: Select[Any] | Update | Delete, **given: Any) -> list[Any]:
    """Do `statement` once for all that its expanding parameters name, `given` as lists; not at all for an empty one.
    Returns its rows, if it has any; each column has a name of its own.
    """
    named = {name: _padded(value) if isinstance(value, list) else value for name, value in given.items()}
    lists = {name: len(value) for name, value in named.items() if isinstance(value, list)}
    if not all(lists.values()):
        return []
    key = (statement, conn.dialect.name, *lists.items())
    plan = _asked.get(key)
    if plan is None:
        plan = _asked[key] = _expanded(conn, statement, named, lists)
    sql, values, rows = plan
    cursor = _cursor(conn)
    cursor.execute(sql, values(named))
    return [] if rows is None else rows(cursor.fetchall())


def _cursor(conn: Connection) -> Any:
    """The driver's own: around it, SQLAlchemy costs more than SQLite itself. Its errors are the driver's, too."""
    return driver_of(conn).cursor()


def _padded(values: list[Any]) -> list[Any]:
    """To a few lengths only, so that the database meets the same few statements again and again."""
    size = 1 << (len(values) - 1).bit_length() if values else 0
    return values + values[-1:] * (size - len(values))


def _prepared(conn: Connection, statement: Insert | Update | Delete, names: tuple[str, ...]) -> tuple[str, _Values]:
    dialect: Any = conn.dialect
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(names))
    if isinstance(statement, Insert) and compiled.insert_prefetch:
        raise TypeError(f"name these columns, too: {', '.join(one.key for one in compiled.insert_prefetch)}")
    given = dict.fromkeys(names)
    # a parameter that nobody gives would be NULL: this raises for it
    fixed = {name: value for name, value in compiled.construct_params(given).items() if name not in given}
    return str(compiled), _values(compiled.positiontup, _on_the_way_in(conn, compiled), fixed)


def _expanded(
    conn: Connection, statement: Select[Any] | Update | Delete, given: Mapping[str, Any], lists: Iterable[str]
) -> tuple[str, _Values, _Rows | None]:
    compiled: Any = statement.compile(dialect=conn.dialect, column_keys=[])
    state = compiled.construct_expanded_state(given)
    fixed = {name: value for name, value in compiled.params.items() if name not in given}
    process = _on_the_way_in(conn, compiled)
    each = {name: state.parameter_expansion[name] for name in lists}
    for name, ones in each.items():
        process |= dict.fromkeys(ones, process.pop(name))
    values = _values(state.positiontup, process, fixed)

    def spread(given: Mapping[str, Any]) -> Any:
        one_by_one = {name: value for name, value in given.items() if name not in each}
        for name, ones in each.items():
            one_by_one.update(zip(ones, given[name], strict=True))
        return values(one_by_one)

    return state.statement, spread, _rows(conn, statement)


def _values(
    places: Sequence[str] | None, process: Mapping[str, Callable[[Any], Any] | None], fixed: Mapping[str, Any]
) -> _Values:
    """What makes a row into parameters: in their `places`, or by name where the driver has them so."""
    names = list(places if places is not None else process)
    made = [(place, change) for place, name in enumerate(names) if (change := process[name]) is not None]
    pick = itemgetter(*names) if len(names) > 1 else lambda row: [row[name] for name in names]

    def listed(row: Mapping[str, Any]) -> list[Any]:
        values = list(pick({**fixed, **row} if fixed else row))
        for place, change in made:
            values[place] = change(values[place])
        return values

    if places is None:
        return lambda row: dict(zip(names, listed(row), strict=True))
    return lambda row: tuple(listed(row))


def _rows(conn: Connection, statement: Select[Any] | Update | Delete) -> _Rows | None:
    """What makes rows out of the driver's; None for a statement that has none."""
    columns = list(statement.exported_columns)
    if not columns:
        return None
    kind: Any = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc] # noqa: PYI024 - at run time
    processors = [column.type.dialect_impl(conn.dialect).result_processor(conn.dialect, None) for column in columns]
    made = [(place, change) for place, change in enumerate(processors) if change is not None]

    def row(values: Sequence[Any]) -> Any:
        changed = list(values)
        for place, change in made:
            changed[place] = change(changed[place])
        return kind._make(changed)

    return lambda found: [row(values) for values in found]


def _on_the_way_in(conn: Connection, compiled: Any) -> dict[str, Callable[[Any], Any] | None]:
    """By parameter: what the column's type makes of a value on its way in, if anything."""
    dialect = conn.dialect
    return {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for bind, name in compiled.bind_names.items()}
