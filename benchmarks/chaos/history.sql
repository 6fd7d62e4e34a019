-- The campaign's own record of every attempt, written by the database itself in the transaction that changed it.
-- Run by the superuser. The healers have no right to it and do not know of it.
CREATE SCHEMA IF NOT EXISTS chaos;
CREATE TABLE IF NOT EXISTS chaos.history (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid NOT NULL DEFAULT pg_current_xact_id()::xid,     -- when it was committed: pg_xact_commit_timestamp
    id uuid NOT NULL,
    target_key text NOT NULL,
    component text NOT NULL,
    action_type text NOT NULL,
    fault_id uuid,
    priority text NOT NULL,
    status text NOT NULL,
    fence int NOT NULL,
    phase text,
    pid int,
    lease_until timestamptz,
    act_deadline timestamptz,
    completed_at timestamptz,
    verification text,
    rollback_outcome text,
    interrupted boolean NOT NULL,
    acted boolean NOT NULL,
    planned boolean NOT NULL,                               -- a way back was planned
    created_at timestamptz NOT NULL,
    took_ms int,                                            -- how long its act took; NULL: none was carried out
    manual_cost numeric NOT NULL,
    failure_cost numeric NOT NULL
);
CREATE OR REPLACE FUNCTION chaos.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, chaos AS $fn$
BEGIN
    INSERT INTO chaos.history (id, target_key, component, action_type, fault_id, priority, status, fence, phase, pid,
        lease_until, act_deadline, completed_at, verification, rollback_outcome, interrupted, acted, planned,
        created_at, took_ms, manual_cost, failure_cost)
    VALUES (NEW.id, NEW.target_key, NEW.target_component, NEW.action_type, NEW.fault_id, NEW.priority, NEW.status,
        NEW.fence, NEW.phase, (NEW.holder ->> 'pid')::int, NEW.lease_until, NEW.act_deadline, NEW.completed_at,
        NEW.verification, NEW.rollback_outcome, NEW.interrupted, NEW.act_started_at IS NOT NULL,
        coalesce(jsonb_typeof(NEW.plan -> 'rollback') = 'object', false), NEW.created_at, NEW.execution_time_ms,
        NEW.manual_cost, NEW.failure_cost);
    RETURN NULL;
END
$fn$;
CREATE OR REPLACE TRIGGER chaos_note AFTER INSERT OR UPDATE ON public.healing_actions
    FOR EACH ROW EXECUTE FUNCTION chaos.note();
