"""The HTML pages. They can be read and their forms submitted without JavaScript;
with it they update live.
"""

from __future__ import annotations

from fastapi import APIRouter

from mediavault.features.following.pages import inbox, sources
from mediavault.features.marks import pages as marks
from mediavault.features.notifications import pages as notifications
from mediavault.features.profiles import pages as profiles
from mediavault.features.recording import pages as recording
from mediavault.features.retention import pages as retention
from mediavault.features.rss.pages import documents, feeds
from mediavault.features.sealing import pages as sealing
from mediavault.features.sharing import pages as sharing
from mediavault.features.sites import pages as sites
from mediavault.features.trash import pages as trash
from mediavault.web.pages import (
    access,
    accounts,
    doctor,
    feed,
    home,
    library,
    library_actions,
    phone,
    post,
    search,
    settings,
    sign_in,
    sign_ins,
)

ROUTERS: tuple[APIRouter, ...] = (
    home.router,
    library.router,
    library_actions.router,
    search.router,
    feed.router,
    marks.router,
    post.router,
    recording.router,
    sealing.router,
    accounts.router,
    sites.router,
    inbox.router,
    sources.router,
    sign_ins.router,
    settings.router,
    profiles.router,
    notifications.router,
    sign_in.router,
    access.router,
    doctor.router,
    trash.router,
    retention.router,
    sharing.router,
    phone.router,
    feeds.router,
    documents.router,
)
