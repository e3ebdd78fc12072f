"""Debian's Chromium without its windows: the same engine, at less than half of the work for each page."""
import contextlib
import shutil

from playwright.sync_api import sync_playwright

# No sandbox, as root cannot have one; nothing that talks to the outside by itself.
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


@contextlib.contextmanager
def chromium():
    program = shutil.which("chromium-headless-shell")
    assert program, "there is no chromium-headless-shell; `make setup` installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()
