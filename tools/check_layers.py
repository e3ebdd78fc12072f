#!/usr/bin/env python3
"""Checks what the compiler does not: who includes whom, which library is met where, and what C we do not write.

usage: check_layers.py [ROOT]      (the repository; default: the one this file is in)
"""
import pathlib
import re
import sys

# A layer may use these and itself. meson.build links by the same table.
MAY_INCLUDE = {
    "base": set(),
    "config": {"base"},
    "net": {"base"},
    "pg": {"base"},
    "duck": {"base"},
    "store": {"base", "net"},
    "warehouse": {"base", "pg", "duck"},
    "pipeline": {"base", "store", "warehouse", "pg", "duck"},
    "app": {"base", "config", "net", "pg", "duck", "store", "warehouse", "pipeline"},
    "web": {"base", "config", "pipeline", "app"},
    "lambda": {"base", "config", "net", "pipeline", "app"},
    "cli": {"base", "config", "pipeline", "app", "web"},
}

# A library is met in one folder.
HOME_OF = {
    r"libpq-fe\.h|libpq/.*|postgres.*\.h|catalog/.*": "pg",
    r"duckdb\.h": "duck",
    r"yaml\.h": "config",
    r"jansson\.h": "base",
    r"xxhash\.h": "pipeline",
    r"zstd.*\.h": "pipeline",
    r"openssl/.*": "base",
    r"curl/.*": "net",
    r"expat\.h": "base",
    r"microhttpd\.h|zlib\.h": "web",
}

# What is not written, and what is written instead.
BANNED = {
    "strcpy": "a buffer of base/",
    "strcat": "a buffer of base/",
    "sprintf": "snprintf, or a buffer of base/",
    "vsprintf": "vsnprintf, or a buffer of base/",
    "gets": "getline",
    "strtok": "a loop with strchr",
    "atoi": "a parser that notices errors",
    "atol": "a parser that notices errors",
    "atoll": "a parser that notices errors",
    "atof": "a parser that notices errors",
    "alloca": "an arena",
}
BANNED_CALL = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(BANNED))
GOTO = re.compile(r"\bgoto\b")
PRIVATE = re.compile(r"_(driver|private|priv)\.h$")
INCLUDE = re.compile(r'\s*#\s*include\s+(?:"(\w+)/([^"]+)"|[<"]([^>"]+)[>"])')
NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def without_comments_and_strings(text):
    return NOT_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def problems_of_file(path, layer):
    text = path.read_text()
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        other, header, library = found.groups()
        if other in MAY_INCLUDE:
            if other != layer and other not in MAY_INCLUDE.get(layer, set()):
                yield number, f"{layer}/ may not include {other}/"
            if other != layer and PRIVATE.search(header):
                yield number, f"{other}/{header} is private to {other}/"
            continue
        library = library or f"{other}/{header}"
        for pattern, home in HOME_OF.items():
            if re.fullmatch(pattern, library) and layer != home:
                yield number, f"<{library}> is only for {home}/"
    for number, line in enumerate(without_comments_and_strings(text).splitlines(), 1):
        for found in BANNED_CALL.finditer(line):
            yield number, f"{found.group(1)} is not used here, use {BANNED[found.group(1)]}"
        if GOTO.search(line):
            yield number, "no goto"


def problems(root):
    source = root / "src"
    names = {}
    for path in sorted(source.rglob("*.[ch]")) + sorted(source.rglob("*.sql")):
        names.setdefault(path.name, []).append(str(path.relative_to(root)))
    for path in sorted(source.rglob("*.[ch]")):
        layer = path.relative_to(source).parts[0]
        shown = path.relative_to(root)
        if layer not in MAY_INCLUDE:
            yield f"{shown}: '{layer}' is no layer that tools/check_layers.py knows"
            continue
        for number, problem in problems_of_file(path, layer):
            yield f"{shown}:{number}: {problem}"
    for paths in names.values():
        if len(paths) > 1:
            yield f"{', '.join(paths)}: the same file name twice"


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parent.parent
    found = list(problems(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here))
    if found:
        print("\n".join(found))
        sys.exit(1)
