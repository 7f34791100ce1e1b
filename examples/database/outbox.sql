-- Events that leave the database with the transaction that caused them: they are sent if, and only if, it commits.
-- The relay makes the table relay_outbox (and its trigger) when it starts; each row is delivered to its channel, in the order of id, and removed.
--     psql "$DATABASE" -f outbox.sql
BEGIN;
CREATE TABLE IF NOT EXISTS orders (id bigserial PRIMARY KEY, customer text NOT NULL, total numeric NOT NULL);
WITH placed AS (INSERT INTO orders (customer, total) VALUES ('alice', 42.50) RETURNING id, customer, total)
INSERT INTO relay_outbox (channel, event, data)
SELECT 'topics/orders', 'order.placed', jsonb_build_object('id', id, 'customer', customer, 'total', total) FROM placed;
INSERT INTO relay_outbox (channel, event, data) VALUES ('users/alice', 'order_confirmed', '{"text":"Thank you"}');
COMMIT;
