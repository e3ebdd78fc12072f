#!/usr/bin/env python3
"""Cloud in a box: the project's own Terraform, applied to a local AWS that runs the functions, beside a PostgreSQL.

usage: cloud.py demo         starts everything, shows what happens, leaves it running
       cloud.py down         stops it and removes it
       cloud.py env          prints what a shell needs to look around with `aws`, `terraform`, `tote` and `psql`

Everything lies in $BUILD/cloud. MiniStack is the AWS, tools/postgres.sh the databases, build/lambda the functions.
"""
import os
import pathlib
import shlex
import shutil
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test"))

from lib.cloud import OPERATOR, Box  # noqa: E402  (the tests' own, so that what is shown is what is tested)
from lib.terraform import missing  # noqa: E402

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


def told(box, alarm, seconds):
    """Waits for the alarm and shows what the operator was sent."""
    mails = box.mailed()
    text = wait(f"the alarm {alarm}", seconds, lambda: box.alarmed(f"tote-box-{alarm}"))
    print(f"    e-mail to {OPERATOR}: {text['AlarmDescription']!r}")
    if box.mailed() == mails:
        sys.exit(f"cloud: the alarm {alarm} went off and nobody got an e-mail")


def arrives(box, design):
    box.source(f"update design set design_name = '{design}' where design_id = 1")
    print(f"    source: design 1 is now '{design}'")
    wait("it is in the warehouse", 120,
         lambda: box.warehouse("select design_name from dim_design where design_id = 1") == design)


def show_the_way(box):
    say("The first batch goes its way by itself: the schedule calls ingest, whose record calls process, then load")
    wait("batch 1 in the warehouse", 240, lambda: box.batches() >= 1)
    print(f"    fact_sales_order: {box.warehouse('select count(*) from fact_sales_order'):,} rows")
    say("A change in the source")
    arrives(box, "Oak")


def show_a_removed_permission(box):
    say("Somebody takes a permission away")
    box.source("revoke select on staff from tote_source")
    error, answer = box.invoke("ingest")
    if not error:
        sys.exit("cloud: ingest did not notice")
    print(f"    ingest answers {answer['errorType']}: {answer['errorMessage']}")
    box.source("grant select on staff to tote_source")
    print("    given back")


def show_an_outage(box):
    say("The source is gone")
    box.break_source()
    wait("the schedule calls ingest, which fails", 120, lambda: '"code":"UNAVAILABLE"' in box.log("ingest"))
    told(box, "ingest-errors", 240)
    box.mend_source()
    print("    the server is back")
    arrives(box, "Elm")


def show_a_dead_message(box):
    say("The warehouse's password changes, and nobody tells load (its messages die after five tries, some five minutes)")
    box.change_password()
    box.source("update design set design_name = 'Yew' where design_id = 1")
    wait("a message in the dead-letter queue", 400, lambda: box.depth("load", dead=True) > 0)
    told(box, "load-dead-letters", 60)
    error, answer = box.invoke("load")
    print(f"    load answers {answer['errorType'] if error else 'nothing wrong'}: {answer.get('errorMessage')}")
    box.rotate_secret()
    box.redrive("load")
    print("    new secret, dead messages put back")
    wait("the change is in the warehouse", 120,
         lambda: box.warehouse("select design_name from dim_design where design_id = 1") == "Yew")


def demo(folder):
    if why := missing():
        sys.exit(f"cloud: {why}")
    if folder.exists():
        sys.exit(f"cloud: '{folder}' is there already; `make cloud-down` removes it")
    folder.mkdir(parents=True)
    box = Box(folder)
    say("A PostgreSQL with the data of ToteSys, another for the warehouse, and a local AWS")
    box.start()
    print(f"    source    {box.source_server.conninfo}\n    warehouse {box.warehouse_server.conninfo}\n"
          f"    AWS       {box.endpoint}")
    say("terraform apply (some three minutes, most of it the provider waiting)")
    started = time.monotonic()
    box.apply()
    print(f"    {len(box.terraform.resources())} resources after {time.monotonic() - started:.0f} s")
    box.fill_secrets()
    print("    the secrets are filled")
    for show in (show_the_way, show_an_outage, show_a_removed_permission, show_a_dead_message):
        show(box)
    say("It goes on running. Look around:")
    print(f"    eval \"$(.cache/venv/bin/python tools/cloud.py env)\"; cd {box.terraform.folder}    # here docs/runbook.md can be practised\n"
          f"    aws logs tail {box.outputs['functions']['load']['log_group']}\n"
          f"    psql '{box.warehouse_server.conninfo}'\nStop and remove it: make cloud-down")


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
        for name, value in Box(folder).shell().items():
            print(f"export {name}={shlex.quote(value)}")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
