-- Every change of a table as an event, without a change in the applications that write to it.
--     psql "$DATABASE" -f trigger.sql
CREATE TABLE IF NOT EXISTS tasks (id bigserial PRIMARY KEY, title text NOT NULL, status text NOT NULL DEFAULT 'created');
CREATE OR REPLACE FUNCTION tasks_to_relay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO relay_outbox (channel, event, data) VALUES ('global', 'task.' || NEW.status, to_jsonb(NEW));
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER tasks_to_relay AFTER INSERT OR UPDATE OF status ON tasks FOR EACH ROW EXECUTE FUNCTION tasks_to_relay();

INSERT INTO tasks (title) VALUES ('Write the report');
UPDATE tasks SET status = 'completed' WHERE title = 'Write the report' AND status = 'created';
