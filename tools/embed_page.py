#!/usr/bin/env python3
"""Turns the files of the page into C arrays, a row of page_files[] each, declared in HEADER, defined in SOURCE.

usage: embed_page.py HEADER SOURCE FILE...

index.html keeps its name; every other file gets its content's hash into its name below assets/ (app.js becomes
assets/app.3f2a91c0.js), and references to it are rewritten where they stand literally: "app.js", url(app.js), "./app.js".
Those that shrink are kept compressed beside it.
"""
import gzip
import hashlib
import pathlib
import re
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
TEXT = {".html", ".js", ".css"}


def write_if_changed(path, text):
    """An unchanged header must not recompile everything that includes it."""
    path = pathlib.Path(path)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def rewritten(data, names, beside):
    """References as they stand in HTML (beside=False) and, between files of assets/, in CSS and modules."""
    text = data.decode()
    for name, new in names.items():
        target = new.removeprefix("assets/") if beside else new
        text = re.sub(r"""(["'(])(\./)?%s(?=["')])""" % re.escape(name),
                      lambda found: found.group(1) + (found.group(2) or "") + target, text)
    return text.encode()


def hashed_names(files):
    """By name, those that refer to no other first, so that a hash covers what is referred to."""
    names, contents = {}, {}
    waiting = {path.name: path.read_bytes() for path in files if path.name != "index.html"}
    while waiting:
        ready = [name for name, data in waiting.items()
                 if not any(other != name and re.search(rb"""["'(](\./)?%s["')]""" % re.escape(other.encode()), data)
                            for other in waiting)]
        for name in ready or sorted(waiting)[:1]:
            data = waiting.pop(name)
            suffix = pathlib.Path(name).suffix
            if suffix in TEXT:
                data = rewritten(data, names, beside=True)
            digest = hashlib.sha256(data).hexdigest()[:8]
            names[name] = f"assets/{pathlib.Path(name).stem}.{digest}{suffix}"
            contents[names[name]] = data
    return names, contents


def c_array(name, data):
    lines = [f"static const unsigned char {name}[{max(len(data), 1)}] = {{"]
    lines += ["    " + "".join(f"{byte}," for byte in data[start : start + 24]) for start in range(0, len(data), 24)]
    return "\n".join(lines + ["};"])


def main(header, source, *files):
    files = sorted(map(pathlib.Path, files))
    names, contents = hashed_names(files)
    index = next((path for path in files if path.name == "index.html"), None)
    if index is None:
        sys.exit("embed_page: there is no index.html")
    contents = {"index.html": rewritten(index.read_bytes(), names, beside=False), **dict(sorted(contents.items()))}
    arrays, rows = [], []
    for number, (path, data) in enumerate(contents.items()):
        suffix = pathlib.Path(path).suffix
        if suffix not in TYPES:
            sys.exit(f"embed_page: what type is '{path}'?")
        packed = gzip.compress(data, 9, mtime=0)
        arrays.append(c_array(f"data_{number}", data))
        small = len(packed) < len(data)
        if small:
            arrays.append(c_array(f"gzip_{number}", packed))
        rows.append(f'    {{"{path}", "{TYPES[suffix]}", "{hashlib.sha256(data).hexdigest()[:16]}", data_{number}, {len(data)}, '
                    + (f"gzip_{number}, {len(packed)}}}," if small else "0, 0},"))
    write_if_changed(header, """/* Made by tools/embed_page.py: the files of the page. */
#ifndef GENERATED_PAGE_H
#define GENERATED_PAGE_H

#include <stddef.h>

struct page_file {
    const char *path; /* "index.html", "assets/app.3f2a91c0.js" */
    const char *type;
    const char *hash;
    const unsigned char *data;
    size_t size;
    const unsigned char *gzip; /* NULL: it would be no smaller */
    size_t gzip_size;
};

extern const struct page_file page_files[];
extern const size_t page_file_count;

#endif
""")
    write_if_changed(source, "\n".join(["/* Made by tools/embed_page.py. */", f'#include "{pathlib.Path(header).name}"', "", *arrays, "",
                                        "const struct page_file page_files[] = {", *rows, "};",
                                        f"const size_t page_file_count = {len(rows)};", ""]))


if __name__ == "__main__":
    main(*sys.argv[1:])
