"""html.py - the report as one page of HTML with its style and pictures inside: no script, nothing loaded."""

from html import escape

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 1120px; margin: 2em auto;
       padding: 0 1.2em; }
h1 { font-size: 1.7em; } h2 { margin-top: 2.2em; border-bottom: 2px solid #ddd; } h3 { margin: 1.6em 0 .3em; }
nav { display: flex; flex-wrap: wrap; gap: .1em 1.2em; }
a { color: #0060a0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1em 1.2em; font-size: .88em; }
dt { color: #666; } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88em; font-variant-numeric: tabular-nums; margin: .6em 0 1.2em; }
th, td { padding: .22em .7em; text-align: right; vertical-align: top; border-bottom: 1px solid #eee; }
th { color: #555; font-weight: 600; border-bottom: 2px solid #ccc; vertical-align: bottom; }
th:first-child, td:first-child, .words td, .words th { text-align: left; }
tr:hover td { background: #f6f8fa; }
small { display: block; color: #777; font-size: .85em; white-space: nowrap; }
td.best { font-weight: 700; } td.best small { font-weight: 400; }
td.bad { color: #b3261e; white-space: nowrap; } td.dim { color: #999; }
p.note { color: #666; margin: .2em 0; font-size: .92em; }
.pictures { display: flex; flex-wrap: wrap; gap: 1em 2em; align-items: flex-start; margin: 1em 0; }
svg { max-width: 100%; height: auto; }
@media print { nav { display: none; } }
""".strip()


def entry(one):
    mark = f' class="{one.mark}"' if one.mark else ""
    small = f"<small>{escape(one.small)}</small>" if one.small else ""
    return f"<td{mark}>{escape(one.text)}{small}</td>"


def table(one):
    parts = [f"<h3>{escape(one.title)}</h3>"]
    if one.note:
        parts.append(f'<p class="note">{escape(one.note)}</p>')
    if not one.rows:
        return [*parts, "<p>None.</p>"]
    parts.append(f"""<div class="wide"><table{' class="words"' if one.is_text else ''}>""")
    parts.append(f"<tr>{''.join(f'<th>{escape(column)}</th>' for column in one.columns)}</tr>")
    parts += [f"<tr>{''.join(map(entry, row))}</tr>" for row in one.rows]
    return [*parts, "</table></div>"]


def section(one, number):
    parts = [f'<h2 id="section-{number}">{escape(one.title)}</h2>']
    if one.text:
        parts.append(f"<p>{escape(one.text)}</p>")
    if one.pictures:
        parts += ['<div class="pictures">', *one.pictures, "</div>"]
    for each in one.tables:
        parts += table(each)
    return parts


def page(head, sections):
    links = "".join(f'<a href="#section-{number}">{escape(one.title)}</a>' for number, one in enumerate(sections))
    parts = ["<!DOCTYPE html>", '<html lang="en"><head><meta charset="utf-8">', "<title>libmalloc: benchmarks</title>",
             '<meta name="viewport" content="width=device-width">', f"<style>{STYLE}</style></head><body>",
             "<h1>libmalloc: benchmarks</h1>", f"<nav>{links}</nav>", "<dl>"]
    parts += [f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in head]
    parts.append("</dl>")
    for number, one in enumerate(sections):
        parts += section(one, number)
    return "\n".join([*parts, "</body></html>", ""])
