"""The tables as SQLAlchemy knows them; the migrations make them, a test holds the two together."""

from selfheal.store.tables.breakers import circuit_breaker_results, circuit_breaker_state, raised_triggers
from selfheal.store.tables.columns import metadata
from selfheal.store.tables.comparing import workflow_comparisons, workflow_disagreements, workflow_sightings
from selfheal.store.tables.decisions import (
    action_modes,
    approvals,
    maintenance_windows,
    mode_changes,
    pauses,
    shadow_plans,
    storms,
)
from selfheal.store.tables.delivered import deliverables, pruned_deliverables
from selfheal.store.tables.estate import system_errors
from selfheal.store.tables.files import file_changes
from selfheal.store.tables.heals import faults, healing_actions, healing_triggers, trigger_answers
from selfheal.store.tables.intake import intake_alerts
from selfheal.store.tables.logs import log_counts, log_gaps, log_positions, log_told, log_triggers
from selfheal.store.tables.persons import person_deeds, person_sessions, person_tokens
from selfheal.store.tables.predicting import breaches, forecast_ring, forecast_state, predictions
from selfheal.store.tables.telling import (
    alert_deliveries,
    alert_episodes,
    alert_messages,
    alert_outbox,
    alert_silences,
    alerts,
    devops_alert_history,
)
from selfheal.store.tables.watching import health_history, health_rollup, mechanism_runs, mechanisms, watch_epoch
from selfheal.store.tables.workflow_health import workflow_health
from selfheal.store.tables.workflows import (
    workflow_recovery_history,
    workflow_starts,
    workflow_state,
    workflow_state_history,
)

__all__ = [
    "action_modes",
    "alert_deliveries",
    "alert_episodes",
    "alert_messages",
    "alert_outbox",
    "alert_silences",
    "alerts",
    "approvals",
    "breaches",
    "circuit_breaker_results",
    "circuit_breaker_state",
    "deliverables",
    "devops_alert_history",
    "faults",
    "file_changes",
    "forecast_ring",
    "forecast_state",
    "healing_actions",
    "healing_triggers",
    "health_history",
    "health_rollup",
    "intake_alerts",
    "log_counts",
    "log_gaps",
    "log_positions",
    "log_told",
    "log_triggers",
    "maintenance_windows",
    "mechanism_runs",
    "mechanisms",
    "metadata",
    "mode_changes",
    "pauses",
    "person_deeds",
    "person_sessions",
    "person_tokens",
    "predictions",
    "pruned_deliverables",
    "raised_triggers",
    "shadow_plans",
    "storms",
    "system_errors",
    "trigger_answers",
    "watch_epoch",
    "workflow_comparisons",
    "workflow_disagreements",
    "workflow_health",
    "workflow_recovery_history",
    "workflow_sightings",
    "workflow_starts",
    "workflow_state",
    "workflow_state_history",
]
