-- What every world has. `fill.sql` puts the values in. Whatever no policy of `roles.yaml` allows carries a
-- canary (a text with `cnry`) or leaves a trace: a sequence of schema `trace` moves, which no ROLLBACK undoes.
-- The database roles may do everything, so that only the proxy stands between.
CREATE SCHEMA trace;
CREATE SCHEMA hidden;
CREATE SCHEMA staging;
CREATE SCHEMA reports;
CREATE EXTENSION dblink SCHEMA hidden;
-- Not in `public`: their operators would stand beside PostgreSQL's own in every expression.
CREATE EXTENSION hstore SCHEMA hidden;
CREATE EXTENSION citext SCHEMA hidden;

CREATE TABLE trace.may (who name, what text, PRIMARY KEY (who, what));
INSERT INTO trace.may VALUES
  ('app_writer', 'orders.INSERT'), ('app_writer', 'orders.UPDATE'), ('app_writer', 'events.INSERT'),
  ('app_writer', 'carts.DELETE'), ('app_writer', 'defaults.INSERT'), ('app_writer', 'ruled.INSERT'),
  ('app_writer', 'coded.INSERT'), ('app_writer', 'coded.UPDATE'), ('app_tenant', 'tenanted.UPDATE');

-- Traces of writes: a statement trigger per table, and the columns that a row's UPDATE changed.
CREATE FUNCTION trace.wrote() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF session_user LIKE 'app\_%' AND NOT EXISTS (SELECT FROM trace.may WHERE who = session_user AND what = TG_TABLE_NAME || '.' || TG_OP) THEN
    PERFORM nextval(('trace.wrote_' || TG_TABLE_NAME)::regclass);
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION trace.changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF session_user LIKE 'app\_%' AND (to_jsonb(OLD) - TG_ARGV[0]) <> (to_jsonb(NEW) - TG_ARGV[0]) THEN
    PERFORM nextval('trace.changed_column');
  END IF;
  RETURN NEW;
END $$;
CREATE SEQUENCE trace.changed_column;

-- Traces of definitions outside of `staging` and of temporary objects.
CREATE SEQUENCE trace.defined;
CREATE SEQUENCE trace.dropped;
CREATE FUNCTION trace.on_define() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF session_user LIKE 'app\_%' AND EXISTS (
    SELECT FROM pg_event_trigger_ddl_commands()
    WHERE NOT (coalesce(schema_name, '') LIKE 'pg\_temp%' OR (session_user = 'app_definer' AND coalesce(schema_name, '') = 'staging'))
  ) THEN
    PERFORM nextval('trace.defined');
  END IF;
END $$;
CREATE FUNCTION trace.on_drop() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF session_user LIKE 'app\_%' AND EXISTS (
    SELECT FROM pg_event_trigger_dropped_objects()
    WHERE NOT is_temporary AND object_identity NOT LIKE '%pg_temp%'
      AND NOT (session_user = 'app_definer' AND (coalesce(schema_name, '') = 'staging' OR object_identity LIKE '%staging.%' OR object_identity = 'staging'))
  ) THEN
    PERFORM nextval('trace.dropped');
  END IF;
END $$;

