-- Admission: whether a heal may begin, decided and recorded in one transaction and one round trip.

-- Every limit, as the settings hold it. A count of 0 switches a storm's limit off.
CREATE TYPE admission_limits AS (
    lease interval, cooldown interval, flap interval, per_action int, per_fault int,
    at_once int, in_10_min int, in_hour int, group_share double precision, group_from int,
    storm_group int, storm_estate int, storm_within interval, storm_quiet interval, stale interval,
    short_window interval, long_window interval,     -- in which in_10_min and in_hour are counted
    approval interval,
    attempts_within interval, longest_cooldown interval, parents_first interval,
    foretold_at_once int, foretold_in_hour int, foretold_in_day int, foretold_of_one int  -- see v0001_preempting.sql
);

-- One trigger, as the door has let it in: which actions of the ladder fit, in order, and where the component stands.
CREATE TYPE admission_request AS (
    trigger uuid, attempt uuid, type text, component text, target text, actions text[], action_types text[],
    source text, priority text, detected_at timestamptz, observed_at timestamptz, observation jsonb, is_fault boolean,
    refusal text, refusal_reason text, why text, estate_group text, group_size int, parents text[],
    granted text, generation int, denied text[],      -- what a breaker that is not closed has said of these actions
    modes text[], costs numeric[], failure_cost numeric, asked_by text,
    plans jsonb,                                      -- what actions that do not act by themselves would do, by name
    approval uuid,                                    -- a person's word that it brings with it
    prediction uuid                                   -- for which it is raised: pre-emptive; NULL: it is not
);

-- The mode in force of one of the actions; before anything is sick, what was written of `preempt:ACTION` counts too.
CREATE FUNCTION mode_in_force(r admission_request, p_place int) RETURNS text LANGUAGE sql STABLE AS $fn$
    SELECT CASE WHEN r.prediction IS NULL THEN effective_mode(r.actions[p_place], r.modes[p_place])
                ELSE effective_mode('preempt:' || r.actions[p_place], effective_mode(r.actions[p_place], r.modes[p_place])) END
$fn$;

-- The same and what lifts it, for whoever is refused.
CREATE FUNCTION mode_for(r admission_request, p_place int) RETURNS text LANGUAGE sql STABLE AS $fn$
    SELECT CASE WHEN r.prediction IS NULL THEN mode_in_words(r.actions[p_place], r.modes[p_place]) ELSE
        r.actions[p_place] || ' is in mode ' || e.mode || ' before anything is sick' || CASE e.mode
            WHEN 'observe' THEN ': what is foretold is recorded, and nothing is done'
            WHEN 'shadow' THEN ': it only plans, and its plan is recorded'
            ELSE ': a person is asked first' END
        || coalesce((SELECT ' (set by ' || m.who || ': ' || m.why || '); `selfheal actions mode ' || m.action || ' auto` lifts that'
                     FROM action_modes m WHERE m.action IN (r.actions[p_place], 'preempt:' || r.actions[p_place])
                     AND r.modes[p_place] <> e.mode AND m.mode = e.mode LIMIT 1),
                    '; to let it act, set mode = "auto" in [prediction.preempt], and in [actions.' || r.actions[p_place]
                    || '] where that is stricter') END
    FROM (SELECT mode_in_force(r, p_place) AS mode) e
$fn$;

-- The rung of the ladder that may be tried now: the first that is neither exhausted, nor cooling down, nor denied by
-- its breaker. Cool-down: begins after a failed attempt, or after a second heal within l.flap of the first, and
-- doubles with each of them that counts still. An attempt whose healer died, or that never acted, says nothing about the
-- action: not counted, unless its fault is still open and waits for a person, and never as an attempt that is spent.
-- A person's own word passes attempts and cool-down: they are told of both. What a breaker has raised is never denied by it.
-- An action that only observes is passed over, and so is one in mode shadow whose plan is known; one in mode approve keeps
-- its place on the ladder.
-- What was done before anything was sick says nothing about what may be done now that it is; a pre-emptive heal in turn
-- rests after both, asks a breaker for no probe, and is denied by one that is not closed.
CREATE FUNCTION next_rung(r admission_request, l admission_limits)
RETURNS TABLE (decision text, reason text, attempt_id uuid, retry_at timestamptz, action text, action_type text, mode text)
LANGUAGE plpgsql STABLE AS $fn$
DECLARE
    v_action text;
    v_type text;
    v_cooling record;
    v_cool_id uuid;
    v_cool_status text;
    v_cool_until timestamptz;
    v_breaker record;
    v_open timestamptz;
    v_open_action text;
    v_open_type text;
    v_why_open text;
    v_mode text;
    v_held text;
    v_spent boolean := false;
