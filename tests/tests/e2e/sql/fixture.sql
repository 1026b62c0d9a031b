-- The database of the SQL cases. The proxy's database role is a superuser here on purpose: what is
-- refused is refused by the proxy and by nothing else.
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE public.orders (id bigint PRIMARY KEY, total numeric, ssn text);
INSERT INTO public.orders VALUES (1, 10, '123-45-6789'), (2, 20.5, '123-45-0000'), (3, -5, NULL);
CREATE TABLE public.secrets (id bigint, ssn text);
INSERT INTO public.secrets VALUES (7, '987-65-4321');
CREATE TABLE public."ORDERS" (id bigint, total numeric);
INSERT INTO public."ORDERS" VALUES (4711, 1);
CREATE TABLE public.lines (order_id bigint, sku text);
INSERT INTO public.lines VALUES (1, 'a'), (2, 'b');
CREATE TYPE public.address AS (street text, city text);
CREATE TABLE public.places (id bigint, home public.address);
INSERT INTO public.places VALUES (1, ROW('Low Lane', 'York'));
CREATE TABLE public.t (id bigint);
CREATE TABLE public.gone (id bigint);
CREATE SCHEMA evil;
CREATE TABLE evil.orders (id bigint, total numeric);
INSERT INTO evil.orders VALUES (4712, 1);
CREATE VIEW public.orders_view AS SELECT * FROM public.orders;
CREATE MATERIALIZED VIEW public.m AS SELECT 1 AS one;
CREATE SEQUENCE public.s;
CREATE FUNCTION public.get_all_secrets() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER
  AS 'SELECT ssn FROM public.secrets';
CREATE FUNCTION public.leak(public.address) RETURNS text LANGUAGE sql SECURITY DEFINER
  AS 'SELECT ssn FROM public.secrets';
CREATE DOMAIN public.loud AS text CHECK (VALUE <> '');
CREATE FUNCTION evil.f() RETURNS text LANGUAGE sql AS 'SELECT ssn FROM public.secrets';
CREATE PROCEDURE public.p() LANGUAGE sql AS 'DELETE FROM public.t';
CREATE DOMAIN evil.dom AS int CHECK (VALUE IS NOT NULL);
CREATE TYPE evil.mytype AS ENUM ('1');
CREATE COLLATION evil.c (provider = libc, locale = 'C');
CREATE FUNCTION evil.greater(numeric, numeric) RETURNS boolean LANGUAGE sql
  AS 'SELECT count(*) > 0 FROM public.secrets';
CREATE OPERATOR evil.> (FUNCTION = evil.greater, LEFTARG = numeric, RIGHTARG = numeric);
CREATE OPERATOR public.@@@ (FUNCTION = evil.greater, LEFTARG = numeric, RIGHTARG = numeric);
