-- What each role may do; whose rows, stands in v0001_tenants.sql. The last script: it needs every table and function.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO healing_user, selfheal_api, selfheal_api_admin, selfheal_viewer;

-- healing_user: the dispatcher, and the command line. What is recorded stays recorded.
GRANT SELECT ON alembic_version TO healing_user;
GRANT SELECT, INSERT ON faults, healing_actions, healing_triggers, trigger_answers, watch_epoch,
    mechanism_runs, pauses, circuit_breaker_state, circuit_breaker_results, raised_triggers,
    maintenance_windows, storms, alert_outbox, action_modes, mode_changes, shadow_plans,
    workflow_recovery_history, workflow_state, workflow_starts, system_errors, devops_alert_history, person_deeds TO healing_user;
GRANT SELECT ON workflow_state_history TO healing_user;             -- a trigger writes it
GRANT SELECT, INSERT ON deliverables, pruned_deliverables TO healing_user;
GRANT UPDATE (gone_at, restored_at) ON pruned_deliverables TO healing_user;
GRANT EXECUTE ON FUNCTION forget_pruned(interval), forget_deliverables(interval) TO healing_user;
GRANT SELECT, INSERT (action, action_type, component, target_key, fingerprint, parameters, fault_id, trigger_id, trigger_type,
                      source, priority, asked_by, why, preview, blast_radius, evidence, expires_at)
    ON approvals TO healing_user;                   -- asks, and never with the answer
GRANT SELECT ON shadow_results, approval_states, heal_results, prevented_failures, healing_metrics,
    healing_action_success_rates, seen_success_rates TO healing_user;
GRANT UPDATE (title, assigned_to, current_stage, status, started_at, completed_at, stage_deliverables, updated_at, priority,
              file_status, under_way_since, last_stage, held_why, held_until) ON workflow_state TO healing_user;
GRANT UPDATE (state, published_at, recorded_at, tries, error, ended_at, ending, reason, told_at) ON workflow_starts TO healing_user;
GRANT UPDATE (severity, status, message, stack_trace, last_occurred, occurrence_count, assigned_to, resolved_by, resolved_at,
              resolution_notes, metadata, updated_at) ON system_errors TO healing_user;
GRANT UPDATE (mode, since, who, why) ON action_modes TO healing_user;
GRANT UPDATE (closed_at, closing, used_at, attempt_id) ON approvals TO healing_user;   -- uses a word, gives none
GRANT UPDATE (ends_at, ended_by, ended_why) ON maintenance_windows TO healing_user;
GRANT UPDATE (quiet_at, go_at, go_by, go_why, ended_at) ON storms TO healing_user;
GRANT UPDATE (routed_at) ON alert_outbox TO healing_user;
GRANT SELECT, INSERT ON alerts, alert_episodes, alert_messages, alert_deliveries, alert_silences TO healing_user;
GRANT UPDATE (severity, message, episode_id, held, occurrences, acknowledged_at, acknowledged_by, acknowledged_why,
              acknowledgement_told, resolved_at) ON alerts TO healing_user;
GRANT UPDATE (window_began, told, held, total, is_open, last_told_at) ON alert_episodes TO healing_user;
GRANT EXECUTE ON FUNCTION note_told(uuid) TO healing_user;
GRANT UPDATE (state, tries, next_try_at, since, paused_until, error, sent_at, failed_at)
    ON alert_deliveries TO healing_user;
GRANT UPDATE (ended_at, ended_by, ended_why) ON alert_silences TO healing_user;
GRANT EXECUTE ON FUNCTION forget_alerts(interval), forget_records(interval) TO healing_user;
GRANT UPDATE (verified_at, closed_at, resolution, ladder_step, attempts, start_from, start_missed_at,
              needs_person, rests_until) ON faults TO healing_user;
GRANT UPDATE (status, success, execution_time_ms, error_message, metadata, completed_at, fence, runs, lease_until,
              holder, phase, act_started_at, act_ended_at, act_deadline, plan, verification, rollback_outcome, interrupted)
    ON healing_actions TO healing_user;
GRANT UPDATE (occurrences, last_at, retry_at) ON healing_triggers TO healing_user;
GRANT UPDATE (decision_id) ON trigger_answers TO healing_user;
GRANT UPDATE (run_id, holder, began_at, beat_at, retired_at) ON watch_epoch TO healing_user;
GRANT UPDATE (mechanism, holder, began_at, ended_at, error) ON mechanism_runs TO healing_user;
GRANT UPDATE (ended_at, ended_by, ended_why) ON pauses TO healing_user;
GRANT UPDATE (state, failure_rate, opened_at, updated_at, generation, level, mode, override, results, open_until, permits,
              successes, failures, prevented) ON circuit_breaker_state TO healing_user;
