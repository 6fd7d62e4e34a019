-- Alerts of other systems. One only suggests a heal: it raises a trigger, and admission looks for itself.

CREATE TABLE intake_alerts (                        -- one row for each alert, however often it is delivered
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    webhook VARCHAR(50) NOT NULL,                   -- how it came in
    key VARCHAR(64) NOT NULL,                       -- SHA-256 of what its sender knows it by
    component VARCHAR(100) NOT NULL,                -- of a refused one: as the alert names it
    reason VARCHAR(500) NOT NULL,
    priority VARCHAR(10) NOT NULL,
    state VARCHAR(10) NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'RESOLVED', 'QUIET', 'REFUSED')),
                                                    -- QUIET: not delivered again for too long to be believed still
    refusal VARCHAR(200) NOT NULL DEFAULT '',
    sent_by VARCHAR(100) NOT NULL,
    deliveries BIGINT NOT NULL DEFAULT 1,
    first_at TIMESTAMPTZ NOT NULL DEFAULT now(),    -- by our clock: the sender's is not believed
    last_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    ended_at TIMESTAMPTZ,
    trigger_id UUID,                                -- of raised_triggers: several alerts of a component may stand for one
    CHECK ((state = 'REFUSED') = (refusal <> '')),
    CHECK ((state IN ('RESOLVED', 'QUIET')) = (ended_at IS NOT NULL)),
    CHECK ((state = 'REFUSED') = (trigger_id IS NULL))
);
CREATE UNIQUE INDEX intake_alerts_one ON intake_alerts (webhook, key) WHERE ended_at IS NULL;
CREATE INDEX intake_alerts_key ON intake_alerts (webhook, key);
CREATE INDEX intake_alerts_open ON intake_alerts (component) WHERE state = 'OPEN';
CREATE INDEX intake_alerts_trigger ON intake_alerts (trigger_id) WHERE trigger_id IS NOT NULL;
CREATE INDEX intake_alerts_last ON intake_alerts (last_at DESC);

-- Whether an alert still speaks for this trigger.
CREATE FUNCTION alert_stands(p_trigger uuid) RETURNS boolean LANGUAGE sql STABLE AS $fn$
    SELECT EXISTS (SELECT FROM intake_alerts a WHERE a.trigger_id = p_trigger AND a.state = 'OPEN')
$fn$;

CREATE TYPE intake_limits AS (
    quiet interval,                                 -- an open alert that was not delivered for so long is over
    apart interval,                                 -- triggers of one component are due no faster than this
    most int                                        -- open alerts of a component, and refused names of a webhook
);

