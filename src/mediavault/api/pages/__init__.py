"""The pages for a person. They read and submit without JavaScript; with it they are live."""

from __future__ import annotations

from fastapi import APIRouter

from mediavault.api.pages import accounts, appearance, home, login, platforms, post, settings, sign_ins

ROUTERS: tuple[APIRouter, ...] = (
    home.router,
    post.router,
    accounts.router,
    platforms.router,
    sign_ins.router,
    settings.router,
    login.router,
    appearance.router,
)
