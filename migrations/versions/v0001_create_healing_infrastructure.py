"""create_healing_infrastructure (the client's V0.0.40): tables, admission, persons, rights; its SQL is beside it."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


SCRIPTS = (
    "v0001_create_healing_infrastructure.sql",
    "v0001_health.sql",
    "v0001_retention.sql",
    "v0001_breakers.sql",
    "v0001_predictions.sql",
    "v0001_modes.sql",
    "v0001_admission.sql",
    "v0001_preempting.sql",
    "v0001_approvals.sql",
    "v0001_intake.sql",
    "v0001_starts.sql",
    "v0001_unknown.sql",
    "v0001_metrics.sql",
    "v0001_workflows.sql",
    "v0001_client_tables.sql",
    "v0001_disagreements.sql",
    "v0001_files.sql",
    "v0001_deliverables.sql",
    "v0001_workflow_health.sql",
    "v0001_own_health.sql",
    "v0001_logs.sql",
    "v0001_identities.sql",
    "v0001_alerts.sql",
    "v0001_forgetting.sql",
    "v0001_samples.sql",
    "v0001_tenants.sql",
    "v0001_rights.sql",
)


def upgrade() -> None:
    """Run each script as a whole, which is the driver's business and not SQLAlchemy's."""
    for name in SCRIPTS:
        script = Path(__file__).with_name(name).read_text(encoding="utf-8")
        op.get_bind().connection.driver_connection.execute(script)
