"""All pages of the dashboard, for the application to include."""

from fastapi import APIRouter

from console.dashboard import forms, lists, overview, questions, static_files

router = APIRouter()
for part in (overview, lists, questions, forms, static_files):
    router.include_router(part.router)
