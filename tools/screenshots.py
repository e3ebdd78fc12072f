#!/usr/bin/env python3
"""Takes the README's pictures of the page, on the real ToteSys data, with a few days of changes behind it.

usage: screenshots.py FOLDER      (TOTE_BIN names the program)
"""
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))

from lib.chromium import chromium  # noqa: E402
from lib.postgres import PostgresServer  # noqa: E402
from lib.serving import Serving  # noqa: E402
from lib.tote import Tote  # noqa: E402

LARGEST = 150_000

# name, fragment, width, height, colours
PICTURES = [
    ("business", "#business", 1280, 860, "light"),
    ("business-dark", "#business?currency=EUR&period=2024", 1280, 860, "dark"),
    ("history", "#business?period=all&currency=EUR&row=sales_order_history&key=42", 1280, 620, "light"),
    ("pipeline", "#pipeline", 1280, 860, "light"),
    ("phone", "#business?currency=GBP", 390, 800, "light"),
]

# What a company does in some days; every statement a batch.
DAYS = [
    "update sales_order set units_sold = units_sold + 1000 where sales_order_id = 42",
    "update sales_order set unit_price = unit_price + 0.15, units_sold = units_sold - 250 where sales_order_id = 42",
    "update payment set paid = true where payment_id % 97 = 3",
    "update sales_order set agreed_delivery_date = '2024-11-28' where sales_order_id between 11100 and 11140",
    "update payment set payment_date = '2024-02-30' where payment_id = 7",
    "alter table staff add column phone text; update staff set phone = '+1 555 0100' where staff_id = 3",
    "update payment set paid = true where payment_id % 61 = 5",
    "update sales_order set agreed_payment_date = '2024-11-30' where sales_order_id between 11000 and 11095",
]


def take(browser, address, folder):
    for name, fragment, width, height, colours in PICTURES:
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=colours, locale="en-GB",
                                timezone_id="UTC", reduced_motion="reduce")
        page.goto(address + fragment)
        page.locator("main .view").wait_for()
        page.wait_for_function("() => !document.querySelector('[aria-busy=true], .skeleton')")
        path = folder / f"{name}.png"
        page.screenshot(path=path)
        page.close()
        size = path.stat().st_size
        print(f"{path} {size} bytes")
        if size > LARGEST:
            sys.exit(f"{path} is larger than {LARGEST} bytes")


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work, PostgresServer() as server:
        source = server.load_totesys("totesys")
        tote = Tote(work)
        tote.configure(source.url, more="page:\n  title: ToteSys\n")
        tote.ok("run")
        for day in DAYS:
            source.execute(day)
            tote.ok("run")
        with Serving(tote) as serving, chromium() as browser:
            take(browser, serving.address, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