-- Tables.
CREATE TABLE public.orders (
  id bigint PRIMARY KEY, total int, status text NOT NULL CHECK (status <> 'bad'), ssn text UNIQUE, card bigint, customer bigint
);
CREATE TABLE public.lines (id bigint PRIMARY KEY, order_id bigint, qty int, sku text);
CREATE TABLE public.customers (id bigint PRIMARY KEY, name text, email text, tax bigint);
CREATE TABLE public.secrets (id bigint PRIMARY KEY, body text, num bigint);
CREATE TABLE public.docs (id bigint PRIMARY KEY, doc jsonb, words text[]);
CREATE TABLE public.parted (id bigint, region text, val text) PARTITION BY LIST (region);
CREATE TABLE public.parted_a PARTITION OF public.parted FOR VALUES IN ('a');
CREATE TABLE public.parted_b PARTITION OF public.parted DEFAULT;
CREATE TABLE public.kin_base (id bigint, label text);
CREATE TABLE public.kin_child (extra text) INHERITS (public.kin_base);
CREATE TABLE public.derived (id bigint PRIMARY KEY, ssn text, tail text GENERATED ALWAYS AS (right(ssn, 6)) STORED);
CREATE TABLE public.carts (id bigint PRIMARY KEY, note text);
CREATE TABLE public.events (id bigserial PRIMARY KEY, kind text NOT NULL, at int DEFAULT 0);
CREATE TABLE public.twice (id bigint, ssn text);
CREATE TABLE hidden.vault (id bigint PRIMARY KEY, body text);
CREATE TABLE hidden.orders (id bigint, total int, status text);
CREATE TABLE public."ORDERS" (id text, total text);
CREATE TABLE public.tenanted (id bigint PRIMARY KEY, tenant int, body text);
ALTER TABLE public.tenanted ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON public.tenanted USING (tenant = coalesce(nullif(current_setting('app.tenant', true), ''), '1')::int);
CREATE TABLE staging.t (id bigint PRIMARY KEY, note text);

