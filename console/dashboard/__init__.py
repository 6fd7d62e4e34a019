"""The dashboard: pages rendered here, that work without a script, and live with one."""
