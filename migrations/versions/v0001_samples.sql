-- What /metrics counts, in one statement. Names of metrics and labels are the web server's business.

CREATE VIEW metric_samples WITH (security_invoker = true) AS
    SELECT 'attempts' AS name, a.action_name::text AS one, a.status::text AS two, count(*)::float8 AS value
    FROM healing_actions a WHERE a.fault_id IS NOT NULL GROUP BY a.action_name, a.status
    UNION ALL
    SELECT 'open_faults', f.component, '', count(*) FROM faults f WHERE f.closed_at IS NULL AND f.prediction_id IS NULL GROUP BY f.component
    UNION ALL
    SELECT 'needing_person', '', '', count(*) FROM faults f WHERE f.closed_at IS NULL AND f.needs_person IS NOT NULL
    UNION ALL
    SELECT 'missed_starts', '', '', count(*) FROM faults f WHERE f.start_missed_at > now() - interval '24 hours'
    UNION ALL
    SELECT 'refusals', t.decision, '', sum(t.occurrences) FROM healing_triggers t WHERE t.decision <> 'ADMITTED' GROUP BY t.decision
    UNION ALL
    SELECT 'triggers_waiting', '', '', count(*) FROM raised_triggers t
    WHERE t.raised_at > now() - interval '1 hour' AND t.approval IS NULL
      AND NOT EXISTS (SELECT FROM trigger_answers a WHERE a.trigger_id = t.id)
      AND (t.source IS DISTINCT FROM 'intake' OR alert_stands(t.id))
      AND (t.source IS DISTINCT FROM 'predictive-health' OR prediction_stands(t.id))
    UNION ALL
    SELECT 'approvals_open', '', '', count(*) FROM approval_states s WHERE s.closed_at IS NULL AND s.state = 'OPEN'
    UNION ALL
    SELECT 'alerts_waiting', '', '', (SELECT count(*) FROM alert_outbox o WHERE o.routed_at IS NULL)
                                   + (SELECT count(DISTINCT d.message_id) FROM alert_deliveries d WHERE d.state = 'WAITING')
    UNION ALL
    SELECT 'external_alerts', i.state, '', count(*) FROM intake_alerts i GROUP BY i.state
    UNION ALL
    SELECT 'breakers', b.component, b.state, 1 FROM circuit_breaker_state b
    UNION ALL
    SELECT 'workflows', w.status, '', count(*) FROM workflow_state w WHERE w.status IS NOT NULL GROUP BY w.status
    UNION ALL
    SELECT 'predictions', p.rule, p.outcome, count(*) FROM predictions p WHERE p.outcome IS NOT NULL GROUP BY p.rule, p.outcome
    UNION ALL
    SELECT 'predictions_standing', p.rule, '', count(*) FROM predictions p WHERE p.outcome IS NULL AND p.ended_at IS NULL GROUP BY p.rule
    UNION ALL
    SELECT 'paused', '', '', count(*) FROM pause_in_force() p
    UNION ALL
    SELECT 'storms', '', '', count(*) FROM storms s WHERE s.ended_at IS NULL AND s.quiet_at > now();