-- One that is refused is counted with its like; when there are too many kinds of it, all of them with the rest.
CREATE FUNCTION refuse_alert(p_webhook text, p_by text, p_component text, p_why text, p_priority text, p_most int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $fn$
DECLARE
    v_key text := encode(sha256(convert_to(p_component || chr(10) || p_why, 'UTF8')), 'hex');
BEGIN
    UPDATE intake_alerts a SET deliveries = a.deliveries + 1, last_at = now(), sent_by = p_by
    WHERE a.webhook = p_webhook AND a.key = v_key AND a.state = 'REFUSED';
    IF FOUND THEN
        RETURN;
    END IF;
    IF (SELECT count(*) FROM intake_alerts a WHERE a.webhook = p_webhook AND a.state = 'REFUSED') >= p_most THEN
        p_component := '';
        p_why := 'others were refused too, more than can be listed';
        v_key := 'others';
    END IF;
    INSERT INTO intake_alerts AS a (webhook, key, component, reason, priority, state, refusal, sent_by)
    VALUES (p_webhook, v_key, p_component, '', p_priority, 'REFUSED', p_why, p_by)
    ON CONFLICT (webhook, key) WHERE ended_at IS NULL
        DO UPDATE SET deliveries = a.deliveries + 1, last_at = now(), sent_by = excluded.sent_by;
END
$fn$;
REVOKE ALL ON FUNCTION refuse_alert(text, text, text, text, text, int) FROM PUBLIC;

-- Takes what one delivery holds: all of it or nothing. A trigger is raised for an alert that is new, unless one of its
-- component waits already, with which it then stands. As the owner: the web server may write neither table otherwise.
CREATE FUNCTION take_alerts(p_webhook text, p_by text, p_alerts jsonb, l intake_limits)
RETURNS TABLE (raised int, counted int, resolved int, refused int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
DECLARE
    one record;
    v_open intake_alerts;
    v_trigger uuid;
BEGIN
    raised := 0; counted := 0; resolved := 0; refused := 0;
    PERFORM pg_advisory_xact_lock(hashtext('selfheal.intake'));
    FOR one IN SELECT * FROM jsonb_to_recordset(p_alerts)
               AS a (key text, component text, reason text, priority text, resolved boolean, once boolean, refusal text) LOOP
        IF one.refusal <> '' THEN
            PERFORM refuse_alert(p_webhook, p_by, one.component, one.refusal, one.priority, l.most);
            refused := refused + 1;
            CONTINUE;
        END IF;
        SELECT * INTO v_open FROM intake_alerts a WHERE a.webhook = p_webhook AND a.key = one.key AND a.state = 'OPEN';
        IF one.resolved THEN
            UPDATE intake_alerts a SET state = 'RESOLVED', ended_at = now(), last_at = now() WHERE a.id = v_open.id;
            resolved := resolved + (v_open.id IS NOT NULL)::int;
            CONTINUE;
        END IF;
        IF v_open.last_at > now() - l.quiet THEN
            UPDATE intake_alerts a SET deliveries = a.deliveries + 1, last_at = now() WHERE a.id = v_open.id;
            counted := counted + 1;
            CONTINUE;
        END IF;
        UPDATE intake_alerts a SET state = 'QUIET', ended_at = now() WHERE a.id = v_open.id;
        IF one.once THEN                            -- its key names this start of it: over is over, and this came late
            UPDATE intake_alerts a SET deliveries = a.deliveries + 1
            WHERE a.id = (SELECT b.id FROM intake_alerts b WHERE b.webhook = p_webhook AND b.key = one.key
                          AND b.state = 'RESOLVED' LIMIT 1);
            IF FOUND THEN
                counted := counted + 1;
                CONTINUE;
            END IF;
        END IF;
        IF (SELECT count(*) FROM intake_alerts a WHERE a.component = one.component AND a.state = 'OPEN'
            AND a.last_at > now() - l.quiet) >= l.most THEN
            PERFORM refuse_alert(p_webhook, p_by, one.component, 'it has ' || l.most || ' open alerts already', one.priority, l.most);
            refused := refused + 1;
            CONTINUE;
        END IF;
        SELECT t.id INTO v_trigger FROM raised_triggers t
        WHERE t.source = 'intake' AND t.component = one.component AND t.raised_at > now() - interval '1 hour'
          AND NOT EXISTS (SELECT FROM trigger_answers x WHERE x.trigger_id = t.id) AND alert_stands(t.id)
        ORDER BY t.raised_at DESC LIMIT 1;
        IF NOT FOUND THEN
            v_trigger := uuid_generate_v7();
            INSERT INTO raised_triggers (id, component, reason, trigger_type, source, priority, next_try_at)
            VALUES (v_trigger, one.component, one.reason, 'EXTERNAL_ALERT', 'intake', one.priority,
                    greatest(now(), (SELECT max(t.raised_at) FROM raised_triggers t
                                     WHERE t.source = 'intake' AND t.component = one.component) + l.apart));
            raised := raised + 1;
        ELSE
            counted := counted + 1;
        END IF;
        INSERT INTO intake_alerts (webhook, key, component, reason, priority, sent_by, trigger_id)
        VALUES (p_webhook, one.key, one.component, one.reason, one.priority, p_by, v_trigger);
    END LOOP;
    RETURN NEXT;
END
$fn$;
REVOKE ALL ON FUNCTION take_alerts(text, text, jsonb, intake_limits) FROM PUBLIC;

-- What is over, or was refused, is forgotten after p_older with the triggers that it had raised; open ones never delivered
-- again for so long too. At most 5,000 rows of each table, and how many rows that were.
CREATE FUNCTION forget_intake(p_older interval) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
    WITH gone AS (
        DELETE FROM public.intake_alerts a WHERE a.id IN (
            SELECT o.id FROM public.intake_alerts o WHERE o.last_at < now() - greatest(p_older, interval '1 day')
            ORDER BY o.last_at LIMIT 5000)
        RETURNING a.id
    ), idle AS (
        DELETE FROM public.raised_triggers t WHERE t.id IN (
            SELECT o.id FROM public.raised_triggers o
            WHERE o.source = 'intake' AND o.raised_at < now() - greatest(p_older, interval '1 day')
              AND NOT EXISTS (SELECT FROM public.intake_alerts a WHERE a.trigger_id = o.id
                              AND a.last_at >= now() - greatest(p_older, interval '1 day'))
            ORDER BY o.raised_at LIMIT 5000)
        RETURNING t.id
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM idle)
$fn$;
REVOKE ALL ON FUNCTION forget_intake(interval) FROM PUBLIC;
