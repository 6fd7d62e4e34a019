-- What healing_user may do. The last script: it needs every table and function.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO healing_user;
GRANT SELECT ON alembic_version TO healing_user;
GRANT SELECT, INSERT ON faults, healing_actions, healing_triggers, trigger_answers, health_history, watch_epoch,
    mechanism_runs, pauses, circuit_breaker_state, circuit_breaker_results, raised_triggers,
    maintenance_windows, storms, alert_outbox, action_modes, mode_changes, shadow_plans, approvals TO healing_user;
GRANT SELECT ON shadow_results, approval_states, heal_results, prevented_failures, healing_metrics,
    healing_action_success_rates TO healing_user;
GRANT UPDATE (mode, since, who, why) ON action_modes TO healing_user;
GRANT UPDATE (closed_at, closing) ON approvals TO healing_user;
GRANT UPDATE (ends_at, ended_by, ended_why) ON maintenance_windows TO healing_user;
GRANT UPDATE (quiet_at, go_at, go_by, go_why, ended_at) ON storms TO healing_user;
GRANT UPDATE (next_try_at, tries, sent_at, error) ON alert_outbox TO healing_user;
GRANT UPDATE (verified_at, closed_at, resolution, ladder_step, attempts, start_from, start_missed_at,
              needs_person) ON faults TO healing_user;
GRANT UPDATE (status, success, execution_time_ms, error_message, metadata, completed_at, fence, runs, lease_until,
              holder, phase, act_started_at, act_ended_at, act_deadline, plan, verification, rollback_outcome, interrupted)
    ON healing_actions TO healing_user;
GRANT UPDATE (occurrences, last_at, retry_at) ON healing_triggers TO healing_user;
GRANT UPDATE (decision_id) ON trigger_answers TO healing_user;
GRANT UPDATE (run_id, holder, began_at, beat_at) ON watch_epoch TO healing_user;
GRANT UPDATE (mechanism, holder, began_at, ended_at) ON mechanism_runs TO healing_user;
GRANT UPDATE (ended_at, ended_by, ended_why) ON pauses TO healing_user;
GRANT UPDATE (state, failure_rate, opened_at, updated_at, generation, level, mode, override, results, open_until, permits,
              successes, failures, prevented) ON circuit_breaker_state TO healing_user;
GRANT UPDATE (next_try_at) ON raised_triggers TO healing_user;
GRANT EXECUTE ON FUNCTION ensure_health_partition(date), forget_answers(interval), refresh_success_rates() TO healing_user;
RESET ROLE;
