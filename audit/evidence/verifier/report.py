"""The readable report of a pack: a pure function of what else is in it, so that it can be made again and compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

_OUTCOMES = {"done": ("go", "✓"), "refused": ("stop", "✕"), "failed": ("stop", "▲"), "unknown": ("open", "?")}
_ASKED = {
    "text": "the words",
    "action": "action",
    "outcome": "outcome",
    "actor": "person",
    "conversation_id": "call",
    "clip_id": "recording",
    "injection_id": "injection",
    "reason_code": "reason code",
    "since": "recorded from",
    "until": "recorded before",
    "before": "older than the record",
}
_STYLE = """
:root{color-scheme:light dark;--bg:light-dark(#f4f5f2,#0f1311);--card:light-dark(#fff,#171c19);
--line:light-dark(#d8dcd4,#2d3731);--ink:light-dark(#18201b,#e9eeea);--soft:light-dark(#535d56,#a3aea7);
--accent:light-dark(#0d5c54,#5cc9ba);--go:light-dark(#17683a,#74d592);--go-bg:light-dark(#e0f2e5,#143020);
--stop:light-dark(#aa231c,#ff958c);--stop-bg:light-dark(#fce7e5,#3c1a17);--open:light-dark(#855000,#f2bb60);
--open-bg:light-dark(#fdf0d6,#36290f);--mono:ui-monospace,"Cascadia Mono","SF Mono",Menlo,Consolas,monospace}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);overflow-wrap:anywhere;
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:52rem;margin:0 auto;padding:2.5rem 1.25rem 5rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .5rem;text-wrap:balance}
h2{font-size:1.25rem;margin:2.5rem 0 .75rem}
h3{font-size:1.0625rem;line-height:1.4;margin:.35rem 0 .5rem;text-wrap:pretty}
a{color:var(--accent)} p,li{max-width:42rem;text-wrap:pretty} .lead{font-size:1.125rem} .soft{color:var(--soft)}
code,.mono{font-family:var(--mono);font-size:.875em}
dl{display:grid;grid-template-columns:minmax(7rem,11rem) 1fr;gap:.3rem 1rem;margin:.75rem 0}
dt{color:var(--soft)} dd{margin:0}
article,.card{background:var(--card);border:1px solid var(--line);border-radius:.625rem;padding:1rem 1.25rem;
margin:0 0 .875rem}
article{content-visibility:auto;contain-intrinsic-block-size:auto 13rem}
.top{display:flex;flex-wrap:wrap;gap:.25rem .75rem;align-items:baseline;font-size:.9375rem;color:var(--soft)}
.tag{border-radius:99px;padding:.05rem .6rem;font-weight:600;white-space:nowrap}
.go{color:var(--go);background:var(--go-bg)} .stop{color:var(--stop);background:var(--stop-bg)}
.open{color:var(--open);background:var(--open-bg)} .notice{border-left:.3rem solid var(--open)}
summary{cursor:pointer;color:var(--accent);padding:.25rem 0}
pre{white-space:pre-wrap;font:.8125rem/1.5 var(--mono);background:var(--bg);border-radius:.4rem;padding:.75rem;
margin:.5rem 0}
audio{display:block;width:100%;max-width:28rem;margin:.6rem 0}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:3px}
@media(max-width:34rem){dl{grid-template-columns:1fr;gap:0} dd{margin-bottom:.5rem}}
@media print{:root{color-scheme:light} body{background:#fff;font-size:10pt} main{max-width:none;padding:0}
article,.card{break-inside:avoid;border-radius:0;padding:.5rem .75rem} article{content-visibility:visible}
audio,details{display:none} h2{break-after:avoid}}
"""
_OPENING = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Evidence from the audit log</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; style-src 'unsafe-inline'; media-src *">
"""
_WAITING = """<p class="card notice"><strong>{:,} more had no place in the log yet</strong> when this pack was made, and
are not in it, since nothing could be proved of them. Make it again when they are sealed.</p>
"""
_PROOF = """<h2>How this is proved</h2>
<ol>
<li><strong>The text.</strong> Each act was written down once, as the exact text that <code>records.jsonl</code>
holds. A
fingerprint (SHA-256) was taken of it; one other letter gives another fingerprint.</li>
<li><strong>The place.</strong> The fingerprints of all records of the log are the leaves of one tree, in the order in
which they got their places, numbered from 0. Two neighbours together give a fingerprint, two of those another, up
to a single one: the root.</li>
<li><strong>The path.</strong> For each record the pack holds its neighbours on the way up. Whoever adds them up
comes to
the root, or the record is not the one that stands at that place.</li>
<li><strong>The signature.</strong> The root and the number of records are signed: the file
<code>checkpoint</code>. Nobody
without the key can make another one, and nobody at all a record that fits it afterwards.</li>
<li><strong>The call.</strong> The records of a call are numbered from 1, and each names the fingerprint of the one
before.
So a record that was left out between two others is missed.</li>
</ol>
<p>None of this has to be believed. <code>python3 -I verify.py</code> in the unpacked folder does the sums, without
network
and without our software; it also makes this page again from the records and compares it. Better than the
<code>verify.py</code> in here is one that you had before. Add <code>--key FILE</code> with the public key that you
were given
yourself: a forger would have enclosed his own.</p>
<p><strong>What it does not prove:</strong> that the search found everything, beyond what the numbers within a call
show;
and that what was written down was true when it was written.</p>
"""


class Counts:
    """Counts the records of a pack, as its search.json tells them."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {
            "records": 0,
            "first": None,
            "last": None,
            "outcomes": {},
            "actions": {},
        }

    def add(self, content: dict[str, Any]) -> None:
        """Count one record by its text."""
        found, at = self._found, str(content.get("recorded_at"))
        found["records"] += 1
        found["first"] = min(found["first"] or at, at)
        found["last"] = max(found["last"] or at, at)
        for kind, name in (("outcomes", "outcome"), ("actions", "action")):
            word = str(content.get(name))
            found[kind][word] = found[kind].get(word, 0) + 1

    def found(self) -> dict[str, Any]:
        """Return the counts."""
        return self._found


def read_text(text: str) -> dict[str, Any]:
    """Return the content of a record's text; an empty one where it is none, so that it can at least be shown."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def recording_of(content: dict[str, Any]) -> str:
    """Return the SHA-256 of the recording that a record names, nothing where it names none."""
    recording = _part(_part(content, "details"), "recording")
    return str(recording.get("sha256") or "")


def pages(
    *,
    search: dict[str, Any],
    checkpoint: str,
    records: Iterable[dict[str, Any]],
    recordings: dict[str, str],
) -> Iterator[tuple[int | None, bytes]]:
    """Give the report bit by bit, each bit with the place of its record, or None where it is of none.

    `checkpoint` is the signed note, `records` are lines of records.jsonl, `recordings` has a path for each digest.
    """
    yield None, _encoded_text(_head(search, checkpoint))
    for record in records:
        yield record["index"], _encoded_text(_article(record, recordings))
    yield None, b"</main>\n</body>\n</html>\n"


def _encoded_text(text: str) -> bytes:
    return text.encode(errors="replace")  # a forged record may hold half of a character


def _head(search: dict[str, Any], checkpoint: str) -> str:
    origin, size, root = checkpoint.split("\n")[:3]
    found, waiting = search["found"], search["not_yet_sealed"]["count"]
    count = f"{found['records']:,} record" + ("" if found["records"] == 1 else "s")
    asked = "; ".join(f"{_ASKED.get(name, name)} “{value}”" for name, value in search["asked"].items())
    rows = [
        ("Asked for", escape(asked or "everything but the heartbeats of the log")),
        ("Found", count),
        ("Recorded", f"{_time(found['first'])} to {_time(found['last'])}" if found["first"] else ""),
        ("Outcomes", _listed(found["outcomes"])),
        ("Actions", _listed(found["actions"])),
        ("Log", f"<code>{escape(origin)}</code>"),
        ("Proved against", f"the signed checkpoint of the first {int(size):,} records of the log"),
        ("Root", f"<code>{escape(root)}</code>"),
    ]
    return (
        f"{_OPENING}<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Evidence from the audit log</h1>\n"
        f'<p class="lead">{count}, each exactly as it was written, with the proof of its place in the log.</p>\n'
        f'<div class="card">{_list(rows)}</div>\n{_WAITING.format(waiting) if waiting else ""}{_PROOF}'
        "<h2>The records</h2>\n"
    )


def _article(record: dict[str, Any], recordings: dict[str, str]) -> str:
    content, place = read_text(record["text"]), record["index"]
    hue, shape = _OUTCOMES.get(str(content.get("outcome")), ("open", "?"))
    outcome = _word(content.get("outcome")).capitalize()
    proof = [
        ("Recorded", _time(content.get("recorded_at"))),
        ("Place in the log", str(place)),
        ("Fingerprint", f"<code>{_word(record['leaf_hash'])}</code>"),
    ]
    return (
        f'<article id="r{place}">\n<div class="top"><span class="tag {hue}">{shape} {outcome}</span>'
        f" <span>{_time(content.get('occurred_at'))}</span> <code>{_word(content.get('action'))}</code>"
        f' <a href="#r{place}">record {place:,}</a></div>\n<h3>{_word(content.get("summary"))}</h3>\n'
        f"{_list([*_answers(content), *_changes(content)])}{_player(content, recordings)}"
        "<details><summary>Everything that was recorded, and its fingerprint</summary>"
        f"{_list(_details(content))}{_list(proof)}"
        '<p class="soft">The text of which the fingerprint was taken:</p>'
        f"<pre>{escape(record['text'])}</pre></details>\n</article>\n"
    )


def _answers(content: dict[str, Any]) -> list[tuple[str, str]]:
    actor, source = _part(content, "actor"), _part(content, "source")
    details, call = _part(content, "details"), _part(content, "subject").get("conversation_id")
    number = _word(content.get("number_in_conversation"))
    return [
        ("Who", _joined(actor.get("name") or _spaced(actor.get("kind")), _spaced(actor.get("role")))),
        ("Call", "" if call is None else f"<code>{_word(call)}</code>, its record {number}"),
        ("Where from", _joined(source.get("where"), source.get("ip"))),
        ("Why", _joined(details.get("reason_given") or details.get("reason"), content.get("reason_code"))),
    ]


def _changes(content: dict[str, Any]) -> list[tuple[str, str]]:
    before, after = dict(_lines(_part(content, "before"))), dict(_lines(_part(content, "after")))
    return [
        (_word(name), " → ".join([*_old(before.get(name)), _shown(after.get(name))]))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _old(value: object) -> list[str]:
    return [] if value is None else [f"<s>{_shown(value)}</s>"]


def _details(content: dict[str, Any]) -> list[tuple[str, str]]:
    given = sorted(_lines(_part(content, "details")), key=lambda line: line[0])
    return [(_word(name), _shown(value)) for name, value in given if value not in (None, "", [], {})]


def _lines(values: dict[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """Give each value with a readable name, those of objects in objects under both names."""
    for key, value in values.items():
        name = within + key.replace("_", " ")
        if isinstance(value, dict) and value:
            yield from _lines(value, name + ": ")
        else:
            yield name, value


def _player(content: dict[str, Any], recordings: dict[str, str]) -> str:
    digest = recording_of(content)
    if not digest:
        return ""
    title = _word(_part(_part(content, "details"), "recording").get("title"))
    code = f"SHA-256 <code>{escape(digest)}</code>"
    if digest not in recordings:
        return f'<p class="soft">The recording “{title}” ({code}) is not in this pack.</p>\n'
    return (
        f'<audio controls preload="none" src="{escape(recordings[digest])}" aria-label="{title}"></audio>\n'
        f'<p class="soft">The recording “{title}”, byte by byte the one with the {code}.</p>\n'
    )


def _part(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an object within an object, an empty one where a forged text has something else."""
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _joined(*values: Any) -> str:
    return ", ".join(_word(value) for value in values if value)


def _spaced(code: object) -> str:
    return str(code or "").replace("_", " ")


def _list(rows: Iterable[tuple[str, str]]) -> str:
    told = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows if value)
    return f"<dl>{told}</dl>\n" if told else ""


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{_word(name)} {counts[name]:,}" for name in sorted(counts))


def _time(text: object) -> str:
    """Return a time of a record, to the millisecond, with its zone."""
    told = str(text)
    return escape(f"{told[:10]} {told[11:23]} UTC") if len(told) == 27 else escape(told)


def _word(value: object) -> str:
    return escape("" if value is None else str(value))


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return escape(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True))
