-- What the statements of cases.txt speak of. Owned by the superuser; `asker`, who asks, may do nothing.
CREATE ROLE asker;

CREATE TYPE mood AS ENUM ('sad', 'fine');
CREATE TYPE pair AS (x int, y text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE COLLATION loud FROM "C";

CREATE FUNCTION stamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()';
CREATE FUNCTION note_of(int) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'n' || $1$$;
CREATE FUNCTION reveal(int) RETURNS text LANGUAGE sql AS $$SELECT 'secret'$$;
CREATE FUNCTION everything() RETURNS SETOF int LANGUAGE sql AS $$SELECT 1$$;
CREATE FUNCTION pick(VARIADIC int[]) RETURNS int LANGUAGE sql AS $$SELECT $1[1]$$;
CREATE FUNCTION named(a int, b int DEFAULT length('x')) RETURNS int LANGUAGE sql AS $$SELECT a + b$$;
CREATE FUNCTION pair_int(pair) RETURNS int LANGUAGE sql AS $$SELECT $1.x$$;
CREATE FUNCTION mood_int(mood) RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT 1$$;
CREATE FUNCTION add_up(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS $$SELECT $1 + $2$$;
CREATE FUNCTION same(pair, pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT $1.x = $2.x$$;
CREATE FUNCTION visible(text) RETURNS boolean LANGUAGE sql STABLE AS $$SELECT true$$;
CREATE AGGREGATE total_of(int) (sfunc = add_up, stype = int, initcond = '0');
CREATE PROCEDURE tidy(int) LANGUAGE sql AS $$SELECT $1$$;
CREATE CAST (pair AS int) WITH FUNCTION pair_int(pair) AS ASSIGNMENT;
CREATE CAST (mood AS int) WITH FUNCTION mood_int(mood) AS IMPLICIT;
CREATE OPERATOR === (leftarg = pair, rightarg = pair, function = same);

CREATE TABLE customers (id int PRIMARY KEY, name text, ssn text, feeling mood);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, total int, note text);
CREATE SEQUENCE tickets;
CREATE TABLE events (
  id int GENERATED ALWAYS AS IDENTITY,
  ticket int DEFAULT nextval('tickets'),
  at timestamptz DEFAULT stamp(),
  kind text,
  size positive,
  doubled int GENERATED ALWAYS AS (add_up(size, size)) STORED
);
CREATE TABLE shapes (id int, corner pair, corners pair[], doc jsonb, loud text COLLATE loud);
CREATE TABLE log (what text, at timestamptz DEFAULT stamp());
CREATE TABLE watched (id int, v text);
CREATE RULE watched_ins AS ON INSERT TO watched DO ALSO INSERT INTO log (what) VALUES (note_of(new.id));
CREATE RULE watched_del AS ON DELETE TO watched DO INSTEAD NOTHING;
CREATE TABLE parts (id int, region text) PARTITION BY LIST (region);
CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu');
CREATE TABLE base (id int, v text);
CREATE TABLE derived (extra int) INHERITS (base);
CREATE TABLE secrets (id int, owner text, body text);
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
CREATE TABLE readers (who text);
INSERT INTO readers VALUES ('me');
CREATE POLICY own ON secrets USING (visible(owner) AND EXISTS (SELECT FROM readers WHERE who = owner)) WITH CHECK (length(body) < 9);
CREATE TABLE "x} {FUNCEXPR :funcid 2" (id int, "a "" b" int, "( )" int);

CREATE VIEW names AS SELECT id, name, reveal(id) AS more FROM customers;
CREATE VIEW plain AS SELECT id, name FROM customers;
CREATE VIEW checked AS SELECT id, total FROM orders WHERE total > 0 WITH CHECK OPTION;
CREATE VIEW nested AS SELECT n.id, o.total FROM plain n JOIN orders o ON o.customer_id = n.id;
CREATE VIEW ruled AS SELECT id, v FROM watched;
CREATE RULE ruled_upd AS ON UPDATE TO ruled DO INSTEAD UPDATE base SET v = new.v WHERE id = old.id;
CREATE MATERIALIZED VIEW kept AS SELECT id, ssn FROM customers;

REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA public FROM PUBLIC;
