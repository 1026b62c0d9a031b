"""SQLAlchemy 2: reflection of a schema, Core, and an ORM's unit of work, with two drivers."""

import sys
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy import inspect
from sqlalchemy.ext.automap import automap_base
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

from step import URL, step


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    name: Mapped[str]
    mail: Mapped[str | None]
    orders: Mapped[list["Order"]] = relationship(back_populates="customer", cascade="all, delete-orphan")


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customers.id"))
    status: Mapped[str] = mapped_column(sa.Enum("new", "paid", "sent", name="order_status"))
    total: Mapped[Decimal]
    note: Mapped[str | None]
    customer: Mapped[Customer] = relationship(back_populates="orders")


class Keyed(Base):
    __tablename__ = "keyed"
    k: Mapped[int] = mapped_column(primary_key=True)
    v: Mapped[str | None]


def day(driver):
    engine = sa.create_engine(f"postgresql+{driver}://{URL}?sslmode=disable", pool_size=2, pool_pre_ping=True)
    look = inspect(engine)
    for what in ("get_schema_names", "get_table_names", "get_view_names", "get_materialized_view_names", "get_sequence_names", "get_enums", "get_domains", "get_temp_table_names"):
        step(f"{driver} {what}", lambda: getattr(look, what)())
    for table in ("customers", "orders", "payments", "audit_trail", "open_orders"):
        for what in ("get_columns", "get_pk_constraint", "get_foreign_keys", "get_indexes", "get_unique_constraints", "get_check_constraints", "get_table_comment", "get_table_options"):
            step(f"{driver} {what} {table}", lambda: getattr(look, what)(table))
    step(f"{driver} get_view_definition", lambda: look.get_view_definition("open_orders"))
    step(f"{driver} has_table", lambda: (look.has_table("orders"), look.has_table("nosuch"), look.has_sequence("orders_id_seq"), look.has_schema("public"), look.has_index("customers", "customers_name")))
    for what in ("get_multi_columns", "get_multi_pk_constraint", "get_multi_foreign_keys", "get_multi_indexes"):
        step(f"{driver} {what}", lambda: sorted(getattr(look, what)().items(), key=str))
    meta = sa.MetaData()
    step(f"{driver} reflect", lambda: (meta.reflect(engine, views=True), sorted(meta.tables))[1])
    step(f"{driver} automap", lambda: (b := automap_base(), b.prepare(autoload_with=engine), sorted(b.classes.keys()))[2])

    def unit_of_work():
        with Session(engine) as session:
            session.add(Customer(name="Cy", mail="cy@example.org", orders=[Order(status="new", total=Decimal(n)) for n in range(1, 4)]))
            session.add_all(Keyed(k=n, v=str(n)) for n in range(100, 150))
            session.commit()
            cy = session.scalars(sa.select(Customer).where(Customer.name == "Cy").options(selectinload(Customer.orders))).one()
            cy.orders[0].status = "paid"
            cy.orders.pop()
            session.flush()
            totals = session.execute(sa.select(Customer.name, sa.func.sum(Order.total), sa.func.count()).join(Order).group_by(Customer.name).order_by(Customer.name)).all()
            session.commit()
            session.delete(session.get(Customer, cy.id))
            session.execute(sa.delete(Keyed).where(Keyed.k >= 100))
            session.commit()
            return totals

    step(f"{driver} unit of work", unit_of_work)

    def conflict():
        with Session(engine) as session:
            with session.begin_nested():
                session.add(Keyed(k=200, v="x"))
            try:
                with session.begin_nested():
                    session.add(Keyed(k=1, v="x"))
            except sa.exc.IntegrityError as error:
                session.commit()
                return error.orig.__class__.__name__

    step(f"{driver} conflict", conflict)
    keyed = Keyed.__table__
    with engine.connect() as con:
        from sqlalchemy.dialects.postgresql import insert
        step(f"{driver} upsert", lambda: con.execute(insert(keyed).values([{"k": 1, "v": "a"}, {"k": 300, "v": "b"}]).on_conflict_do_update(index_elements=["k"], set_={"v": "up"}).returning(keyed.c.k)).all())
        step(f"{driver} executemany", lambda: con.execute(sa.insert(keyed), [{"k": n, "v": "m"} for n in range(400, 500)]).rowcount)
        step(f"{driver} insertmanyvalues", lambda: len(con.execute(sa.insert(keyed).returning(keyed.c.k), [{"k": n, "v": "m"} for n in range(500, 600)]).all()))
        step(f"{driver} cte", lambda: con.execute(sa.select(sa.func.count()).select_from(sa.select(keyed).where(keyed.c.k.in_([1, 2, 300])).cte("c"))).all())
        step(f"{driver} text", lambda: con.execute(sa.text("SELECT order_total(:c)"), {"c": 1}).all())
        step(f"{driver} stream", lambda: len(con.execution_options(stream_results=True, max_row_buffer=10).execute(sa.select(keyed)).all()))
        step(f"{driver} rollback", con.rollback)
    with engine.connect().execution_options(isolation_level="SERIALIZABLE", postgresql_readonly=True) as con:
        step(f"{driver} readonly", lambda: con.execute(sa.text("SHOW transaction_read_only")).all())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as con:
        step(f"{driver} autocommit", lambda: con.execute(sa.text("SHOW transaction_isolation")).all())
    engine.dispose()


for name in sys.argv[1:] or ["psycopg", "psycopg2"]:
    day(name)
