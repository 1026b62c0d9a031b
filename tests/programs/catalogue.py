"""Which programs there are, how each is started, and as whom it comes. One line a program."""

import dataclasses
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
DAYS = HERE / "days"


@dataclasses.dataclass(frozen=True)
class Program:
    name: str
    command: tuple      # words; {python}, {node}, {java}, … are replaced by tools.py
    needs: str          # the tool without which it is skipped
    role: str = "app"   # `owner` may define
    core: bool = False  # part of `make test`
    seconds: int = 90


def python(name, *arguments, **more):
    return Program(name, ("{python}", str(DAYS / f"{name}_day.py"), *arguments), "python", **more)


def node(name, **more):
    return Program(name, ("{node}", str(DAYS / f"{name}_day.mjs")), "node", **more)


PROGRAMS = (
    python("psycopg", core=True),
    python("psycopg2"),
    python("asyncpg", core=True),
    python("sqlalchemy", core=True),
    python("django", role="owner", core=True, seconds=150),
    python("alembic", role="owner"),
    node("pg", core=True),
    node("postgresjs", core=True),
    node("knex", role="owner"),
    node("sequelize", role="owner"),
    node("typeorm", role="owner", seconds=90),
    node("drizzle", role="owner"),
    node("pgboss", role="owner"),
    node("graphile", role="owner"),
    Program("jdbc", ("{java}", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", "{classes}", "Jdbc"), "jdbc", core=True, seconds=120),
    Program("activerecord", ("{ruby}", str(DAYS / "activerecord_day.rb")), "ruby", role="owner"),
    Program("pgx", ("{pgx}",), "pgx"),
    Program("psql", ("{python}", str(DAYS / "psql_day.py")), "psql", role="app", seconds=180),
    Program("pgbench", ("{python}", str(DAYS / "pgbench_day.py")), "pgbench", role="owner", seconds=120),
    Program("pg_dump", ("{python}", str(DAYS / "pgdump_day.py")), "pg_dump", role="owner"),
)


def chosen(names, core):
    if names:
        unknown = set(names) - {program.name for program in PROGRAMS}
        if unknown:
            raise SystemExit(f"no such program: {', '.join(sorted(unknown))}")
    return [p for p in PROGRAMS if (p.name in names if names else p.core or not core)]