BEGIN
    FOR i IN 1 .. cardinality(r.actions) LOOP
        v_action := r.actions[i];
        v_type := r.action_types[i];
        v_mode := mode_in_force(r, i);
        IF v_mode = 'observe' OR v_mode = 'shadow' AND (r.plans ? v_action OR EXISTS (
               SELECT FROM shadow_plans p JOIN faults f ON f.id = p.fault_id
               WHERE f.target_key = r.target AND f.closed_at IS NULL AND p.action = v_action
                 AND f.prediction_id IS NOT DISTINCT FROM r.prediction)) THEN
            v_held := concat_ws('; ', v_held, mode_for(r, i));
            CONTINUE;
        END IF;
        IF EXISTS (SELECT FROM healing_actions a WHERE a.target_key = r.target AND a.action_type = v_type
                   AND a.completed_at > now() - l.attempts_within                -- most often not: this costs much
                   AND (a.prediction_id IS NULL OR r.prediction IS NOT NULL)) THEN
            WITH recent AS (
                SELECT a.id, a.status, a.completed_at, a.act_started_at IS NOT NULL AND NOT a.interrupted AS tried,
                       (f.needs_person IS NOT NULL AND f.closed_at IS NULL)
                       OR (NOT a.interrupted AND a.act_started_at IS NOT NULL AND (
                           a.status <> 'SUCCESS'
                           OR f.detected_at - lag(a.completed_at) OVER (ORDER BY a.completed_at) < l.flap)) AS counts
                FROM healing_actions a JOIN faults f ON f.id = a.fault_id
                WHERE a.target_key = r.target AND a.action_type = v_type
                  AND a.completed_at > now() - l.attempts_within
                  AND (a.prediction_id IS NULL OR r.prediction IS NOT NULL)
            )
            SELECT (array_agg(e.id ORDER BY e.completed_at DESC))[1] AS id,
                   (array_agg(e.status ORDER BY e.completed_at DESC))[1] AS status,
                   max(e.completed_at) + least(l.cooldown * power(2, least(count(*) - 1, 20)), l.longest_cooldown) AS until,
                   count(*) FILTER (WHERE e.tried) AS spent
            INTO v_cooling FROM recent e WHERE e.counts;
            IF r.source = 'person' THEN             -- was told, and has decided all the same
                NULL;
            ELSIF v_cooling.spent >= l.per_action THEN
                v_spent := true;
                CONTINUE;
            ELSIF v_cooling.until > now() THEN
                IF v_cool_until IS NULL OR v_cooling.until < v_cool_until THEN
                    v_cool_id := v_cooling.id;
                    v_cool_status := v_cooling.status;
                    v_cool_until := v_cooling.until;
                END IF;
                CONTINUE;
            END IF;
        END IF;
        SELECT b.state, b.mode, b.open_until, b.override INTO v_breaker
        FROM circuit_breaker_state b WHERE b.component = 'heal:' || v_action;
        IF FOUND AND (v_breaker.state <> 'CLOSED' OR v_breaker.mode <> 'AUTOMATIC') AND v_action <> coalesce(r.granted, '')
           AND NOT EXISTS (SELECT FROM raised_triggers t WHERE t.id = r.trigger AND t.breaker = 'heal:' || v_action) THEN
            IF v_action = ANY (r.denied) OR r.prediction IS NOT NULL OR v_breaker.state = 'OPEN' AND (
                v_breaker.open_until > now() OR v_breaker.mode = 'FORCED_OPEN'
                AND coalesce((v_breaker.override ->> 'until')::timestamptz, 'infinity') > now()) THEN
                v_open := least(v_open, v_breaker.open_until);
                v_open_action := v_action;
                v_open_type := v_type;
                v_why_open := 'the breaker of ' || v_action || ' is ' || lower(v_breaker.state)
                    || coalesce(': forced by ' || (v_breaker.override ->> 'who') || ': ' || (v_breaker.override ->> 'why'), '');
                CONTINUE;
            END IF;
            IF v_breaker.state = 'OPEN' AND r.observed_at < v_breaker.open_until THEN
                RETURN QUERY SELECT 'STALE_TRIGGER', 'it was looked at while the breaker of ' || v_action || ' was open; look again',
                                    NULL::uuid, now(), v_action, v_type, v_mode;
                RETURN;
            END IF;
            RETURN QUERY SELECT 'PROBE', NULL::text, NULL::uuid, NULL::timestamptz, v_action, v_type, v_mode;
            RETURN;                                 -- half-open, or it may be by now: the automaton must be asked
        END IF;
        RETURN QUERY SELECT NULL::text, NULL::text, NULL::uuid, NULL::timestamptz, v_action, v_type, v_mode;
        RETURN;
    END LOOP;
    IF v_cool_until IS NOT NULL THEN
        RETURN QUERY SELECT 'COOLDOWN',
            CASE v_cool_status WHEN 'SUCCESS' THEN 'it was healed twice in a short time' ELSE 'its last attempt failed' END
            || '; cooling down until ' || to_char(v_cool_until AT TIME ZONE 'UTC', 'HH24:MI:SS') || ' UTC',
            v_cool_id, v_cool_until, v_action, v_type, v_mode;
    ELSIF v_why_open IS NOT NULL THEN
        RETURN QUERY SELECT 'CIRCUIT_OPEN', v_why_open, NULL::uuid, v_open, v_open_action, v_open_type, v_mode;
    ELSIF v_held IS NOT NULL AND NOT v_spent THEN
        RETURN QUERY SELECT 'NOT_ALLOWED', v_held, NULL::uuid, NULL::timestamptz, v_action, v_type, v_mode;
    ELSE
        RETURN QUERY SELECT 'ATTEMPTS_EXHAUSTED',
            l.per_action || ' attempts within ' || l.attempts_within || ' of each action on its ladder did not help; a person must look',
            NULL::uuid, NULL::timestamptz, v_action, v_type, v_mode;
    END IF;
END
$fn$;