GRANT UPDATE (next_try_at) ON raised_triggers TO healing_user;
GRANT SELECT ON metric_samples TO healing_user, selfheal_api, selfheal_api_admin, selfheal_viewer;
GRANT SELECT ON mechanisms TO healing_user, selfheal_api, selfheal_api_admin, selfheal_viewer;
GRANT INSERT, UPDATE (every, since) ON mechanisms TO healing_user;
GRANT SELECT ON predictions, breaches, prediction_results, prediction_records, preemptive_results
    TO healing_user, selfheal_api, selfheal_api_admin, selfheal_viewer;
GRANT INSERT ON breaches TO healing_user;
GRANT SELECT, INSERT, UPDATE (serial, saved_at, head, untold) ON forecast_state TO healing_user;
GRANT SELECT (one, saved_at, untold) ON forecast_state TO selfheal_api, selfheal_api_admin, selfheal_viewer;
GRANT SELECT, INSERT, UPDATE (raw, smooth) ON forecast_ring TO healing_user;
GRANT EXECUTE ON FUNCTION forget_predictions(interval) TO healing_user;
GRANT INSERT, UPDATE (ended_at, breached_at, outcome, settled_at) ON predictions TO healing_user;
GRANT SELECT ON intake_alerts TO healing_user, selfheal_api, selfheal_api_admin, selfheal_viewer;
GRANT EXECUTE ON FUNCTION take_alerts(text, text, jsonb, intake_limits) TO healing_user, selfheal_api, selfheal_api_admin;
GRANT EXECUTE ON FUNCTION forget_intake(interval) TO healing_user;
GRANT SELECT, INSERT, UPDATE (level, found_at, details) ON workflow_health TO healing_user;
GRANT SELECT, INSERT (id, path, kind, req_number, line, before, after, sha256_before, sha256_after, size_before, size_after,
                      backup, who, why), UPDATE (state, note, settled_at) ON file_changes TO healing_user;
GRANT SELECT ON health_history, health_rollup TO healing_user;      -- keep_health writes them, both or none
GRANT EXECUTE ON FUNCTION keep_health(text[], text[], int[], text[], timestamptz[], text[], float8[], jsonb[], boolean),
    old_health_partitions(interval, interval), drop_health_partition(interval, interval), forget_runs(interval) TO healing_user;
GRANT EXECUTE ON FUNCTION ensure_health_partition(date), forget_answers(interval), refresh_success_rates(),
    forget_workflows(interval) TO healing_user;
GRANT SELECT, INSERT ON workflow_comparisons, workflow_sightings, workflow_disagreements TO healing_user;
GRANT SELECT ON seen_workflows TO healing_user;
GRANT UPDATE (compared_at, file_sha256, requests, untold, why, orphans, orphans_at, moved, held) ON workflow_comparisons TO healing_user;
GRANT UPDATE (title, status, priority, owner, line, stages, changed_at) ON workflow_sightings TO healing_user;
GRANT UPDATE (file, state, evidence, note, last_seen, settled_at) ON workflow_disagreements TO healing_user;
GRANT EXECUTE ON FUNCTION forget_disagreements(interval) TO healing_user;
GRANT SELECT, INSERT ON log_positions, log_gaps, log_counts, log_told, log_triggers TO healing_user;
GRANT UPDATE (component, place, version, position, lines, bytes, cut, behind, trouble, read_at) ON log_positions TO healing_user;
GRANT UPDATE (hits, raised) ON log_counts TO healing_user;
GRANT UPDATE (told_at) ON log_told TO healing_user;
GRANT UPDATE (next_try_at) ON log_triggers TO healing_user;
GRANT EXECUTE ON FUNCTION forget_logs(interval) TO healing_user;

-- selfheal_api and, for an admin, selfheal_api_admin: the web server. All that a person may see, and what their deeds write.
GRANT SELECT ON alembic_version, faults, healing_actions, healing_triggers, trigger_answers, health_history, health_rollup,
    watch_epoch, mechanism_runs, pauses, circuit_breaker_state, circuit_breaker_results, raised_triggers, maintenance_windows, storms,
    alert_outbox, action_modes, mode_changes, shadow_plans, approvals, workflow_recovery_history, workflow_state,
    workflow_state_history, workflow_starts, system_errors, devops_alert_history, person_deeds, shadow_results,
    approval_states, heal_results, prevented_failures, healing_metrics, seen_success_rates TO selfheal_api, selfheal_api_admin;
