#!/usr/bin/env python3
"""Turns text files into C arrays: PREFIX_<base name>, ending in NUL, declared in HEADER, defined in SOURCE.

usage: embed.py PREFIX HEADER SOURCE [FILE...]
"""
import pathlib
import re
import sys


def write_if_changed(path, text):
    """An unchanged header must not recompile everything that includes it."""
    path = pathlib.Path(path)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main(prefix, header, source, *files):
    symbols = {}
    for file in map(pathlib.Path, files):
        symbol = f"{prefix}_{re.sub(r'[^a-zA-Z0-9]', '_', file.stem)}"
        if symbol in symbols:
            sys.exit(f"embed: '{file}' and '{symbols[symbol]}' would have the same name '{symbol}'")
        symbols[symbol] = file
    guard = f"GENERATED_{prefix.upper()}_H"
    head = [f"/* Made by tools/embed.py. */", f"#ifndef {guard}", f"#define {guard}", ""]
    body = ["/* Made by tools/embed.py. */", f'#include "{pathlib.Path(header).name}"', ""]
    for symbol, file in sorted(symbols.items()):
        data = file.read_bytes()
        if b"\0" in data:
            sys.exit(f"embed: '{file}' holds a NUL byte")
        head.append(f"extern const char {symbol}[{len(data) + 1}]; /* {file.name} */")
        body.append(f"const char {symbol}[{len(data) + 1}] = {{")
        data += b"\0"
        for start in range(0, len(data), 16):
            # values above 127 are written as char constants, which are signed where char is
            body.append("    " + " ".join(f"'\\x{byte:02x}'," for byte in data[start : start + 16]))
        body.append("};")
    if not symbols:
        body.append("typedef int nothing_embedded;")
    head += ["", "#endif"]
    write_if_changed(header, "\n".join(head) + "\n")
    write_if_changed(source, "\n".join(body) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
