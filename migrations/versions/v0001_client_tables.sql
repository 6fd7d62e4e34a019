-- The client's other tables, that no mechanism of this release writes yet: the shapes are fixed, the writers come later.

CREATE TABLE system_errors (                        -- errors of the estate, grouped by signature
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    tenant_id UUID,                                 -- NULL: the infrastructure's
    severity VARCHAR(20) NOT NULL CHECK (severity IN ('CRITICAL', 'ERROR', 'WARNING', 'INFO')),
    status VARCHAR(20) NOT NULL DEFAULT 'OPEN' CHECK (status IN ('OPEN', 'IN_PROGRESS', 'RESOLVED', 'IGNORED')),
    message TEXT NOT NULL,
    stack_trace TEXT,
    component VARCHAR(100),
    first_occurred TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_occurred TIMESTAMPTZ NOT NULL DEFAULT now(),
    occurrence_count INTEGER NOT NULL DEFAULT 1 CHECK (occurrence_count > 0),
    assigned_to VARCHAR(100),
    resolved_by VARCHAR(100),
    resolved_at TIMESTAMPTZ,
    resolution_notes TEXT,
    metadata JSONB DEFAULT '{}',
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- ours
    signature VARCHAR(64)                           -- identity of the error with its volatile words masked
);
CREATE INDEX system_errors_status ON system_errors (status);
CREATE INDEX system_errors_last ON system_errors (last_occurred DESC);
CREATE INDEX system_errors_signature ON system_errors (signature);

CREATE TABLE devops_alert_history (                 -- what people were told, and how it went
    id UUID PRIMARY KEY DEFAULT uuid_generate_v7(),
    tenant_id UUID,                                 -- NULL: the infrastructure's
    severity VARCHAR(20) NOT NULL CHECK (severity IN ('INFO', 'WARNING', 'CRITICAL')),
    message TEXT NOT NULL,
    source VARCHAR(100),
    metadata JSONB DEFAULT '{}',
    delivery_status VARCHAR(20) NOT NULL CHECK (delivery_status IN ('SENT', 'FAILED', 'AGGREGATED')),
    delivery_channels TEXT[] NOT NULL DEFAULT '{}',
    delivery_error TEXT,
    alert_timestamp TIMESTAMPTZ NOT NULL DEFAULT now(),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX devops_alert_history_at ON devops_alert_history (alert_timestamp DESC);
