#!/usr/bin/env python3
"""Cloud in a box: the project's own Terraform, applied to a local AWS that runs the functions, beside a PostgreSQL.

usage: cloud.py demo         starts everything, shows what happens, leaves it running
       cloud.py down         stops it and removes it
       cloud.py env          prints what a shell needs to look around with `aws` or boto3

Everything lies in $BUILD/cloud. MiniStack is the AWS, tools/postgres.sh the databases, build/lambda the functions.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))

from lib.cloud import Box  # noqa: E402  (the tests' own, so that what is shown is what is tested)

BUILD = pathlib.Path(os.environ.get("BUILD") or "build")


def say(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def wait(what, seconds, question):
    """Asks until the answer is true, and says how long it took."""
    started = time.monotonic()
    while not (answer := question()):
        if time.monotonic() - started > seconds:
            sys.exit(f"cloud: waited {seconds} s in vain for {what}")
        time.sleep(1)
    print(f"    {what}: after {time.monotonic() - started:.0f} s")
    return answer


def demo(folder):
    if folder.exists():
        sys.exit(f"cloud: '{folder}' is there already; `make cloud-down` removes it")
    folder.mkdir(parents=True)
    box = Box(folder)
    say("A PostgreSQL with the data of ToteSys, and a local AWS")
    box.start()
    print(f"    source {box.source_url}\n    AWS    {box.endpoint}")
    say("terraform apply")
    started = time.monotonic()
    box.apply()
    print(f"    {len(box.terraform.resources())} resources in {time.monotonic() - started:.0f} s")
    box.fill_secrets()

    say("The first batch goes its way by itself")
    wait("batch 1 in the warehouse", 240, lambda: box.batches() >= 1)
    print("    fact_sales_order:", box.warehouse("select count(*) from fact_sales_order"), "rows")

    say("A change in the source")
    box.source("update design set design_name = 'Oak' where design_id = 1")
    wait("it is in the warehouse", 120,
         lambda: box.warehouse("select design_name from dim_design where design_id = 1") == "Oak")

    say("The source is gone")
    box.break_source()
    wait("an alarm by e-mail", 240, lambda: box.mails("tote-box-ingest-errors"))
    box.mend_source()
    print("    mended")

    say("A message that nobody understands")
    box.poison("process")
    wait("it lies in the dead-letter queue", 240, lambda: box.depth("process", dead=True) == 1)
    wait("an alarm by e-mail", 120, lambda: box.mails("tote-box-process-dead-letters"))

    say(f"It is still running. Look around: eval $({pathlib.Path(sys.argv[0])} env). Stop: make cloud-down")


def main(arguments):
    os.chdir(ROOT)
    folder = BUILD / "cloud"
    if arguments == ["demo"]:
        demo(folder)
    elif arguments == ["down"]:
        if folder.exists():
            Box(folder).stop()
            shutil.rmtree(folder)
    elif arguments == ["env"]:
        for name, value in Box(folder).environment().items():
            print(f"export {name}={value}")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
