"""Alembic: revisions up and down, autogenerate against a live schema, batch and raw operations, enums."""

import io
import os
import pathlib

import sqlalchemy as sa
from alembic import command, op
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.config import Config
from alembic.migration import MigrationContext

from step import URL, step

folder = pathlib.Path(os.environ["DAY_FOLDER"])
url = f"postgresql+psycopg://{URL}?sslmode=disable"
out = io.StringIO()
config = Config(stdout=out)
config.set_main_option("script_location", str(folder / "migrations"))
config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
(folder / "migrations" / "versions").mkdir(parents=True, exist_ok=True)
(folder / "migrations" / "env.py").write_text('''
from alembic import context
from sqlalchemy import create_engine
engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection=connection, compare_server_default=True, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
''')
BODIES = {
    "first": ('''
    op.create_table("shelf", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(40), nullable=False, unique=True, comment="as written"),
        sa.Column("kind", sa.Enum("a", "b", name="kind")), sa.Column("made", sa.DateTime(timezone=True), server_default=sa.func.now()), sa.CheckConstraint("id > 0", name="positive"), comment="shelves")
    op.create_index("shelf_kind", "shelf", ["kind"], postgresql_where=sa.text("kind = 'a'"))
    op.bulk_insert(sa.table("shelf", sa.column("name", sa.String)), [{"name": "one"}, {"name": "two"}])
''', 'op.drop_table("shelf"); op.execute("DROP TYPE kind")'),
    "second": ('''
    op.add_column("shelf", sa.Column("tall", sa.Numeric(6, 2), server_default="1.5"))
    op.alter_column("shelf", "name", type_=sa.Text(), existing_type=sa.String(40), nullable=True, new_column_name="label")
    op.create_table("book", sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True), sa.Column("shelf_id", sa.Integer))
    op.create_foreign_key("book_shelf", "book", "shelf", ["shelf_id"], ["id"], ondelete="CASCADE")
    op.execute("ALTER TYPE kind ADD VALUE IF NOT EXISTS 'c'")
    op.execute("UPDATE shelf SET tall = 2 WHERE label = 'one'")
    op.rename_table("book", "volume")
    op.create_unique_constraint("one_label", "shelf", ["label", "kind"])
''', '''
    op.drop_constraint("one_label", "shelf"); op.drop_table("volume"); op.drop_column("shelf", "tall")
    op.alter_column("shelf", "label", new_column_name="name", type_=sa.String(40))
'''),
}
for number, (name, (up, down)) in enumerate(BODIES.items(), 1):
    down_lines = "\n".join(f"    {line.strip()}" for line in down.strip().splitlines())
    (folder / "migrations" / "versions" / f"{number}_{name}.py").write_text(
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision = '{number}'\ndown_revision = {None if number == 1 else str(number - 1)!r}\n\ndef upgrade():\n{up}\n\ndef downgrade():\n{down_lines}\n")
step("upgrade 1", lambda: command.upgrade(config, "1"))
step("upgrade head", lambda: command.upgrade(config, "head"))
step("current", lambda: (command.current(config, verbose=False), out.getvalue())[1])
engine = sa.create_engine(url)


def drift():
    meta = sa.MetaData()
    sa.Table("shelf", meta, sa.Column("id", sa.Integer, primary_key=True), sa.Column("label", sa.Text), sa.Column("extra", sa.JSON))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return sorted(str(d[0] if isinstance(d, tuple) else d[0][0]) for d in compare_metadata(context, meta))


step("autogenerate", drift)
step("what is there", lambda: sorted(sa.inspect(engine).get_table_names()))
step("downgrade", lambda: command.downgrade(config, "1"))
step("downgrade base", lambda: command.downgrade(config, "base"))
step("stamp", lambda: command.stamp(config, "head"))
step("what is left", lambda: sorted(sa.inspect(engine).get_table_names()))
