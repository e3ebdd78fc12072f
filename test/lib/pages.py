"""Runs the examples of a documentation page, in order, as a reader would type them.

A page holds fenced blocks. ```console blocks hold commands after `$ ` (going on after `> `) and what they print, both streams
together; `…` on a line of its own stands for any lines, within a line for anything. A block with a title is a file, written
where the commands are at that point. What differs from run to run (durations, instants, widths of columns) need not agree.
A block that cannot run here has the comment `<!-- not run: WHY -->` above it.

TOTE_DOCS_UPDATE=1 writes what the commands print into the page instead of comparing.
"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import textwrap

FENCE = re.compile(r"^ *```(\w*)(?: title=\"([^\"]+)\")?[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: ([^>]+?) -->\s*$")
MARK = "\x01docs\x01"
VARIES = [
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?"), "<instant>"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s|min|h|d)\b"), "<duration>"),
    (re.compile(r'"(duration_ms|bytes)":[\d.]+'), r'"\1":<number>'),
    (re.compile(r'^(tote_\w+_seconds\S*) [\d.]+$'), r"\1 <number>"),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r"-{3,}"), "---"),
]


# What a page shows instead of where it happened to run.
ELSEWHERE = [
    (re.compile(r"127\.0\.0\.1:\d{2,}/(test_\d+)?"), lambda found: "127.0.0.1:…/" + ("…" if found.group(1) else "")),
    (re.compile(r"'test_\d+'"), "'…'"),
    (re.compile(r"PostgreSQL \d+\.\d+ \([^)]*\)"), "PostgreSQL 15.…"),
]


class Command:
    def __init__(self, text, output):
        self.text = text  # without the prompts
        self.output = output  # expected lines


class Block:
    def __init__(self, found, page):
        self.language, self.title, self.text = found.groups()
        self.text = textwrap.dedent(self.text)
        self.span = found.span(3)
        why = NOT_RUN.search(page[: found.start()])
        self.not_run = why.group(1) if why else None

    def commands(self):
        commands = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                commands.append(Command(line[2:], []))
            elif line.startswith("> ") and not commands[-1].output:
                commands[-1].text += "\n" + line[2:]
            else:
                commands[-1].output.append(line)
        return commands


def blocks(path):
    page = path.read_text()
    return [Block(found, page) for found in FENCE.finditer(page)]


def same_for_all_runs(line):
    for pattern, instead in VARIES:
        line = pattern.sub(instead, line)
    return line.strip()


def agrees(expected, printed):
    pattern = ""
    for line in map(same_for_all_runs, expected):
        if line == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += r"[^\n]*".join(map(re.escape, line.split("…"))) + r"\n"
    return re.fullmatch(pattern, "".join(same_for_all_runs(line) + "\n" for line in printed)) is not None


def script_of(page_blocks):
    lines = ["exec 2>&1"]
    for block in page_blocks:
        if block.not_run:
            continue
        if block.title:
            title = shlex.quote(block.title)
            lines += [f"mkdir -p \"$(dirname {title})\"", f"cat >{title} <<'END_OF_DOCS_FILE'", block.text.rstrip("\n"),
                      "END_OF_DOCS_FILE"]
        elif block.language == "console":
            for command in block.commands():
                lines += [command.text, f"{{ _=$?; printf '\\n{MARK}\\n'; (exit $_); }} 2>/dev/null"]
    return "\n".join(lines) + "\n"


def run_page(path, folder, env):
    """Runs the page's examples in the folder; returns what went otherwise than the page says."""
    page_blocks = blocks(path)
    script = folder / "page.sh"
    script.write_text(script_of(page_blocks).replace("_=$?", "status=$?").replace("(exit $_)", "(exit $status)"))
    done = subprocess.run(["bash", str(script)], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True, errors="replace", timeout=280, check=False)
    script.unlink()
    printed = [part.strip("\n").splitlines() for part in done.stdout.split(f"\n{MARK}\n")]
    commands = [command for block in page_blocks if block.language == "console" and not block.not_run and not block.title
                for command in block.commands()]
    if len(printed) != len(commands) + 1:
        return [f"{path}: ended early\n{done.stdout}"]
    differences = []
    for command, lines in zip(commands, printed):
        if not agrees(command.output, lines):
            differences.append(f"{path.name}: $ {command.text}\nthe page says:\n" + "\n".join(command.output)
                               + "\nit printed:\n" + "\n".join(lines))
            command.output = [anywhere(line, folder) for line in lines]
    if differences and os.environ.get("TOTE_DOCS_UPDATE"):
        update(path, page_blocks, commands)
        return []
    return differences


def anywhere(line, folder):
    for place in (folder, folder.parent):
        line = line.replace(str(place), f"…/{folder.name}" if place == folder else "…")
    for pattern, instead in ELSEWHERE:
        line = pattern.sub(instead, line)
    return line


def update(path, page_blocks, commands):
    page = path.read_text()
    left = list(commands)
    edits = []
    for block in page_blocks:
        if block.language != "console" or block.not_run or block.title:
            continue
        text = ""
        for _ in block.commands():
            command = left.pop(0)
            text += "$ " + command.text.replace("\n", "\n> ") + "\n" + "".join(line + "\n" for line in command.output)
        edits.append((block.span, text))
    for (begin, end), text in reversed(edits):
        page = page[:begin] + text + page[end:]
    path.write_text(page)


def checkout(folder, root, program):
    """A folder that looks like the repository after `make build`, but in which commands may leave what they like."""
    (folder / "build").mkdir(parents=True)
    for name in ("tools", "demo", "monitoring", "bench", "terraform", "sql"):
        if (root / name).exists():
            (folder / name).symlink_to(root / name)
    shutil.copytree(root / "models", folder / "models")
    (folder / "build" / "tote").symlink_to(pathlib.Path(program).resolve())
    return folder
