-- Questions to people, and their word: asked by admission, answered once, used once. And the triggers that were written in
-- the transaction of what raised them: by a breaker that opened, by a person's word, or by an alert of another system.

CREATE TABLE approvals (                            -- an action that waits for a person's word
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    action VARCHAR(50) NOT NULL,
    action_type VARCHAR(50) NOT NULL,
    component VARCHAR(100) NOT NULL,
    target_key VARCHAR(200) NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,               -- SHA-256 of action, target and parameters: what is approved is this
    parameters JSONB NOT NULL,
    fault_id UUID NOT NULL REFERENCES faults (id),
    trigger_id UUID NOT NULL,
    trigger_type VARCHAR(50) NOT NULL,
    source VARCHAR(30) NOT NULL,                    -- of the trigger that asked
    priority VARCHAR(10) NOT NULL,
    asked_by VARCHAR(100) NOT NULL,                 -- a person's name, or the trigger's source: never who approves
    why TEXT NOT NULL,
    preview JSONB NOT NULL,                         -- what it would do, step by step
    blast_radius VARCHAR(500) NOT NULL,             -- what else it touches, and what that risks, in words
    evidence JSONB NOT NULL DEFAULT '{}',           -- what the action saw when it planned
    asked_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at TIMESTAMPTZ NOT NULL,                -- without an answer
    decision VARCHAR(11) CHECK (decision IN ('APPROVED', 'DENIED', 'BREAK_GLASS')),   -- the answer, given once
    decided_at TIMESTAMPTZ,
    decided_by VARCHAR(100),
    decided_token UUID,                             -- by which they are known
    decided_via VARCHAR(10),
    decision_why VARCHAR(500),
    use_by TIMESTAMPTZ,                             -- an approval that nothing has used by then is void
    used_at TIMESTAMPTZ,
    attempt_id UUID,                                -- its one use
    closed_at TIMESTAMPTZ,                          -- over: neither asked nor approved any more
    closing VARCHAR(10) CHECK (closing IN ('EXPIRED', 'OVERTAKEN', 'DENIED', 'USED', 'CHANGED')),
                                                    -- OVERTAKEN: its fault ended before. CHANGED: what was approved did
    CHECK ((closed_at IS NULL) = (closing IS NULL)),
    CHECK (num_nulls(decision, decided_at, decided_by, decided_via, decision_why) IN (0, 5)),
    CHECK ((decision IS NOT DISTINCT FROM 'DENIED') = (closing IS NOT DISTINCT FROM 'DENIED')),
    CHECK ((use_by IS NOT NULL) = (coalesce(decision, 'DENIED') <> 'DENIED')),
    CHECK ((closing IS NOT DISTINCT FROM 'USED') = (used_at IS NOT NULL) AND (used_at IS NULL) = (attempt_id IS NULL)),
    CHECK (used_at IS NULL OR use_by IS NOT NULL),
    CHECK (decision IS DISTINCT FROM 'APPROVED' OR lower(decided_by) <> lower(asked_by))
);
CREATE UNIQUE INDEX approvals_one_open ON approvals (target_key, action) WHERE closed_at IS NULL;
CREATE INDEX approvals_asked ON approvals (asked_at DESC);
CREATE INDEX approvals_fault ON approvals (fault_id);

-- As a person sees them: time and recoveries end one before anybody has written that down. APPROVED: it waits for its run.
CREATE VIEW approval_states WITH (security_invoker = true) AS
    SELECT a.*, coalesce(a.closing, CASE WHEN f.closed_at <= coalesce(a.use_by, a.expires_at) THEN 'OVERTAKEN'
                                         WHEN coalesce(a.use_by, a.expires_at) <= now() THEN 'EXPIRED'
                                         WHEN a.decision IS NULL THEN 'OPEN' ELSE 'APPROVED' END) AS state
    FROM approvals a JOIN faults f ON f.id = a.fault_id;

