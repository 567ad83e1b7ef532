"""The HTML of a report: a page per few hundred rows, each complete in itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from .entries import Entry
from .rows import Row

PAGE_ROWS = 500
FAILED_LISTED = 1000
_STYLE = """
body{font:14px/1.45 system-ui,sans-serif;margin:2em;color:#222;background:#fff}
table{border-collapse:collapse;width:100%}
th,td{padding:.35em .6em;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
img{width:80px;height:auto;display:inline-block;margin-right:4px}
.done{color:#176b32}.failed{color:#b3261e;font-weight:600}.waiting{color:#777}
.path{color:#666;font-size:12px;word-break:break-all}nav a{margin-right:.6em}
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}th,td{border-color:#333}
.done{color:#6fcf8e}.failed{color:#ff8a80}a{color:#8ab4f8}.path{color:#999}}
"""


def page_name(number: int) -> str:
    """``report.html``, ``report-2.html`` ..."""
    return "report.html" if number == 0 else f"report-{number + 1}.html"


def page(
    title: str,
    number: int,
    pages: int,
    counts: Mapping[str, int],
    rows: Sequence[Row],
    entries: Sequence[Entry],
    pictures: Sequence[tuple[str, str]],
    failed: Sequence[tuple[int, Row, Entry]],
) -> str:
    """One page. failed: (index, row, entry) of every failed row, for the first page."""
    totals = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
    lines = map(_line, rows, entries, pictures)
    head = (
        "<tr><th>line<th>before, after<th>output<th>status<th>time<th>real-time factor"
        "<th>frames edited / bridged / passed<th>notes</tr>"
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<meta name=viewport content='width=device-width'><title>{escape(title)}</title>"
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1><p>{totals}</p>{_pager(number, pages)}"
        f"{_failures(failed)}<table>{head}{''.join(lines)}</table>{_pager(number, pages)}</html>\n"
    )


def _line(row: Row, entry: Entry, pictures: tuple[str, str]) -> str:
    images = "".join(
        f"<img alt={alt} loading=lazy src='data:image/jpeg;base64,{escape(data)}'>"
        for alt, data in zip(("before", "after"), pictures, strict=True)
        if data
    )
    status = entry.status + (" (earlier)" if entry.earlier else "")
    time_s = f"{entry.elapsed_s:.1f} s" if entry.elapsed_s else ""
    factor = f"{entry.real_time_factor:.2f}" if entry.real_time_factor else ""
    share = f"{entry.edited} / {entry.bridged} / {entry.passed}" if entry.frames else ""
    voices = "; ".join(row.emotion_audio)
    return (
        f"<tr id=l{row.line}><td class=n>{row.line}<td>{images}<td>{escape(row.name)}"
        f"<div class=path>{escape(row.video)}<br>{escape(voices)}</div>"
        f"<td class={entry.status}>{status}<td class=n>{time_s}<td class=n>{factor}"
        f"<td class=n>{share}<td>{escape(entry.note)}</tr>"
    )


def _pager(number: int, pages: int) -> str:
    if pages == 1:
        return ""
    links = (
        f"<b>{i + 1}</b> " if i == number else f"<a href={page_name(i)}>{i + 1}</a>"
        for i in range(pages)
    )
    return f"<nav>pages: {''.join(links)}</nav>"


def _failures(failed: Sequence[tuple[int, Row, Entry]]) -> str:
    if not failed:
        return ""
    items = "".join(
        f"<li><a href='{page_name(index // PAGE_ROWS)}#l{row.line}'>line {row.line}</a> "
        f"{escape(row.name)}: {escape(entry.note)}"
        for index, row, entry in failed[:FAILED_LISTED]
    )
    more = len(failed) - FAILED_LISTED
    rest = f"<li>and {more} more, see report.csv" if more > 0 else ""
    return f"<h2 class=failed>{len(failed)} failed</h2><ul>{items}{rest}</ul>"
