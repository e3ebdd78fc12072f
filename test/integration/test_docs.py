"""The documentation: every example runs and prints what its page says, every link leads somewhere, and every exit status has
an answer. If these fail, a newcomer types what does not work."""
import os
import re
import subprocess

import pytest
import yaml

from lib import pages
from lib.postgres import ROOT
from lib.tote import program

DOCS = ROOT / "docs"
HOW_TO = sorted((DOCS / "how-to").glob("*.md"))
WITH_EXAMPLES = [DOCS / "index.md", DOCS / "tutorial.md", *HOW_TO]
MKDOCS = ROOT / ".cache" / "docs" / "bin" / "mkdocs"

PROJECT = """\
source:
  url: ${TOTESYS_URL}
  exclude: [_prisma_migrations]
lake:
  ingestion: ./lake/ingestion
  processed: ./lake/processed
warehouse:
  url: duckdb:./warehouse.duckdb
models: ./models
"""


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOTE_", "PG"))}
    return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PAGER": "cat", "BUILD": "build"} | more


def test_the_tutorial(tmp_path):
    """From nothing: it starts its own database, as the reader does."""
    here = pages.checkout(tmp_path / "tote", ROOT, program())
    try:
        differences = pages.run_page(DOCS / "tutorial.md", here, environment())
    finally:
        subprocess.run(["tools/demo.sh", "down"], cwd=here, env=environment(), check=False)
    assert not differences, "\n\n".join(differences)


@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_how_to(page, tmp_path, request):
    """They go on in the tutorial's project: models copied, one batch done."""
    if not any(block.title or block.language == "console" and not block.not_run for block in pages.blocks(page)):
        return
    here = pages.checkout(tmp_path / "tote", ROOT, program())
    totesys = request.getfixturevalue("totesys")
    server = request.getfixturevalue("server")
    shop = here / "shop"
    shop.mkdir()
    (shop / "tote.yaml").write_text(PROJECT)
    (here / "models").rename(shop / "models")
    env = environment(TOTESYS_URL=totesys.url, PGHOST=server.host, PGPORT=str(server.port), PGUSER="postgres",
                      PGDATABASE=totesys.name, PATH=f"{here}/build:{ROOT}/.cache/venv/bin:{os.environ['PATH']}")
    subprocess.run(["tote", "-C", shop, "run", "--quiet"], env=env, check=True, stdout=subprocess.DEVNULL)
    differences = pages.run_page(page, shop, env)
    assert not differences, "\n\n".join(differences)


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.stem)
def test_pieces_of_configuration_are_taken(page, tmp_path):
    """YAML that is shown without a file's name is a piece of a tote.yaml."""
    for number, block in enumerate(pages.blocks(page)):
        assert block.language in ("console", "yaml", "sql", "text", "json", "csv", "ini", "hcl"), f"{page}: ```{block.language}"
        if block.not_run:
            assert block.language == "console"
        if block.language != "yaml" or block.title:
            continue
        whole = yaml.safe_load(PROJECT) | yaml.safe_load(block.text)
        (tmp_path / "tote.yaml").write_text(yaml.safe_dump(whole))
        said = subprocess.run([program(), "-C", tmp_path, "config"], env=environment(TOTESYS_URL="postgresql://h/d"),
                              capture_output=True, text=True, check=False)
        assert said.returncode == 0, f"{page}, block {number}: {said.stderr}"


def test_what_does_not_run_is_known():
    reasons = {block.not_run for page in WITH_EXAMPLES for block in pages.blocks(page) if block.not_run}
    assert reasons <= {"builds the program", "needs AWS", "runs until it is interrupted", "needs root and systemd",
                       "needs a server that is not here", "builds this site"}, reasons


def test_every_exit_status_has_an_answer():
    statuses = re.findall(r"ERR_CODE\((\w+),\s*(\d+)", (ROOT / "src/base/err_codes.def").read_text())
    page = (DOCS / "how-to/errors.md").read_text()
    sections = dict(re.findall(r"^## (\d+) (\w+)", page, re.MULTILINE))
    assert {number: name for name, number in statuses} == sections


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if not MKDOCS.exists():
        pytest.skip("mkdocs is not installed (tools/setup.sh docs)")
    built = tmp_path_factory.mktemp("site")
    done = subprocess.run([MKDOCS, "build", "--strict", "--quiet", "--site-dir", built], cwd=ROOT, capture_output=True, text=True,
                          check=False, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return built


class TestSite:
    def test_every_page_is_there(self, site):
        made = {str(path.relative_to(site).with_suffix("")) for path in site.rglob("*.html")} - {"404"}
        assert made == {str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md")}

    def test_nothing_comes_from_elsewhere(self, site):
        for path in site.rglob("*.html"):
            text = path.read_text()
            loaded = re.findall(r"<(?:script|img|iframe|source)[^>]*\ssrc=\"(https?:[^\"]+)", text)
            loaded += re.findall(r"<link[^>]*\shref=\"(https?:[^\"]+)", text)
            assert not [url for url in loaded if "canonical" not in url], path
        for path in site.rglob("*.css"):
            assert not re.search(r"url\([\"']?https?:|@import\s+[\"']?https?:", path.read_text()), path
