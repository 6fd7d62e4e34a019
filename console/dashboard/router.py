"""All pages of the dashboard, for the application to include."""

from fastapi import APIRouter

from console.dashboard import (
    alerts,
    forms,
    lists,
    logs,
    mechanisms,
    overview,
    predictions,
    questions,
    static_files,
    workflows,
)

router = APIRouter()
for part in (overview, lists, predictions, workflows, questions, alerts, logs, mechanisms, forms, static_files):
    router.include_router(part.router)