-- Functions that no policy grants, each with a trace and a canary: by name, by row, by type, by aggregate.
CREATE SEQUENCE trace.reveal;
CREATE FUNCTION public.reveal(int) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE FUNCTION public.reveal(bigint) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE FUNCTION public.reveal(text) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE FUNCTION public.reveal(boolean) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE FUNCTION public.recfn(record) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE FUNCTION public.rowfn(public.orders) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN $1.ssn; END $$;
CREATE FUNCTION public.linefn(public.lines) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE FUNCTION public.reveal_any(anyelement) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE FUNCTION public.reveal_rows(int DEFAULT 1) RETURNS SETOF text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN QUERY SELECT body FROM public.secrets; END $$;
CREATE FUNCTION public.reveal_many(VARIADIC int[]) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE FUNCTION public.fold(int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN 'cn' || 'ryffffff-fold'; END $$;
CREATE FUNCTION public.definer_read(int) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT body FROM public.secrets LIMIT 1';
CREATE FUNCTION public.touch(int) RETURNS boolean LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN true; END $$;
CREATE FUNCTION public.step(text, text) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE AGGREGATE public.leak_agg(text) (SFUNC = public.step, STYPE = text, INITCOND = '');
CREATE FUNCTION hidden.reveal(int) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM hidden.vault LIMIT 1); END $$;
CREATE FUNCTION hidden.lower(text) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM hidden.vault LIMIT 1); END $$;
-- Overloads of names that every policy grants.
CREATE FUNCTION public.lower(int) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE FUNCTION public.length(public.lines) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE PROCEDURE public.proc(INOUT x text) LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); x := (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE FUNCTION public.granted(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE FUNCTION public.cursor_of() RETURNS refcursor LANGUAGE plpgsql AS
  $$ DECLARE c refcursor := 'held'; BEGIN PERFORM nextval('trace.reveal'); OPEN c FOR SELECT body FROM public.secrets; RETURN c; END $$;

-- Operators, domains, types, casts, defaults, rules, views that lead to them.
CREATE FUNCTION public.same(text, text) RETURNS boolean LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN true; END $$;
CREATE OPERATOR public.=== (FUNCTION = public.same, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION public.plus(text, int) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE OPERATOR public.+ (FUNCTION = public.plus, LEFTARG = text, RIGHTARG = int);
CREATE FUNCTION public.bang(int) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE OPERATOR public.!! (FUNCTION = public.bang, RIGHTARG = int);
CREATE OPERATOR hidden.= (FUNCTION = public.same, LEFTARG = text, RIGHTARG = text);
CREATE DOMAIN public.checked AS int CHECK (public.touch(VALUE));
CREATE TYPE public.mood AS ENUM ('sad', 'ok');
CREATE TYPE public.pair AS (a int, b int);
CREATE FUNCTION public.pair_text(public.pair) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE CAST (public.pair AS text) WITH FUNCTION public.pair_text(public.pair) AS IMPLICIT;
CREATE FUNCTION public.line_text(public.lines) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN (SELECT body FROM public.secrets LIMIT 1); END $$;
CREATE CAST (public.lines AS text) WITH FUNCTION public.line_text(public.lines) AS IMPLICIT;
CREATE FUNCTION public.mood_int(public.mood) RETURNS int LANGUAGE plpgsql AS
  $$ BEGIN PERFORM nextval('trace.reveal'); RETURN 1; END $$;
CREATE CAST (public.mood AS int) WITH FUNCTION public.mood_int(public.mood) AS IMPLICIT;
CREATE TABLE public.defaults (id bigint PRIMARY KEY, v text DEFAULT public.reveal(1), n public.checked);
CREATE TABLE public.coded (id bigint PRIMARY KEY, code text, CONSTRAINT coded_check CHECK (code <> 'bad'));
CREATE TABLE public.moods (id bigint, feel public.mood);
CREATE TABLE public.ruled (id bigint);
CREATE RULE also AS ON INSERT TO public.ruled DO ALSO INSERT INTO public.carts SELECT 1000 + NEW.id, public.reveal(1);
CREATE INDEX ON public.customers (lower(email));
CREATE VIEW public.cust_v AS SELECT id, name, email FROM public.customers;
CREATE VIEW public.cust_safe AS SELECT id, name FROM public.customers;
CREATE VIEW public.cust_vv AS SELECT v.id, v.email || '' AS mail FROM public.cust_v v;
CREATE VIEW public.cust_where AS SELECT id, name FROM public.customers WHERE email > 'cn' || 'ry8';
CREATE VIEW public.cust_count AS SELECT count(email) AS n, max(tax) AS t FROM public.customers;
CREATE MATERIALIZED VIEW public.cust_m AS SELECT id, email FROM public.customers WITH NO DATA;
CREATE VIEW public.secret_v AS SELECT s.id, s.body FROM public.secrets s;
CREATE VIEW public.reveal_v AS SELECT 1 AS id, public.reveal(1) AS r;
CREATE VIEW public.join_v AS SELECT o.id, c.name FROM public.orders o JOIN public.customers c ON c.email = o.ssn OR c.id = o.customer;
CREATE VIEW reports.orders AS SELECT id, total FROM public.orders;
CREATE VIEW reports.people AS SELECT id, email FROM public.customers;
CREATE VIEW reports.kin AS SELECT id, extra FROM public.kin_child;
CREATE VIEW public.on_staging AS SELECT id FROM staging.t;
CREATE VIEW public.orders_v AS SELECT id, status FROM public.orders;
CREATE SEQUENCE public.counter;
CREATE SEQUENCE hidden.counter;

-- A statement trigger and a sequence per table, whatever its schema.
DO $$
DECLARE t record;
BEGIN
  FOR t IN SELECT c.oid::regclass AS name, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('public', 'hidden') AND c.relkind IN ('r', 'p')
  LOOP
    EXECUTE format('CREATE SEQUENCE IF NOT EXISTS trace.%I', 'wrote_' || t.relname);
    EXECUTE format('CREATE TRIGGER wrote BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION trace.wrote()', t.name);
  END LOOP;
END $$;
CREATE TRIGGER changed BEFORE UPDATE ON public.orders FOR EACH ROW EXECUTE FUNCTION trace.changed('status');
CREATE TRIGGER changed BEFORE UPDATE ON public.coded FOR EACH ROW EXECUTE FUNCTION trace.changed('code');
CREATE EVENT TRIGGER defined ON ddl_command_end EXECUTE FUNCTION trace.on_define();
CREATE EVENT TRIGGER dropped ON sql_drop EXECUTE FUNCTION trace.on_drop();

GRANT USAGE ON SCHEMA public TO app_tenant;
GRANT SELECT, UPDATE ON public.tenanted TO app_tenant;
GRANT SELECT ON public.lines TO app_tenant;
