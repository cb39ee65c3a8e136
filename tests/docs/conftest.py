import pages
import pytest


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder with the HTML of the whole documentation."""
    return pages.build(tmp_path_factory.mktemp("site"))
