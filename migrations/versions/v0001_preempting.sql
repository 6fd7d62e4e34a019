-- Pre-emptive heals: for what is foretold, while nothing is sick. They pass all of admission, leave one of each of its limits
-- to what is sick, and have limits of their own. What is done for a prediction belongs to a fault that is no outage
-- (faults.prediction_id): it opens with the first heal, question or plan for it, and closes when the prediction is over.

-- What a heal for it must know of a prediction, kept with the attempt.
CREATE FUNCTION foretold_json(p_prediction uuid) RETURNS jsonb LANGUAGE sql STABLE AS $fn$
    SELECT coalesce((SELECT jsonb_build_object('foretold', jsonb_build_object(
                                'metric', p.metric, 'value', p.value, 'well_below', coalesce(p.well_below, p.threshold)))
                     FROM predictions p WHERE p.id = p_prediction), '{}')
$fn$;

-- Whether an attempt was admitted for a prediction.
CREATE FUNCTION is_foretold(p_attempt uuid) RETURNS boolean LANGUAGE sql STABLE AS $fn$
    SELECT EXISTS (SELECT FROM healing_actions a WHERE a.id = p_attempt AND a.prediction_id IS NOT NULL)
$fn$;

CREATE FUNCTION left_free(r admission_request) RETURNS text LANGUAGE sql IMMUTABLE AS $fn$
    SELECT CASE WHEN r.prediction IS NULL THEN '' ELSE ' of a pre-emptive one: the last is left to what is sick' END
$fn$;

-- What only a pre-emptive heal is refused by; no row if by nothing.
CREATE FUNCTION foretold_refusal(r admission_request) RETURNS TABLE (decision text, reason text, attempt_id uuid)
LANGUAGE plpgsql STABLE AS $fn$
BEGIN
    IF NOT prediction_stands(r.prediction) THEN
        RETURN QUERY SELECT 'ALREADY_HEALTHY', 'what was foretold no longer holds', NULL::uuid;
        RETURN;
    END IF;
    RETURN QUERY SELECT 'ALREADY_HEALING', 'it has a fault by now, which is healed as any other', NULL::uuid
                 FROM faults f WHERE f.target_key = r.target AND f.closed_at IS NULL AND f.prediction_id IS NULL;
    IF FOUND THEN
        RETURN;
    END IF;
    -- Two predictions of one cause, and what looks back over an hour, still speak when the cause has just been healed.
    RETURN QUERY SELECT 'COOLDOWN', 'it was healed less than an hour ago, and what is foretold may be of the time before', a.id
                 FROM healing_actions a
                 WHERE a.target_key = r.target AND a.status = 'SUCCESS' AND a.act_started_at IS NOT NULL
                   AND a.completed_at > now() - interval '1 hour'
                 ORDER BY a.completed_at DESC LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT 'ATTEMPTS_EXHAUSTED', 'a person must look at what is foretold: ' || f.needs_person, NULL::uuid
                 FROM faults f WHERE f.prediction_id = r.prediction AND f.closed_at IS NULL AND f.needs_person IS NOT NULL;
    IF FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT 'ATTEMPTS_EXHAUSTED', 'nobody could tell what came of attempt ' || a.id || '; it is not repeated for the same prediction', a.id
                 FROM healing_actions a
                 WHERE a.prediction_id = r.prediction AND a.verification = 'UNKNOWN'
                   AND a.act_started_at IS NOT NULL AND (a.interrupted OR a.execution_time_ms IS NOT NULL)
                 LIMIT 1;
END
$fn$;

-- Whether this would be one pre-emptive heal too many; no row if not. The admission lock makes it exact.
CREATE FUNCTION too_many_foretold(r admission_request, l admission_limits) RETURNS TABLE (reason text, retry_at timestamptz)
LANGUAGE plpgsql STABLE AS $fn$
BEGIN
    IF (SELECT count(*) FROM healing_actions a
        WHERE a.status IN ('PENDING', 'RUNNING') AND a.prediction_id IS NOT NULL) >= l.foretold_at_once THEN
        RETURN QUERY SELECT l.foretold_at_once || ' pre-emptive heals are under way, which is prediction.preempt.at_once',
                            now() + interval '30 seconds';
        RETURN;
    END IF;
    RETURN QUERY
        SELECT c.most || ' pre-emptive heals' || c.whose || ' began within ' || c.span || ', which is prediction.preempt.' || c.name, (
                   SELECT b.created_at + c.span FROM healing_actions b
                   WHERE b.prediction_id IS NOT NULL AND b.created_at > now() - c.span AND (c.whose = '' OR b.target_key = r.target)
                   ORDER BY b.created_at DESC OFFSET c.most - 1 LIMIT 1)
        FROM (VALUES ('in_an_hour', l.foretold_in_hour, interval '1 hour', ''),
                     ('in_a_day', l.foretold_in_day, interval '1 day', ''),
                     ('per_component', l.foretold_of_one, interval '1 day', ' of it')) c (name, most, span, whose)
        WHERE (SELECT count(*) FROM healing_actions b
               WHERE b.prediction_id IS NOT NULL AND b.created_at > now() - c.span
                 AND (c.whose = '' OR b.target_key = r.target)) >= c.most
        LIMIT 1;
