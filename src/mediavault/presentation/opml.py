"""OPML 2.0: lists of feeds and of sources, for other programs and to be read again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

from mediavault.core.xml_tree import in_xml

OPML_TYPE = "text/x-opml"
_NAMESPACE = "urn:mediavault:sources"


def opml_document(title: str, outlines: Iterable[Mapping[str, str]]) -> bytes:
    """Return a list as OPML 2.0; each outline is its attributes, of which empty ones are left out.

    Texts may be anything: what XML can't hold is left out. ``mediavault:settings`` is an attribute
    of our own namespace.
    """
    root = Element("opml", {"version": "2.0", "xmlns:mediavault": _NAMESPACE})
    SubElement(SubElement(root, "head"), "title").text = in_xml(title)
    body = SubElement(root, "body")
    for outline in outlines:
        SubElement(
            body, "outline", {name: in_xml(value) for name, value in outline.items() if value}
        )
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def feed_outline(name: str, address: str) -> Mapping[str, str]:
    """Return the outline of a feed."""
    return {"type": "rss", "text": name, "title": name, "xmlUrl": address}
