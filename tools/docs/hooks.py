"""Pages that mkdocs.yml does not name go to the end of their folder's section, so that a new decision needs no entry there."""
import pathlib

SECTION_OF = {"how-to": "How to", "reference": "Reference", "explanation": "Explanation", "decisions": "Decisions"}


def named(nav):
    for entry in nav:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(value, list):
                yield from named(value)
            else:
                yield value


def on_config(config):
    root = pathlib.Path(config["docs_dir"])
    known = set(named(config["nav"]))
    sections = {title: pages for entry in config["nav"] for title, pages in entry.items() if isinstance(pages, list)}
    for path in sorted(root.rglob("*.md")):
        page = str(path.relative_to(root))
        if page not in known and path.parent.name in SECTION_OF:
            sections[SECTION_OF[path.parent.name]].append(page)
    return config