-- A breaker's trigger is due until admission has answered it (trigger_answers), which it does once; a person's word until
-- it is used, or over; an alert's as a breaker's, while an alert stands for it. So none is lost with the process that raised it, and none is done twice.
CREATE TABLE raised_triggers (
    id UUID PRIMARY KEY,                            -- the trigger's
    breaker VARCHAR(100) REFERENCES circuit_breaker_state (component),
    generation INTEGER,                             -- of the breaker when it had opened: it stands while that is the last
    approval UUID UNIQUE REFERENCES approvals (id), -- of a question that a breaker's trigger had asked: with its breaker too
    component VARCHAR(100) NOT NULL,
    action VARCHAR(50) NOT NULL DEFAULT '',
    reason VARCHAR(500) NOT NULL,
    trigger_type VARCHAR(50),                       -- with source and priority: of what neither of the two has raised
    source VARCHAR(30),
    priority VARCHAR(10),
    raised_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    next_try_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CHECK ((breaker IS NULL AND approval IS NULL) = (source IS NOT NULL)),
    CHECK (num_nulls(trigger_type, source, priority) IN (0, 3)),
    CHECK ((breaker IS NULL) = (generation IS NULL))
);
CREATE INDEX raised_triggers_recent ON raised_triggers (raised_at DESC);
CREATE INDEX raised_triggers_of_source ON raised_triggers (source, component, raised_at DESC) WHERE source IS NOT NULL;

-- An answer is somebody's who shows their secret: a living token of their name, with the role for it and without a tenant,
-- or a login that it began. So whoever has got hold of the web server's role alone, or of a statement of it, answers nothing.
CREATE FUNCTION answer_is_proven() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
DECLARE
    v_proof bytea := decode(coalesce(current_setting('app.proof', true), ''), 'hex');  -- set for this transaction only
BEGIN
    IF OLD.decision IS NOT NULL THEN
        RAISE EXCEPTION 'approval % was answered by %', OLD.id, OLD.decided_by USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NOT EXISTS (
        SELECT FROM public.person_tokens t
        WHERE t.id = NEW.decided_token AND t.name = NEW.decided_by AND t.tenant_id IS NULL
          AND t.revoked_at IS NULL AND t.expires_at > now()
          AND (t.role = 'admin' OR t.role = 'approver' AND NEW.decision <> 'BREAK_GLASS')
          AND (t.hash = v_proof OR EXISTS (
               SELECT FROM public.person_sessions s
               WHERE s.token_id = t.id AND s.hash = v_proof AND s.ended_at IS NULL AND s.expires_at > now()))) THEN
        RAISE EXCEPTION 'no token that lives and may answer stands behind this answer' USING ERRCODE = 'insufficient_privilege';
    END IF;
    NEW.decided_at := now();
    RETURN NEW;
END
$fn$;
REVOKE ALL ON FUNCTION answer_is_proven() FROM PUBLIC;
CREATE TRIGGER approvals_proven BEFORE UPDATE OF decision ON approvals
    FOR EACH ROW WHEN (NEW.decision IS DISTINCT FROM OLD.decision) EXECUTE FUNCTION answer_is_proven();

-- What follows from an answer, in its transaction, so that whoever dies now loses nothing: the trigger of the run that was
-- approved, or whose fault it stays, and who is told. As the owner: who answers may write nothing of that otherwise.
-- What a breaker had asked stands while that breaker does.
CREATE FUNCTION answer_follows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $fn$
BEGIN
    IF NEW.decision = 'DENIED' THEN
        UPDATE public.faults f SET needs_person = NEW.decided_by || ' denied ' || NEW.action || ': ' || NEW.decision_why
        WHERE f.id = NEW.fault_id AND f.needs_person IS NULL AND f.closed_at IS NULL;
    ELSE
        INSERT INTO public.raised_triggers (id, approval, component, action, reason, breaker, generation)
        SELECT public.uuid_generate_v7(), NEW.id, NEW.component, NEW.action, left(NEW.why, 500), t.breaker, t.generation
        FROM (SELECT) one LEFT JOIN public.raised_triggers t ON t.id = NEW.trigger_id;
    END IF;
    INSERT INTO public.alert_outbox (severity, dedup_key, message, details)
    VALUES (CASE NEW.decision WHEN 'APPROVED' THEN 'INFO' WHEN 'DENIED' THEN 'WARNING' ELSE 'CRITICAL' END, 'answer/' || NEW.id,
            NEW.decided_by || CASE NEW.decision WHEN 'APPROVED' THEN ' approved ' WHEN 'DENIED' THEN ' denied '
                              ELSE ' broke the glass: one person''s own word for ' END
            || NEW.action || ' on ' || NEW.component || coalesce(': ' || nullif(NEW.decision_why, ''), ''),
            jsonb_build_object('approval', NEW.id, 'component', NEW.component, 'action', NEW.action, 'asked_by', NEW.asked_by,
                               'decision', NEW.decision, 'decided_by', NEW.decided_by));
    RETURN NULL;
