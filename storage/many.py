"""One statement for many rows, without SQLAlchemy's cost for each of them (measured: a third of a round's writing)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Update

_Values = Callable[[Mapping[str, Any]], Any]

_plans: dict[tuple[object, ...], tuple[str, _Values]] = {}


def many(conn: Connection, statement: Insert | Update | Delete, rows: Sequence[Mapping[str, Any]]) -> int:
    """Do `statement` once for each row; rows name the same columns or parameters, the first one's. Tells how many rows
    were changed.

    `statement` is one of a module's own, made once: what is compiled is kept for as long as the process lives. An
    INSERT names every column that has a default of ours; raises TypeError otherwise.
    """
    if not rows:
        return 0
    names = tuple(rows[0])
    plan = _plans.get((statement, conn.dialect.name, names))
    if plan is None:
        plan = _plans[statement, conn.dialect.name, names] = _prepared(conn, statement, names)
    sql, values = plan
    return conn.exec_driver_sql(sql, [values(row) for row in rows]).rowcount


def among(conn: Connection, statement: Update | Delete, ids: Sequence[Any], **given: Any) -> None:
    """Do `statement` once for all that its expanding parameter `ids` names; `given` are its other parameters.

    `statement` is one of a module's own, as in `many`.
    """
    if not ids:
        return
    size = 1 << (len(ids) - 1).bit_length()  # a few sizes only: the same few statements are met again and again
    named = {**given, "ids": [*ids, *[ids[-1]] * (size - len(ids))]}
    key = (statement, conn.dialect.name, size)
    plan = _plans.get(key)
    if plan is None:
        plan = _plans[key] = _expanded(conn, statement, named)
    sql, values = plan
    conn.exec_driver_sql(sql, values(named))


def _prepared(conn: Connection, statement: Insert | Update | Delete, names: tuple[str, ...]) -> tuple[str, _Values]:
    dialect: Any = conn.dialect
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(names))
    if isinstance(statement, Insert) and compiled.insert_prefetch:
        raise TypeError(f"name these columns, too: {', '.join(one.key for one in compiled.insert_prefetch)}")
    fixed = {name: value for name, value in compiled.params.items() if name not in names}
    process = _processors(conn, compiled)
    return str(compiled), _values(compiled.positiontup, process, fixed)


def _expanded(conn: Connection, statement: Update | Delete, given: Mapping[str, Any]) -> tuple[str, _Values]:
    compiled: Any = statement.compile(dialect=conn.dialect, column_keys=[])
    state = compiled.construct_expanded_state(given)
    fixed = {name: value for name, value in compiled.params.items() if name not in given}
    process, each = _processors(conn, compiled), state.parameter_expansion["ids"]
    process |= dict.fromkeys(each, process.pop("ids"))
    values = _values(state.positiontup, process, fixed)
    return state.statement, lambda given: values({**given, **dict(zip(each, given["ids"], strict=True))})


def _values(
    places: Sequence[str] | None, process: Mapping[str, Callable[[Any], Any]], fixed: Mapping[str, Any]
) -> _Values:
    """What makes a row into parameters: in their `places`, or by name where the driver has them so."""
    steps = [(name, name in fixed, process[name]) for name in places or process]

    def listed(row: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple([made((fixed if is_fixed else row)[name]) for name, is_fixed, made in steps])

    def named(row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: made((fixed if is_fixed else row)[name]) for name, is_fixed, made in steps}

    return named if places is None else listed


def _processors(conn: Connection, compiled: Any) -> dict[str, Callable[[Any], Any]]:
    """By parameter: what the column's type makes of a value on its way in."""
    dialect = conn.dialect
    return {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect) or _as_it_is
        for bind, name in compiled.bind_names.items()
    }


def _as_it_is(value: Any) -> Any:
    return value
