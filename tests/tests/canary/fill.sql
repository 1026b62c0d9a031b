-- The values. `{w}` is the world's letter: what is forbidden differs between two worlds, in text, order, number and
-- absence; what is allowed is the same, byte for byte and in the same places. `cn` makes a canary.
CREATE FUNCTION pg_temp.cn(tag text, n int) RETURNS text LANGUAGE sql AS
  $$ SELECT 'cnry' || left(md5('{w}' || tag || n), 6) || '-' || tag $$;
CREATE FUNCTION pg_temp.num(tag text, n int) RETURNS bigint LANGUAGE sql AS
  $$ SELECT 7310000000 + ('x' || left(md5('{w}' || tag || n), 6))::bit(24)::int $$;

INSERT INTO public.orders SELECT n, n * 10, CASE n % 3 WHEN 0 THEN 'new' WHEN 1 THEN 'paid' ELSE 'sent' END,
    CASE WHEN n = 5 AND '{w}' = 'a' THEN NULL ELSE pg_temp.cn('orders.ssn', n) END, pg_temp.num('orders.card', n), 1 + n % 4
  FROM generate_series(1, 8) n;
INSERT INTO public.lines SELECT n, 1 + n % 8, n % 5, 'sku' || n FROM generate_series(1, 12) n;
INSERT INTO public.customers SELECT n, 'name' || n, pg_temp.cn('customers.email', n), pg_temp.num('customers.tax', n) FROM generate_series(1, 4) n;
INSERT INTO public.secrets SELECT n, pg_temp.cn('secrets.body', n), pg_temp.num('secrets.num', n) FROM generate_series(1, CASE '{w}' WHEN 'a' THEN 3 ELSE 5 END) n;
INSERT INTO public.docs SELECT n, jsonb_build_object('n', n, 'w', 'word' || n), ARRAY['x' || n, 'y'] FROM generate_series(1, 4) n;
INSERT INTO public.parted SELECT n, CASE n % 2 WHEN 0 THEN 'a' ELSE 'b' END, pg_temp.cn('parted.val', n) FROM generate_series(1, 4) n;
INSERT INTO public.kin_base VALUES (1, 'base');
INSERT INTO public.kin_child SELECT n, pg_temp.cn('kin_child.label', n), pg_temp.cn('kin_child.extra', n) FROM generate_series(2, 3) n;
INSERT INTO public.derived (id, ssn) SELECT n, pg_temp.cn('derived', n) || 'cnry' || left(md5('{w}' || n), 2) FROM generate_series(1, 3) n;
INSERT INTO public.carts SELECT n, 'cart' || n FROM generate_series(1, 3) n;
INSERT INTO public.twice VALUES (1, pg_temp.cn('twice.ssn', 1));
INSERT INTO hidden.vault SELECT n, pg_temp.cn('vault.body', n) FROM generate_series(1, 3) n;
INSERT INTO hidden.orders SELECT n, CASE '{w}' WHEN 'a' THEN 77 ELSE 88 END, pg_temp.cn('hidden.orders', n) FROM generate_series(1, 3) n;
INSERT INTO public."ORDERS" VALUES (pg_temp.cn('ORDERS.id', 1), pg_temp.cn('ORDERS.total', 1));
INSERT INTO public.tenanted SELECT n, 1 + n % 2, CASE n % 2 WHEN 0 THEN 'mine' || n ELSE pg_temp.cn('tenanted.body', n) END FROM generate_series(1, 6) n;
INSERT INTO public.moods VALUES (1, 'sad'), (2, 'ok');
INSERT INTO public.coded VALUES (1, 'c1'), (2, 'c2');
INSERT INTO staging.t SELECT n, 'note' || n FROM generate_series(1, 3) n;
REFRESH MATERIALIZED VIEW public.cust_m;
SELECT lo_from_bytea(424242, convert_to(pg_temp.cn('large object', 1), 'UTF8'));
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET app.secret = %L', current_database(), 'cnry{w}{w}{w}{w}{w}{w}-setting'); END $$;
ANALYZE public.orders, public.customers, public.lines;
