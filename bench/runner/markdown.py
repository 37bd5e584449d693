"""markdown.py - the report as Markdown: tables, no pictures."""


def escaped(text):
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def entry(one):
    text = escaped(one.text)
    if one.mark == "best" and text:
        text = f"**{text}**"
    return f"{text} ({escaped(one.small)})" if one.small else text


def table(one):
    lines = [f"### {one.title}", ""]
    if one.note:
        lines += [one.note, ""]
    if not one.rows:
        return [*lines, "None.", ""]
    lines.append(f"| {' | '.join(one.columns)} |")
    lines.append("|" + "---|" * len(one.columns))
    lines += [f"| {' | '.join(map(entry, row))} |" for row in one.rows]
    return [*lines, ""]


def page(head, sections):
    lines = ["# Benchmarks", ""]
    lines += [f"- {name}: {escaped(text)}" for name, text in head] + [""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        if section.text:
            lines += [section.text, ""]
        for one in section.tables:
            lines += table(one)
    return "\n".join(lines)
