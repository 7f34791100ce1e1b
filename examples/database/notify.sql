-- An event without a table. Faster, but only for relays that run at this moment, and at most 8000 bytes.
-- It is delivered to its channel and to global.
--     psql "$DATABASE" -f notify.sql
SELECT pg_notify('dcm_events', json_build_object(
    'channel', 'topics/orders', 'event', 'order.viewed', 'data', json_build_object('id', 1), 'timestamp', extract(epoch FROM now()))::text);