GRANT SELECT ON workflow_comparisons, workflow_sightings, workflow_disagreements, seen_workflows
    TO selfheal_api, selfheal_api_admin, selfheal_viewer;
GRANT SELECT ON alerts, alert_episodes, alert_messages, alert_deliveries, alert_silences
    TO selfheal_api, selfheal_api_admin, selfheal_viewer;
GRANT UPDATE (acknowledged_at, acknowledged_by, acknowledged_why) ON alerts TO selfheal_api, selfheal_api_admin;
GRANT INSERT (pattern, until, who, why), UPDATE (ended_at, ended_by, ended_why)
    ON alert_silences TO selfheal_api, selfheal_api_admin;
GRANT SELECT ON file_changes TO selfheal_api, selfheal_api_admin, selfheal_viewer;
GRANT SELECT ON log_positions, log_gaps, log_counts, log_told, log_triggers TO selfheal_api, selfheal_api_admin, selfheal_viewer;
GRANT SELECT ON workflow_health TO selfheal_api, selfheal_api_admin, selfheal_viewer;
GRANT INSERT (paused_by, why, until), UPDATE (ended_at, ended_by, ended_why) ON pauses TO selfheal_api, selfheal_api_admin;
GRANT INSERT (scope, name, begins_at, ends_at, zone, who, why), UPDATE (ends_at, ended_by, ended_why)
    ON maintenance_windows TO selfheal_api, selfheal_api_admin;
GRANT UPDATE (go_at, go_by, go_why) ON storms TO selfheal_api, selfheal_api_admin;
GRANT INSERT (component), UPDATE (state, failure_rate, opened_at, updated_at, generation, level, mode, override, results,
                                  open_until, permits, successes, failures)
    ON circuit_breaker_state TO selfheal_api, selfheal_api_admin;
GRANT INSERT (component, at, kind, success, permit, note, event, limits, state, generation)
    ON circuit_breaker_results TO selfheal_api, selfheal_api_admin;
GRANT INSERT (tenant_id, trigger_type, action_type, action_name, target_component, target_key, status, success, completed_at,
              metadata) ON healing_actions TO selfheal_api, selfheal_api_admin;     -- a breaker's transition: see its policy
GRANT INSERT (action, mode, since, who, why), UPDATE (mode, since, who, why) ON action_modes TO selfheal_api_admin;
GRANT INSERT (action, kind, from_mode, to_mode, who, why) ON mode_changes TO selfheal_api_admin;
GRANT UPDATE (decision, decided_at, decided_by, decided_token, decided_via, decision_why, use_by, closed_at, closing)
    ON approvals TO selfheal_api, selfheal_api_admin;       -- gives a word, uses none
GRANT INSERT (name, role, tenant_id, token_id, door, deed, subject, details, outcome, request_id)
    ON person_deeds TO selfheal_api, selfheal_api_admin;
GRANT EXECUTE ON FUNCTION find_token(bytea), begin_session(bytea, bytea, interval), find_session(bytea), end_session(bytea)
    TO selfheal_api;

GRANT SELECT ON deliverables TO selfheal_api, selfheal_api_admin;
GRANT SELECT (stream, stream_created, sequence, subject, published_at, kept_at, gone_at, restored_at)
    ON pruned_deliverables TO selfheal_api, selfheal_api_admin, selfheal_viewer;            -- never what stood in it

-- Only an admin of all tenants: what is counted over all of them, and who has which token.
GRANT SELECT ON healing_action_success_rates TO selfheal_api_admin;
GRANT SELECT (id, name, role, tenant_id, issued_by, created_at, expires_at, revoked_at, revoked_by, revoked_why, last_used_at)
    ON person_tokens TO selfheal_api_admin;
GRANT EXECUTE ON FUNCTION revoke_token(uuid, text, text) TO selfheal_api_admin;

-- selfheal_viewer: whoever looks with psql or Grafana, by a login of their own that is a member of it. No persons.
GRANT SELECT ON alembic_version, faults, healing_actions, healing_triggers, health_history, health_rollup, watch_epoch,
    mechanism_runs, pauses, circuit_breaker_state, circuit_breaker_results, raised_triggers, maintenance_windows, storms,
    alert_outbox, action_modes, mode_changes, shadow_plans, approvals, workflow_recovery_history, workflow_state,
    workflow_state_history, workflow_starts, system_errors, devops_alert_history, shadow_results, approval_states,
    heal_results, prevented_failures, healing_metrics, seen_success_rates TO selfheal_viewer;
GRANT SELECT ON deliverables TO selfheal_viewer;
RESET ROLE;