END
$fn$;

-- Whether a prediction stands, and does until this transaction has ended: whoever ends it waits for that.
CREATE FUNCTION hold_prediction(p_prediction uuid) RETURNS boolean LANGUAGE plpgsql AS $fn$
BEGIN
    PERFORM FROM predictions p WHERE p.id = p_prediction AND p.ended_at IS NULL AND p.outcome IS NULL FOR SHARE;
    RETURN FOUND;
END
$fn$;

-- The fault of a prediction, opened if it is not; no row if the prediction is over. Whoever ends it finds the fault.
CREATE FUNCTION open_foretold(r admission_request, p_attempts int) RETURNS TABLE (fault uuid, new boolean)
LANGUAGE plpgsql AS $fn$
BEGIN
    IF NOT hold_prediction(r.prediction) THEN
        RETURN;
    END IF;
    INSERT INTO faults (target_key, component, estate_group, trigger_type, priority, detected_at, attempts, start_from, prediction_id)
    VALUES (r.target, r.component, r.estate_group, r.type, r.priority, least(r.detected_at, now()), p_attempts,
            least(r.detected_at, now()), r.prediction)
    ON CONFLICT (prediction_id) WHERE closed_at IS NULL AND prediction_id IS NOT NULL DO NOTHING RETURNING id INTO fault;
    new := fault IS NOT NULL;
    IF NOT new THEN
        SELECT f.id INTO fault FROM faults f WHERE f.prediction_id = r.prediction AND f.closed_at IS NULL;
    END IF;
    RETURN NEXT;
END
$fn$;

-- The fault of a prediction that is over closes, once nothing is under way for it.
CREATE FUNCTION close_foretold(p_prediction uuid) RETURNS void LANGUAGE sql AS $fn$
    UPDATE faults f SET verified_at = clock_timestamp(), closed_at = clock_timestamp(),
           resolution = CASE WHEN EXISTS (SELECT FROM healing_actions a WHERE a.target_key = f.target_key AND a.fault_id = f.id
                                          AND a.status = 'SUCCESS') THEN 'HEALED' ELSE 'RECOVERED' END
    WHERE f.prediction_id = p_prediction AND f.closed_at IS NULL AND NOT prediction_stands(p_prediction)
      AND NOT EXISTS (SELECT FROM healing_actions a WHERE a.target_key = f.target_key AND a.fault_id = f.id
                      AND a.status IN ('PENDING', 'RUNNING'))
$fn$;
CREATE FUNCTION prediction_is_over() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    PERFORM close_foretold(NEW.id);
    RETURN NULL;
END
$fn$;
CREATE TRIGGER predictions_over AFTER UPDATE OF ended_at, outcome ON predictions
    FOR EACH ROW WHEN (NEW.ended_at IS NOT NULL OR NEW.outcome IS NOT NULL) EXECUTE FUNCTION prediction_is_over();

-- What follows from the outcome of a pre-emptive heal, in its transaction; first the prediction's row, then the fault's. Healed:
-- the alarm is over. Not healed: the next rung may be tried at once.
CREATE FUNCTION settle_foretold(p_prediction uuid, p_verification text) RETURNS void LANGUAGE plpgsql AS $fn$
BEGIN
    PERFORM FROM predictions p WHERE p.id = p_prediction FOR UPDATE;
    IF p_verification = 'HEALED' THEN
        UPDATE predictions p SET ended_at = clock_timestamp() WHERE p.id = p_prediction AND p.ended_at IS NULL;
        PERFORM tell(left('prediction/' || p.component || '/' || p.metric || '/' || p.rule, 200), false, 'INFO',
                     p.component || ': healed ahead of time', '{}') FROM predictions p WHERE p.id = p_prediction;
    ELSIF p_verification = 'NOT_HEALED' THEN
        UPDATE raised_triggers t SET next_try_at = now() WHERE t.id = p_prediction;
    END IF;
    PERFORM close_foretold(p_prediction);
END
$fn$;

-- What came of pre-emptive heals: no outage was healed, so that none of the rates of v0001_metrics.sql counts them. acted: the
-- target was touched. outcome: what became of the prediction; NULL: nobody knows yet.
CREATE VIEW preemptive_results WITH (security_invoker = true) AS
    SELECT a.id, a.prediction_id, a.action_name::text AS action, a.target_component::text AS component, a.mode, a.created_at,
           a.completed_at, a.verification = 'HEALED' AS healed, a.execution_time_ms IS NOT NULL OR a.interrupted AS acted,
           p.rule, p.metric, p.outcome
    FROM healing_actions a LEFT JOIN predictions p ON p.id = a.prediction_id
    WHERE a.prediction_id IS NOT NULL;