-- What kept heals of this component back and has ended since it was looked at; no row if nothing did.
CREATE FUNCTION ended_since(r admission_request) RETURNS TABLE (what text)
LANGUAGE sql STABLE AS $fn$
    SELECT 'the pause' FROM pauses p WHERE least(p.ended_at, p.until) > r.observed_at AND least(p.ended_at, p.until) <= now()
    UNION ALL
    SELECT 'the maintenance' FROM maintenance_windows m
    WHERE m.ends_at > r.observed_at AND m.ends_at <= now()
      AND (m.scope = 'estate' OR m.scope = 'group' AND m.name = r.estate_group OR m.scope = 'component' AND m.name = r.component)
    UNION ALL
    SELECT 'the storm' FROM storms s
    WHERE s.estate_group IN ('', r.estate_group)
      AND coalesce(s.go_at, s.quiet_at) > r.observed_at AND coalesce(s.go_at, s.quiet_at) <= now()
    LIMIT 1
$fn$;

-- Whether nothing at all stands in the way, so that the first rung may be tried: every question of `standing_refusal` in
-- one statement, which is most often answered with yes. What it denies is asked there one by one, for the reason.
CREATE FUNCTION nothing_in_the_way(r admission_request, l admission_limits) RETURNS boolean
LANGUAGE plpgsql STABLE AS $fn$
BEGIN
    RETURN (SELECT coalesce(r.observed_at >= now() - l.stale, true) AND r.granted IS NULL AND r.type NOT IN ('BREAKER_OPENED', 'EXTERNAL_ALERT')
        AND r.prediction IS NULL
        AND r.modes[1] = 'auto'
        AND NOT EXISTS (SELECT FROM action_modes m WHERE m.action = r.actions[1] AND m.mode <> 'auto')
        AND NOT EXISTS (SELECT FROM pauses p WHERE p.ended_at IS NULL OR p.ended_at > r.observed_at)
        AND NOT EXISTS (SELECT FROM maintenance_windows m WHERE m.ends_at > least(r.observed_at, now()))
        AND NOT EXISTS (SELECT FROM storms s WHERE s.ended_at IS NULL OR s.ended_at > r.observed_at)
        AND NOT EXISTS (SELECT FROM healing_actions a WHERE a.target_key = r.target
                        AND (a.completed_at > least(now() - l.attempts_within, r.observed_at) OR a.completed_at IS NULL))
        AND NOT EXISTS (SELECT FROM circuit_breaker_state b WHERE b.component = 'heal:' || r.actions[1]
                        AND (b.state <> 'CLOSED' OR b.mode <> 'AUTOMATIC'))
        AND (cardinality(r.parents) = 0 OR NOT EXISTS (
             SELECT FROM faults f WHERE f.closed_at IS NULL AND f.prediction_id IS NULL AND f.target_key = ANY (r.parents))
             AND NOT EXISTS (            -- of a pre-emptive heal there is no such fault
             SELECT FROM healing_actions a WHERE a.status IN ('PENDING', 'RUNNING') AND a.target_key = ANY (r.parents)))
        AND r.group_size < l.group_from
        AND (SELECT count(*) FROM (SELECT FROM healing_actions a WHERE a.status IN ('PENDING', 'RUNNING')
                                   LIMIT l.at_once + 1) active) < l.at_once + (r.priority = 'CRITICAL')::int
        AND (SELECT count(*) FILTER (WHERE b.created_at > now() - l.short_window) < l.in_10_min AND count(*) < l.in_hour
             FROM (SELECT a.created_at FROM healing_actions a
                   WHERE a.created_at > now() - l.long_window AND a.fault_id IS NOT NULL
                   ORDER BY a.created_at DESC LIMIT greatest(l.in_hour, l.in_10_min)) b));
END
$fn$;

