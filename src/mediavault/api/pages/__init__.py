"""The pages for a person. They read and submit without JavaScript; with it they are live."""

from __future__ import annotations

from fastapi import APIRouter

from mediavault.api.pages import appearance, home, login, post, sign_ins

ROUTERS: tuple[APIRouter, ...] = (home.router, post.router, sign_ins.router, login.router, appearance.router)
