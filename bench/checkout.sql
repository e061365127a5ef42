-- SPDX-License-Identifier: Apache-2.0
-- A whole checkout as one PL/pgSQL function, as bench/peer_postgres.c drives it: idempotency record, limit per
-- customer, stock, store credit, payment, ledger and order, in one transaction.
--
-- The only row that orders of one sale share is the sale's stock. It is locked last, since its lock is held until the
-- commit has reached the disk; it is narrow, apart from what never changes, and its pages are mostly empty, so that
-- updates stay in their page and no index is touched. The book's balance is the sum of its postings: a row for it would
-- be a second hot one. Foreign keys are left out, as they would lock the sale's row again.

CREATE TABLE sale (
    sale integer PRIMARY KEY,
    price bigint NOT NULL,
    currency text NOT NULL,
    limit_per_customer integer NOT NULL -- no limit: the largest integer
);
CREATE TABLE stock (
    sale integer PRIMARY KEY,
    free integer NOT NULL CHECK (free >= 0),
    sold integer NOT NULL
) WITH (fillfactor = 10);
CREATE TABLE account (
    customer bigint PRIMARY KEY,
    balance bigint NOT NULL CHECK (balance >= 0)
) WITH (fillfactor = 50);
CREATE TABLE quota (
    customer bigint,
    sale integer,
    units integer NOT NULL,
    PRIMARY KEY (customer, sale)
);
CREATE TABLE idempotency (
    customer bigint,
    key text,
    sale integer NOT NULL,
    units integer NOT NULL,
    answer text NOT NULL,
    PRIMARY KEY (customer, key)
);
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer bigint NOT NULL,
    sale integer NOT NULL,
    units integer NOT NULL,
    total bigint NOT NULL,
    state text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE payment (
    order_id bigint PRIMARY KEY,
    method text NOT NULL,
    amount bigint NOT NULL,
    state text NOT NULL
);
CREATE TABLE posting (
    order_id bigint,
    side smallint,
    account text NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (order_id, side)
);
CREATE SEQUENCE order_id CACHE 64;

-- An answer begins with an HTTP status. It is remembered under the key, save that somebody may try again when units
-- come back to a sale that was sold out: then an exception takes all back, the record of the key too.
CREATE FUNCTION checkout(p_customer bigint, p_key text, p_sale integer, p_units integer) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    its sale;
    before idempotency;
    v_order bigint := nextval('order_id');
    v_total bigint;
    v_answer text;
BEGIN
    SELECT * INTO its FROM sale WHERE sale = p_sale;
    IF NOT FOUND THEN RETURN '404 not-found'; END IF;
    v_total := its.price * p_units;
    v_answer := '201 ' || v_order || ' paid ' || v_total || ' ' || its.currency;

    INSERT INTO idempotency VALUES (p_customer, p_key, p_sale, p_units, v_answer) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT * INTO before FROM idempotency WHERE customer = p_customer AND key = p_key;
        IF before.sale = p_sale AND before.units = p_units THEN RETURN before.answer; END IF;
        RETURN '422 key-reused';
    END IF;

    INSERT INTO quota AS q SELECT p_customer, p_sale, p_units WHERE p_units <= its.limit_per_customer
        ON CONFLICT (customer, sale) DO UPDATE SET units = q.units + excluded.units
        WHERE q.units + excluded.units <= its.limit_per_customer;
    IF NOT FOUND THEN
        UPDATE idempotency SET answer = '409 limit' WHERE customer = p_customer AND key = p_key;
        RETURN '409 limit';
    END IF;

    UPDATE account SET balance = balance - v_total WHERE customer = p_customer AND balance >= v_total;
    IF NOT FOUND THEN
        UPDATE quota SET units = units - p_units WHERE customer = p_customer AND sale = p_sale;
        UPDATE idempotency SET answer = '402 insufficient-credit' WHERE customer = p_customer AND key = p_key;
        RETURN '402 insufficient-credit';
    END IF;

    INSERT INTO orders VALUES (v_order, p_customer, p_sale, p_units, v_total, 'paid');
    INSERT INTO payment VALUES (v_order, 'credit', v_total, 'captured');
    INSERT INTO posting VALUES (v_order, 1, 'customer:' || p_customer, -v_total), (v_order, 2, 'book:sales', v_total);

    UPDATE stock SET free = free - p_units, sold = sold + p_units WHERE sale = p_sale AND free >= p_units;
    IF NOT FOUND THEN RAISE EXCEPTION '409 sold-out'; END IF;
    RETURN v_answer;
END $$;

-- Orders, units sold, units taken, payments, money debited and credited, and money missing in the accounts.
CREATE FUNCTION audit(p_credit bigint) RETURNS bigint[] LANGUAGE sql AS $$
    SELECT ARRAY[
        (SELECT count(*) FROM orders JOIN idempotency i USING (customer, sale, units)
            WHERE state = 'paid' AND i.answer LIKE '201 ' || id || ' %'),
        (SELECT sum(sold) FROM stock),
        (SELECT sum(units) FROM quota),
        (SELECT count(*) FROM payment JOIN orders ON id = order_id AND total = amount),
        (SELECT -sum(amount) FROM posting WHERE amount < 0),
        (SELECT sum(amount) FROM posting WHERE amount > 0),
        (SELECT count(*) * p_credit - sum(balance) FROM account)]
$$;