-- The pause in force, and the maintenance of a component or of its group: neither a heal begins then, nor a workflow.
CREATE FUNCTION pause_in_force() RETURNS TABLE (reason text)
LANGUAGE sql STABLE AS $fn$
    SELECT 'paused by ' || p.paused_by || ' since ' || to_char(p.since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
           || coalesce(' until ' || to_char(p.until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), '') || ' UTC: ' || p.why
    FROM pauses p WHERE p.ended_at IS NULL AND (p.until IS NULL OR p.until > now())
$fn$;
CREATE FUNCTION maintenance_in_force(p_component text, p_group text) RETURNS TABLE (reason text, ends_at timestamptz)
LANGUAGE sql STABLE AS $fn$
    SELECT 'maintenance of ' || coalesce(nullif(m.name, ''), 'the estate') || ' by ' || m.who || ' until '
           || to_char(m.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC: ' || m.why, m.ends_at
    FROM maintenance_windows m
    WHERE m.ends_at > now() AND m.begins_at <= now()
      AND (m.scope = 'estate' OR m.scope = 'group' AND m.name = p_group OR m.scope = 'component' AND m.name = p_component)
    ORDER BY m.ends_at DESC LIMIT 1
$fn$;

-- Why an attempt that was left behind before its act is not begun anew, by what people have said since; NULL: by nothing.
-- p_mode: of its action by the settings. What it was admitted in may only have become wider.
CREATE FUNCTION held_back(p_attempt uuid, p_mode text) RETURNS text LANGUAGE sql STABLE AS $fn$
    SELECT coalesce((SELECT h.reason FROM pause_in_force() h),
                    (SELECT m.reason FROM maintenance_in_force(a.target_component, a.estate_group) m),
                    CASE WHEN mode_rank(e.mode) < mode_rank(a.mode) THEN a.action_name || ' is in mode ' || e.mode || ' by now' END)
    FROM healing_actions a CROSS JOIN LATERAL (
        SELECT CASE WHEN a.prediction_id IS NULL THEN effective_mode(a.action_name, p_mode)
               ELSE effective_mode('preempt:' || a.action_name, effective_mode(a.action_name, p_mode)) END AS mode) e
    WHERE a.id = p_attempt
$fn$;

-- What stands in the way of this heal right now, or the rung that may be tried. Always one row. Read by peek (without
-- a lock) and by admission. The order is that of the questions: may anything be healed, this target, by what, how much,
-- and by whose word. A dry run asks for all that stands in the way, with the rung last.
-- PLAN: what the rung's action would do must be known first. ASK: a person must be asked.
CREATE FUNCTION standing_refusal(r admission_request, l admission_limits, p_all boolean DEFAULT false)
RETURNS TABLE (decision text, reason text, attempt_id uuid, retry_at timestamptz, action text, action_type text)
LANGUAGE plpgsql STABLE AS $fn$
DECLARE
    v_rung record;
BEGIN
    RETURN QUERY
        SELECT 'PAUSED', h.reason, NULL::uuid, NULL::timestamptz, NULL::text, NULL::text   -- a person may resume at any moment
        FROM pause_in_force() h;
    IF FOUND AND NOT p_all THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT 'MAINTENANCE', h.reason, NULL::uuid, h.ends_at, NULL::text, NULL::text
        FROM maintenance_in_force(r.component, r.estate_group) h;
    IF FOUND AND NOT p_all THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT 'ALREADY_HEALING',
               CASE WHEN a.target_key = r.target THEN 'attempt ' || a.id || ' (' || a.action_name || ') is under way on this target'
                    ELSE a.target_component || ', which it depends on, is being healed; it is looked at again afterwards' END,
               a.id, CASE WHEN a.target_key = r.target AND a.prediction_id IS NULL THEN a.lease_until
                          ELSE now() + interval '5 seconds' END,
               NULL::text, NULL::text
        FROM healing_actions a
        WHERE a.status IN ('PENDING', 'RUNNING') AND (a.target_key = r.target OR a.target_key = ANY (r.parents))
        ORDER BY a.target_key <> r.target LIMIT 1;
    IF FOUND AND NOT p_all THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT 'ALREADY_HEALING', f.component || ', which it depends on, is sick: roots first', NULL::uuid,
               now() + interval '5 seconds', NULL::text, NULL::text
        FROM faults f
        WHERE f.closed_at IS NULL AND f.prediction_id IS NULL AND f.target_key = ANY (r.parents) AND f.needs_person IS NULL
          AND f.start_from > now() - l.parents_first LIMIT 1;
    IF FOUND AND NOT p_all THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT 'STALE_TRIGGER', 'it was looked at before attempt ' || a.id || ' ended; look again', a.id, now(), NULL::text, NULL::text
        FROM healing_actions a
        WHERE a.target_key = r.target AND a.completed_at > r.observed_at ORDER BY a.completed_at DESC LIMIT 1;
    IF FOUND AND NOT p_all THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT 'STALE_TRIGGER', 'it was looked at before ' || e.what || ' ended; look again', NULL::uuid, now(), NULL::text, NULL::text
        FROM ended_since(r) e;
    IF FOUND AND NOT p_all THEN
        RETURN;
    END IF;
    IF r.observed_at < now() - l.stale THEN
        RETURN QUERY SELECT 'STALE_TRIGGER', 'it was looked at too long ago; look again', NULL::uuid, now(), NULL::text, NULL::text;
        IF NOT p_all THEN
            RETURN;
        END IF;
    END IF;
    RETURN QUERY                                    -- what a breaker has raised stands while it is open as it was then
        SELECT 'ALREADY_HEALTHY', t.breaker || ', which raised this, has moved on since', NULL::uuid, NULL::timestamptz,
               NULL::text, NULL::text
        FROM raised_triggers t JOIN circuit_breaker_state b ON b.component = t.breaker
        WHERE r.type = 'BREAKER_OPENED' AND t.id = r.trigger AND t.generation <> b.generation;
    IF FOUND AND NOT p_all THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT 'ALREADY_HEALTHY', 'the alert that raised this is over', NULL::uuid, NULL::timestamptz, NULL::text, NULL::text
        FROM raised_triggers t
        WHERE r.type = 'EXTERNAL_ALERT' AND t.id = r.trigger AND t.source = 'intake' AND NOT alert_stands(t.id);
    IF FOUND AND NOT p_all THEN
        RETURN;
    END IF;
    IF r.prediction IS NOT NULL THEN
        RETURN QUERY SELECT s.decision, s.reason, s.attempt_id, NULL::timestamptz, NULL::text, NULL::text
                     FROM foretold_refusal(r) s;
        IF FOUND AND NOT p_all THEN
            RETURN;
        END IF;
    END IF;
    RETURN QUERY
        SELECT 'ATTEMPTS_EXHAUSTED', l.per_fault || ' attempts on this fault did not help; a person must look',
               NULL::uuid, NULL::timestamptz, NULL::text, NULL::text
        FROM faults f WHERE f.target_key = r.target AND f.closed_at IS NULL AND r.source <> 'person'
          AND f.prediction_id IS NOT DISTINCT FROM r.prediction
          AND (SELECT count(*) FROM healing_actions a WHERE a.fault_id = f.id AND a.completed_at > now() - l.attempts_within
               AND a.act_started_at IS NOT NULL) >= l.per_fault;
    IF FOUND AND NOT p_all THEN
        RETURN;
    END IF;

    SELECT * INTO v_rung FROM next_rung(r, l);
    IF v_rung.decision IS NOT NULL AND NOT (p_all AND v_rung.decision = 'PROBE') THEN
        RETURN QUERY SELECT v_rung.decision, v_rung.reason, v_rung.attempt_id, v_rung.retry_at, v_rung.action, v_rung.action_type;
        IF NOT p_all THEN
            RETURN;
        END IF;
    END IF;
    RETURN QUERY
        SELECT 'STORM', 'a storm: at least ' || s.sick || ' components of ' || coalesce(nullif(s.estate_group, ''), 'the estate')
                   || ' sick at once; heals wait until it is quiet, or for `selfheal storm go`',
               NULL::uuid, s.quiet_at, v_rung.action, v_rung.action_type
        FROM storms s
        WHERE s.ended_at IS NULL AND s.go_at IS NULL AND s.quiet_at > now()
          AND (s.estate_group IN ('', r.estate_group)      -- who recovers the stuck ones asks for theirs before; nobody else does
               OR s.estate_group = 'workflows' AND r.prediction IS NOT NULL AND r.target LIKE 'workflow/%')
          AND NOT (r.priority = 'CRITICAL' AND NOT EXISTS (
              SELECT FROM faults f WHERE f.closed_at IS NULL AND f.prediction_id IS NULL AND f.target_key = ANY (r.parents)))
        LIMIT 1;
    IF FOUND AND NOT p_all THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT 'BLAST_RADIUS', b.reason, NULL::uuid, b.retry_at, v_rung.action, v_rung.action_type FROM too_many(r, l) b;
    IF FOUND AND NOT p_all OR v_rung.decision <> 'PROBE' THEN        -- in the second case there is no rung
        RETURN;
    ELSIF v_rung.mode = 'approve' THEN
        RETURN QUERY SELECT w.decision, w.reason, NULL::uuid, w.retry_at, v_rung.action, v_rung.action_type
                     FROM persons_word(r, l, v_rung.action, p_all) w;
    ELSE
        RETURN QUERY SELECT CASE WHEN v_rung.mode = 'shadow' THEN 'PLAN' END, NULL::text, NULL::uuid, NULL::timestamptz,
                            v_rung.action, v_rung.action_type;
    END IF;
END
$fn$;

-- Whether this heal would be one too many; no row if not. CRITICAL has a place of its own; a pre-emptive heal leaves one of
-- each limit to what is sick, and has limits of its own.
CREATE FUNCTION too_many(r admission_request, l admission_limits)
RETURNS TABLE (reason text, retry_at timestamptz)
LANGUAGE plpgsql STABLE AS $fn$
DECLARE
    v_active int;
    v_group int;
    v_share int := greatest(1, floor(l.group_share * r.group_size));
    v_recent timestamptz;
    v_left int := (r.prediction IS NOT NULL)::int;
BEGIN
    SELECT count(*), count(*) FILTER (WHERE a.estate_group = r.estate_group AND r.estate_group <> '') INTO v_active, v_group
    FROM healing_actions a WHERE a.status IN ('PENDING', 'RUNNING');
    IF v_active >= l.at_once - v_left + (r.priority = 'CRITICAL' AND r.prediction IS NULL)::int THEN
        RETURN QUERY SELECT v_active || ' heals are under way, which is the limit' || left_free(r),
                            now() + CASE v_left WHEN 1 THEN interval '30 seconds' ELSE interval '5 seconds' END;
    ELSIF r.group_size >= l.group_from AND v_group >= v_share THEN
        RETURN QUERY SELECT v_group || ' of the ' || r.group_size || ' of ' || r.estate_group || ' are being healed, which is the limit',
                            now() + interval '5 seconds';
    ELSE
        SELECT a.created_at INTO v_recent FROM healing_actions a
        WHERE a.created_at > now() - l.short_window AND a.fault_id IS NOT NULL
        ORDER BY a.created_at DESC OFFSET greatest(l.in_10_min - 1 - v_left, 0) LIMIT 1;
        IF FOUND THEN
            RETURN QUERY SELECT l.in_10_min - v_left || ' heals began within ' || l.short_window || ', which is the limit' || left_free(r),
                                v_recent + l.short_window;
            RETURN;
        END IF;
        SELECT a.created_at INTO v_recent FROM healing_actions a
        WHERE a.created_at > now() - l.long_window AND a.fault_id IS NOT NULL
        ORDER BY a.created_at DESC OFFSET greatest(l.in_hour - 1 - v_left, 0) LIMIT 1;
        IF FOUND THEN
            RETURN QUERY SELECT l.in_hour - v_left || ' heals began within ' || l.long_window || ', which is the limit' || left_free(r),
                                v_recent + l.long_window;
            RETURN;
        END IF;
        IF r.prediction IS NOT NULL THEN
            RETURN QUERY SELECT * FROM too_many_foretold(r, l);
        END IF;
    END IF;
END
$fn$;

-- Whether a new fault has to do with a storm at all, in one statement: without as many new faults as the smaller limit
-- there is none. It asks nothing of closed_at on purpose: the index of open faults would be read as a whole.
CREATE FUNCTION may_be_storm(r admission_request, l admission_limits) RETURNS boolean
LANGUAGE plpgsql STABLE AS $fn$
DECLARE
    v_limit int := least(nullif(l.storm_group, 0), nullif(l.storm_estate, 0));
BEGIN
    RETURN v_limit IS NOT NULL AND (SELECT EXISTS (SELECT FROM storms s WHERE s.ended_at IS NULL) OR EXISTS (
        SELECT FROM faults f WHERE f.detected_at > now() - l.storm_within AND f.prediction_id IS NULL
        ORDER BY f.detected_at DESC OFFSET v_limit - 1 LIMIT 1));
END
$fn$;

-- A new fault may make a storm of its group or of the estate, or keep one from ending. The admission lock is held.
CREATE FUNCTION note_storm(r admission_request, l admission_limits) RETURNS void
LANGUAGE plpgsql AS $fn$
DECLARE
    v_scope record;
    v_id uuid;
BEGIN
    UPDATE storms s SET ended_at = now() WHERE s.ended_at IS NULL AND s.quiet_at <= now();
    UPDATE storms s SET quiet_at = now() + l.storm_quiet WHERE s.ended_at IS NULL AND s.estate_group IN ('', r.estate_group);
    FOR v_scope IN
        SELECT g.name, g.wanted, (SELECT count(*) FROM (
                   SELECT FROM faults f WHERE f.closed_at IS NULL AND f.detected_at > now() - l.storm_within AND f.prediction_id IS NULL
                   AND g.name IN ('', f.estate_group) LIMIT g.wanted) sick) AS sick      -- no more than need be counted
        FROM (VALUES ('', l.storm_estate), (nullif(r.estate_group, ''), greatest(l.storm_group, r.group_size / 2 + 1)))
             g (name, wanted)
        WHERE g.name IS NOT NULL AND CASE g.name WHEN '' THEN l.storm_estate ELSE l.storm_group END > 0
    LOOP
        IF v_scope.sick >= v_scope.wanted THEN
            INSERT INTO storms (estate_group, sick, began_at, quiet_at)     -- what was admitted before, began before
            VALUES (v_scope.name, v_scope.sick, clock_timestamp(), now() + l.storm_quiet)
            ON CONFLICT (estate_group) WHERE ended_at IS NULL DO NOTHING RETURNING id INTO v_id;
            IF v_id IS NOT NULL THEN
                INSERT INTO alert_outbox (severity, dedup_key, message) VALUES ('CRITICAL', 'storm/' || v_id,
                    'a storm: at least ' || v_scope.sick || ' components of ' || coalesce(nullif(v_scope.name, ''), 'the estate')
                    || ' became sick at once; heals wait until it is quiet, or for `selfheal storm go`');
            END IF;
        END IF;
    END LOOP;
END
$fn$;

-- Admission. Refusals are decided without a lock; only an admission takes the one lock and looks again, so that the
-- limits are exact. The answer to a trigger id is given once and repeated for ever. PROBE: nothing was decided or written;
-- take the admission lock, ask the action's breaker, and ask again with its word, all in one transaction. PLAN: nothing was
-- decided or written; ask again with what that action would do.
-- Its transaction does not wait for the disk, so that nobody waits for the disk of another one while that has the lock:
-- no answer may be given to anybody before `make_durable`, in a transaction that begins after this one has ended.
CREATE FUNCTION admit_trigger(r admission_request, l admission_limits)
RETURNS TABLE (decision text, reason text, attempt_id uuid, fault_id uuid, repeated boolean, retry_at timestamptz, action text)
LANGUAGE plpgsql AS $fn$
#variable_conflict use_column
DECLARE
    v_decision text := r.refusal;
    v_reason text := r.refusal_reason;
    v_attempt uuid;
    v_fault uuid;
    v_retry timestamptz;
    v_action text := r.actions[1];
    v_type text := r.action_types[1];
    v_record uuid := uuid_generate_v7();
    v_counted uuid;
    v_new boolean := false;
    v_word jsonb;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    IF v_decision IS NULL AND NOT nothing_in_the_way(r, l) THEN
        RETURN QUERY SELECT f.* FROM first_answer(r.trigger) f WHERE NOT asks_again(r);
        IF FOUND THEN
            RETURN;
        END IF;
        SELECT s.decision, s.reason, s.attempt_id, s.retry_at, coalesce(s.action, v_action), coalesce(s.action_type, v_type)
        INTO v_decision, v_reason, v_attempt, v_retry, v_action, v_type FROM standing_refusal(r, l) s;
        IF v_decision IN ('PROBE', 'PLAN') THEN
            RETURN QUERY SELECT v_decision, v_reason, NULL::uuid, NULL::uuid, false, NULL::timestamptz, v_action;
            RETURN;
        END IF;
    END IF;
    INSERT INTO trigger_answers (trigger_id, decision_id) VALUES (r.trigger, v_record)
    ON CONFLICT (trigger_id) DO UPDATE SET decision_id = v_record WHERE asks_again(r);
    IF NOT FOUND THEN
        RETURN QUERY SELECT * FROM first_answer(r.trigger);
        RETURN;
    END IF;

    -- Before the lock. No lock on the fault's row is taken here: who holds the admission lock may write that row, and
    -- nobody who holds the row may ask for the lock.
    -- What looks well and is refused is no fault; what a person is asked about is one. What is away because it is restarted
    -- ahead of its time is none either: that ends before the next look, or is one then.
    WHILE r.is_fault AND r.prediction IS NULL AND v_fault IS NULL
          AND (coalesce(v_decision, 'ASK') = 'ASK' OR r.type NOT IN ('BREAKER_OPENED', 'BEHIND_ESCALATION'))
          AND NOT (v_attempt IS NOT NULL AND v_decision = 'ALREADY_HEALING' AND is_foretold(v_attempt)) LOOP
        INSERT INTO faults (target_key, component, estate_group, trigger_type, priority, detected_at, attempts, start_from)
        VALUES (r.target, r.component, r.estate_group, r.type, r.priority, least(r.detected_at, now()), (v_decision IS NULL)::int,
                least(r.detected_at, now()))
        ON CONFLICT (target_key) WHERE closed_at IS NULL AND prediction_id IS NULL DO NOTHING RETURNING id INTO v_fault;
        v_new := v_fault IS NOT NULL;
        IF NOT v_new THEN                           -- again if it was closed between the two statements
            SELECT f.id INTO v_fault FROM faults f WHERE f.target_key = r.target AND f.closed_at IS NULL AND f.prediction_id IS NULL;
        END IF;
    END LOOP;
    IF r.prediction IS NOT NULL AND coalesce(v_decision, 'ASK') = 'ASK' THEN
        PERFORM hold_prediction(r.prediction);      -- whoever writes that row asks for no lock
    END IF;
    IF v_decision IS NULL OR v_decision = 'ASK' OR v_new THEN
        PERFORM pg_advisory_xact_lock(hashtext('selfheal.admission'));
        IF v_new AND r.prediction IS NULL AND may_be_storm(r, l) THEN
            PERFORM note_storm(r, l);
        END IF;
    END IF;
    IF v_decision = 'ASK' OR v_decision IS NULL AND NOT nothing_in_the_way(r, l) THEN
        SELECT s.decision, s.reason, s.attempt_id, s.retry_at, coalesce(s.action, v_action), coalesce(s.action_type, v_type)
        INTO v_decision, v_reason, v_attempt, v_retry, v_action, v_type FROM standing_refusal(r, l) s;
        IF v_decision = 'PLAN' THEN                 -- the mode has changed since the look above
            v_decision := 'STALE_TRIGGER';
            v_reason := 'the mode of ' || v_action || ' has just changed; look again';
            v_retry := now();
        ELSIF v_decision = 'PROBE' THEN             -- the breaker has tripped since the look above
            v_decision := 'CIRCUIT_OPEN';
            v_reason := 'the breaker of ' || v_action || ' has just opened';
        END IF;
    END IF;
    IF r.prediction IS NOT NULL AND (coalesce(v_decision, 'ASK') = 'ASK' OR r.plans <> '{}') THEN
        SELECT o.fault, o.new INTO v_fault, v_new FROM open_foretold(r, (v_decision IS NULL)::int) o;
        IF v_fault IS NULL THEN                     -- taken back since the look above
            v_decision := 'ALREADY_HEALTHY';
            v_reason := 'what was foretold no longer holds';
        END IF;
    END IF;

    IF r.approval IS NOT NULL THEN
        IF v_decision IS NULL THEN
            v_word := hold_word(r, v_action);
            IF v_word IS NULL AND mode_in_force(r, array_position(r.actions, v_action)) = 'approve' THEN
                v_decision := 'STALE_TRIGGER';      -- closed by somebody else since the look above
                v_reason := 'approval ' || r.approval || ' has just ended; look again';
                v_retry := now();
            END IF;
        ELSIF v_decision = 'ALREADY_HEALTHY' THEN
            PERFORM end_word(r.approval, 'OVERTAKEN');
        END IF;
    END IF;
    IF v_decision IS NULL AND NOT v_new AND v_fault IS NOT NULL THEN    -- a new one was written with its first attempt
        UPDATE faults SET attempts = attempts + 1, ladder_step = greatest(array_position(r.actions, v_action) - 1, 0),
                          rests_until = CASE WHEN rests_until > now() THEN now() ELSE rests_until END
        WHERE id = v_fault AND closed_at IS NULL;
        IF NOT FOUND THEN                           -- since the look above, by a watcher that saw the target healthy
            v_decision := 'STALE_TRIGGER';
            v_reason := 'its fault has just been closed; look again';
            v_retry := now();
        END IF;
    END IF;

    IF v_decision IS NULL THEN
        v_decision := 'ADMITTED';
        v_reason := v_action || ' on ' || r.component;
        v_attempt := r.attempt;
        INSERT INTO healing_actions (id, trigger_type, action_type, action_name, target_component, target_key, estate_group,
                                     status, fault_id, trigger_id, priority, breaker_generation, lease_until,
                                     pre_observation, metadata, mode, manual_cost, failure_cost, prediction_id)
        VALUES (r.attempt, r.type, v_type, v_action, r.component, r.target, r.estate_group, 'PENDING', v_fault, r.trigger,
                r.priority, coalesce(r.generation, (SELECT b.generation FROM circuit_breaker_state b
                                                    WHERE b.component = 'heal:' || v_action), 0),
                now() + l.lease, r.observation, jsonb_build_object('why', r.why, 'source', r.source) || coalesce(v_word, '{}')
                    || CASE WHEN r.prediction IS NULL THEN '{}' ELSE foretold_json(r.prediction) END,
                CASE WHEN v_word IS NULL THEN 'auto' ELSE 'approve' END, r.costs[array_position(r.actions, v_action)], r.failure_cost,
                r.prediction);
        IF v_word IS NOT NULL THEN
            PERFORM end_word(r.approval, 'USED', r.attempt);
        END IF;
    ELSIF v_new THEN
        UPDATE faults SET attempts = 0 WHERE id = v_fault AND attempts > 0;
    END IF;
    IF v_decision = 'ATTEMPTS_EXHAUSTED' THEN
        PERFORM hand_over(coalesce(v_fault, (SELECT f.id FROM faults f WHERE f.prediction_id = r.prediction AND f.closed_at IS NULL)),
                          r.component, v_reason);
    ELSIF v_decision = 'COOLDOWN' THEN
        UPDATE faults SET rests_until = v_retry
        WHERE id = v_fault AND closed_at IS NULL AND rests_until IS DISTINCT FROM v_retry;
    ELSIF v_decision = 'ASK' THEN
        v_decision := 'AWAITING_APPROVAL';
        SELECT a.words, a.until INTO v_reason, v_retry FROM ask_for_approval(r, l, v_fault, v_action, v_type) a;
    END IF;
    IF r.plans <> '{}' AND v_fault IS NOT NULL THEN
        PERFORM keep_shadow_plans(r, v_fault);
    END IF;

    INSERT INTO healing_triggers AS t (id, decision, reason, trigger_type, component, target_key, action_type, source,
                                       priority, attempt_id, fault_id, retry_at, failure_cost)
    VALUES (v_record, v_decision, v_reason, r.type, r.component, r.target, coalesce(v_type, ''), r.source, r.priority,
            v_attempt, v_fault, v_retry,
            CASE WHEN v_decision = 'CIRCUIT_OPEN' AND r.prediction IS NULL THEN r.failure_cost ELSE 0 END)
    ON CONFLICT (component, target_key, trigger_type, action_type, source, decision, attempt_id, fault_id, md5(reason))
        WHERE decision <> 'ADMITTED'
        DO UPDATE SET occurrences = t.occurrences + 1, last_at = now(), retry_at = excluded.retry_at
    RETURNING t.id INTO v_counted;
    IF v_counted <> v_record THEN                   -- an equal refusal was counted
        UPDATE trigger_answers a SET decision_id = v_counted WHERE a.trigger_id = r.trigger;
    END IF;
    IF r.prediction IS NOT NULL AND v_retry IS NOT NULL THEN    -- asked again no later than when it may begin
        UPDATE raised_triggers t SET next_try_at = least(t.next_try_at, v_retry) WHERE t.id = r.prediction;
    END IF;
    RETURN QUERY SELECT v_decision, v_reason, v_attempt, v_fault, false, v_retry, v_action;
END
$fn$;

-- Waits until every transaction that had ended before is on the disk, by one of its own that writes next to nothing;
-- those who wait at the same time wait for one write of the disk. As a commit does, it obeys synchronous_commit and
-- waits for a synchronous standby where there is one, which a message that is no part of a transaction would not.
CREATE FUNCTION make_durable() RETURNS pg_lsn LANGUAGE sql VOLATILE AS $fn$
    SELECT pg_logical_emit_message(true, 'selfheal', '')
$fn$;

CREATE FUNCTION first_answer(p_trigger uuid)
RETURNS TABLE (decision text, reason text, attempt_id uuid, fault_id uuid, repeated boolean, retry_at timestamptz, action text)
LANGUAGE sql STABLE AS $fn$
    SELECT t.decision, t.reason, t.attempt_id, t.fault_id, true, t.retry_at, ''
    FROM trigger_answers a JOIN healing_triggers t ON t.id = a.decision_id WHERE a.trigger_id = p_trigger
$fn$;

-- A fault becomes a person's, once: with the alert that tells them, and what was tried.
CREATE FUNCTION hand_over(p_fault uuid, p_component text, p_why text) RETURNS void
LANGUAGE plpgsql AS $fn$
BEGIN
    UPDATE faults SET needs_person = p_why WHERE id = p_fault AND needs_person IS NULL AND closed_at IS NULL;
    IF FOUND THEN
        INSERT INTO alert_outbox (severity, dedup_key, message, details)
        SELECT CASE WHEN (SELECT f.prediction_id FROM faults f WHERE f.id = p_fault) IS NULL THEN 'CRITICAL' ELSE 'WARNING' END,
               'fault/' || p_fault, p_component || ' needs a person: ' || p_why,
               jsonb_build_object('fault', p_fault, 'component', p_component, 'attempts', coalesce(jsonb_agg(
                   jsonb_build_object('id', a.id, 'action', a.action_name, 'status', a.status, 'at', a.created_at,
                                      'saw', a.pre_observation ->> 'detail', 'message', a.metadata ->> 'message',
                                      'verification', a.verification, 'rollback', a.rollback_outcome,
                                      'evidence', a.plan -> 'evidence') ORDER BY a.created_at), '[]'))
        FROM healing_actions a WHERE a.target_key = (SELECT f.target_key FROM faults f WHERE f.id = p_fault)
          AND a.fault_id = p_fault;
    END IF;
END
$fn$;

-- What the actions in mode shadow would have done, to be judged later by how the fault went on: once for each fault.
CREATE FUNCTION keep_shadow_plans(r admission_request, p_fault uuid) RETURNS void
LANGUAGE sql AS $fn$
    INSERT INTO shadow_plans (fault_id, action, action_type, component, target_key, trigger_id, plan, within)
    SELECT p_fault, u.action, u.type, r.component, r.target, r.trigger, r.plans -> u.action,
           make_interval(secs => (r.plans -> u.action ->> 'within_s')::double precision)
    FROM unnest(r.actions, r.action_types) WITH ORDINALITY u (action, type, place)
    WHERE r.plans ? u.action AND mode_in_force(r, u.place::int) = 'shadow'
    ON CONFLICT (fault_id, action) DO NOTHING
$fn$;
