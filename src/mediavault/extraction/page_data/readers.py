"""Reads a page's data: by the site's own reader, then in the forms that many sites share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from mediavault.core.failures import ExtractorBroken
from mediavault.core.media import Post
from mediavault.core.messages import Message
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.page_data import activity, blog_posts, fediverse, microformats, statuses
from mediavault.extraction.page_data.values import walk_all

# Forms that any site may use; each reader determines itself which post a document is about
_SHARED: tuple[Callable[[Post, Platform, Sequence[object]], PageData | None], ...] = (
    activity.read,
    microformats.read,
    statuses.read_status,
    fediverse.read,
    blog_posts.read_on_own_domain,
)


def read_story(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """Return who posted what, from data that refuse to show the post;
    None where they do not say.
    """
    story_of = platform.reader.story_of
    return story_of(post, documents) if story_of else None


def read_page_data(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """Return what the site's own data, or data in a form that many sites share, say about the post;
    None for nothing.

    Raises the Failure that the data report, and ExtractorBroken where they have an unknown form.
    """
    own = platform.reader.read
    try:
        data = own(post, platform, documents) if own else None
        if data is not None and data.found:
            return data
        shared = (read(post, platform, documents) for read in _SHARED)
        return next(filter(None, shared), data)
    except (AttributeError, KeyError, IndexError, TypeError) as exc:
        raise ExtractorBroken(
            Message(
                "%(site)s has changed the format of its responses (%(error)s).",
                site=platform.title,
                error=exc,
            )
        ) from exc


# --- the viewer -----------------------------------------------------------------------------------


def viewer_of(path: Sequence[str], documents: Iterable[object]) -> str | None:
    """Return the name at ``path``; None where no document has it.

    The first part of the path is a key, or the name of a module as Meta's pages define them
    (``[name, [], data, number]``), anywhere; the rest leads down from there.
    """
    for document in documents:
        for node in walk_all(document):
            if isinstance(node, Mapping):
                name = _below(node.get(path[0]), path[1:])
            else:
                is_module = len(node) > 2 and node[0] == path[0]
                name = _below(node[2], path[1:]) if is_module else None
            if name is not None:
                return name
    return None


def _below(value: object, path: Sequence[str]) -> str | None:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value.strip() or None if isinstance(value, str) else None