END
$fn$;
REVOKE ALL ON FUNCTION answer_follows() FROM PUBLIC;
CREATE TRIGGER approvals_answered AFTER UPDATE OF decision ON approvals
    FOR EACH ROW WHEN (NEW.decision IS DISTINCT FROM OLD.decision) EXECUTE FUNCTION answer_follows();

CREATE FUNCTION approval_in_words(a approvals) RETURNS text LANGUAGE sql STABLE AS $fn$
    SELECT a.action || ' on ' || a.component || CASE
               WHEN a.decision IS NULL THEN ' waits for a person''s word until ' || to_char(a.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
               ELSE ' was approved by ' || a.decided_by || ' and begins by ' || to_char(a.use_by AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') END
           || ' UTC: approval ' || a.id
$fn$;

-- Whether a question was asked ahead of time: one about what is sick by now does not wait for its answer.
CREATE FUNCTION of_prediction(p_fault uuid) RETURNS boolean LANGUAGE sql STABLE AS $fn$
    SELECT EXISTS (SELECT FROM faults f WHERE f.id = p_fault AND f.prediction_id IS NOT NULL)
$fn$;

-- What people have said of this action on this target. Always one row; no decision: it was approved, and may begin.
-- A word is bound to its target and action, and to what the action would do as it is planned now. What was denied is asked
-- again for the same fault by nobody but a person.
CREATE FUNCTION persons_word(r admission_request, l admission_limits, p_action text, p_all boolean)
RETURNS TABLE (decision text, reason text, retry_at timestamptz)
LANGUAGE plpgsql STABLE AS $fn$
DECLARE
    v_word approval_states;
    v_mode text := mode_for(r, array_position(r.actions, p_action));
BEGIN
    IF r.approval IS NOT NULL THEN
        SELECT * INTO v_word FROM approval_states s WHERE s.id = r.approval;
        IF v_word.id IS NULL THEN
            RETURN QUERY SELECT 'NOT_ALLOWED', 'there is no approval ' || r.approval, NULL::timestamptz;
        ELSIF v_word.target_key <> r.target OR v_word.action <> p_action THEN
            RETURN QUERY SELECT 'NOT_ALLOWED', 'approval ' || r.approval || ' is of ' || v_word.action || ' on ' || v_word.component
                                               || ' and of nothing else', NULL::timestamptz;
        ELSIF v_word.state = 'OPEN' THEN
            RETURN QUERY SELECT 'AWAITING_APPROVAL', approval_in_words(a), a.expires_at FROM approvals a WHERE a.id = r.approval;
        ELSIF v_word.state <> 'APPROVED' THEN
            RETURN QUERY SELECT 'NOT_ALLOWED', 'approval ' || r.approval || ' is ' || v_word.state || ' and allows nothing more',
                                NULL::timestamptz;
        ELSIF NOT p_all AND NOT r.plans ? p_action THEN
            RETURN QUERY SELECT 'PLAN', v_mode, NULL::timestamptz;
        ELSIF NOT p_all AND v_word.fingerprint IS DISTINCT FROM r.plans -> p_action ->> 'fingerprint' THEN
            RETURN QUERY SELECT 'ASK', v_mode, now() + l.approval;
        ELSE
            RETURN QUERY SELECT NULL::text, NULL::text, NULL::timestamptz;
        END IF;
        RETURN;
    END IF;
    RETURN QUERY
        SELECT 'AWAITING_APPROVAL', approval_in_words(a), coalesce(a.use_by, a.expires_at)
        FROM approvals a JOIN approval_states s ON s.id = a.id
        WHERE a.target_key = r.target AND a.action = p_action AND a.closed_at IS NULL AND s.state IN ('OPEN', 'APPROVED')
          AND (r.prediction IS NOT NULL OR NOT of_prediction(a.fault_id));
    IF FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT 'NOT_ALLOWED', a.decided_by || ' denied ' || a.action || ' on ' || a.component || ': ' || a.decision_why
                              || '; it is a person''s until it is healthy again', NULL::timestamptz
        FROM approvals a JOIN faults f ON f.id = a.fault_id
        WHERE r.source <> 'person' AND f.target_key = r.target AND f.closed_at IS NULL AND a.action = p_action
          AND a.closing = 'DENIED' AND f.prediction_id IS NOT DISTINCT FROM r.prediction
        ORDER BY a.closed_at DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN QUERY SELECT CASE WHEN r.plans ? p_action THEN 'ASK' ELSE 'PLAN' END, v_mode, now() + l.approval;
    END IF;
END
$fn$;

-- A person is asked, once while the question is open; the admission lock is held. What expired, whose fault is closed, or
-- is no longer what was approved, makes way for a new question.
CREATE FUNCTION ask_for_approval(r admission_request, l admission_limits, p_fault uuid, p_action text, p_type text)
RETURNS TABLE (words text, until timestamptz)
LANGUAGE plpgsql AS $fn$
DECLARE
    v_plan jsonb := r.plans -> p_action;
    v_asked approvals;
    v_changed text;
BEGIN
    UPDATE approvals a SET closed_at = now(), closing = CASE WHEN r.prediction IS NULL AND of_prediction(a.fault_id) THEN 'OVERTAKEN'
                                                       WHEN s.state = 'APPROVED' THEN 'CHANGED' ELSE s.state END
    FROM approval_states s
    WHERE s.id = a.id AND a.closed_at IS NULL AND a.target_key = r.target AND a.action = p_action
      AND (s.state IN ('EXPIRED', 'OVERTAKEN') OR s.state = 'APPROVED' AND a.id = r.approval
           OR r.prediction IS NULL AND of_prediction(a.fault_id))
    RETURNING CASE a.closing WHEN 'CHANGED' THEN 'CHANGED: what ' || a.decided_by || ' approved is no longer what would be done; ' END
    INTO v_changed;
    INSERT INTO approvals (action, action_type, component, target_key, fingerprint, parameters, fault_id, trigger_id,
                           trigger_type, source, priority, asked_by, why, preview, blast_radius, evidence, expires_at)
    VALUES (p_action, p_type, r.component, r.target, v_plan ->> 'fingerprint', v_plan -> 'parameters', p_fault, r.trigger,
            r.type, r.source, r.priority, r.asked_by, r.why, v_plan -> 'steps', v_plan ->> 'blast_radius', v_plan -> 'evidence',
            now() + l.approval)
    RETURNING * INTO v_asked;
    INSERT INTO alert_outbox (severity, dedup_key, message, details)
    VALUES ('WARNING', 'approval/' || v_asked.id, concat(v_changed, approval_in_words(v_asked)) || '; why: ' || left(r.why, 200),
            jsonb_build_object('approval', v_asked.id, 'component', r.component, 'action', p_action, 'asked_by', r.asked_by,
                               'preview', v_asked.preview, 'blast_radius', v_asked.blast_radius,
                               'expires_at', v_asked.expires_at));
    RETURN QUERY SELECT concat(v_changed, approval_in_words(v_asked)), v_asked.expires_at;
END
$fn$;

-- Whether a trigger that was refused may be asked about again under the same id: its word is neither used nor over, or what
-- was foretold still stands.
-- Volatile: it is asked with the row of the first answer locked, and must see what was committed while it waited for that.
CREATE FUNCTION asks_again(r admission_request) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $fn$
BEGIN
    RETURN (r.approval IS NOT NULL AND EXISTS (SELECT FROM approval_states s WHERE s.id = r.approval AND s.state = 'APPROVED')
            OR r.approval IS NULL AND r.prediction IS NOT NULL AND prediction_stands(r.prediction))
        AND NOT EXISTS (SELECT FROM healing_actions a WHERE a.trigger_id = r.trigger);
END
$fn$;

-- The word that a trigger brings, locked until this transaction ends, as the attempt's row tells of it; NULL: it is over.
CREATE FUNCTION hold_word(r admission_request, p_action text) RETURNS jsonb LANGUAGE sql VOLATILE AS $fn$
    SELECT jsonb_build_object('approval', jsonb_build_object(
               'id', a.id, 'decision', a.decision, 'by', a.decided_by, 'at', a.decided_at, 'why', a.decision_why,
               'fingerprint', a.fingerprint))
    FROM approvals a
    WHERE a.id = r.approval AND a.target_key = r.target AND a.action = p_action AND a.closed_at IS NULL AND a.use_by > now()
    FOR UPDATE
$fn$;

-- A word has had its use, or its fault is over.
CREATE FUNCTION end_word(p_approval uuid, p_closing text, p_attempt uuid DEFAULT NULL) RETURNS void LANGUAGE sql AS $fn$
    UPDATE approvals SET closed_at = now(), closing = p_closing, attempt_id = p_attempt,
                         used_at = CASE WHEN p_attempt IS NOT NULL THEN now() END
    WHERE id = p_approval AND closed_at IS NULL AND use_by IS NOT NULL
$fn$;
