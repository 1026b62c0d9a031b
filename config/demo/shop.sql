-- The database of `exeat demo`: a small shop, and the two database roles that the policy names.
CREATE TABLE customers (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  country text NOT NULL,
  email text NOT NULL,
  card_number text NOT NULL
);
CREATE TABLE orders (
  id bigint PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers,
  total numeric(10, 2) NOT NULL,
  status text NOT NULL DEFAULT 'open'
);
CREATE TABLE payments (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id bigint NOT NULL REFERENCES orders,
  amount numeric(10, 2) NOT NULL,
  paid_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO customers VALUES
  (1, 'Ada',    'GB', 'ada@mail.example',    '4000 0000 0000 0010'),
  (2, 'Blaise', 'FR', 'blaise@mail.example', '4000 0000 0000 0028'),
  (3, 'Carl',   'DE', 'carl@mail.example',   '4000 0000 0000 0036');
INSERT INTO orders (id, customer_id, total, status) VALUES
  (1, 1, 120.00, 'paid'), (2, 1, 35.50, 'open'), (3, 2, 990.00, 'open'), (4, 3, 12.25, 'paid');

-- The database roles that the policy names. They have no privilege of their own: `exeat policy grants` gives
-- them what the policy allows, and nothing else.
CREATE ROLE billing_rw LOGIN;
CREATE ROLE analyst_ro LOGIN;
-- Reads the catalog for the proxy, so that `SELECT *` and unqualified names are judged as what they are, and
-- compares the privileges with the policy.
CREATE ROLE exeat_catalog LOGIN;
