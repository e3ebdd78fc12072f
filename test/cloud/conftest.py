import pytest

from lib import terraform
from lib.cloud import Box
from lib.terraform import ROOT


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.timeout(1200))
        item.add_marker(pytest.mark.skipif(terraform.missing() is not None, reason=str(terraform.missing())))
        item.add_marker(pytest.mark.skipif(not (ROOT / ".cache/ministack").exists(),
                                           reason="SKIPPED LOUDLY: tools/setup.sh cloud was not run"))


@pytest.fixture(scope="session")
def box(tmp_path_factory):
    made = Box(tmp_path_factory.mktemp("box"))
    try:
        made.start()
        made.apply()
        made.fill_secrets()
        made.until("the first batch", 240, lambda: made.batches() >= 1)
        yield made
    finally:
        made.stop()
