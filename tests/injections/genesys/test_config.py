"""Regions and their addresses."""

import pytest

from injections.genesys.config import REGIONS, UnknownRegion, urls_for_region


def test_a_region_gives_both_addresses():
    assert urls_for_region("eu-central-1") == ("https://api.mypurecloud.de", "https://login.mypurecloud.de")


def test_a_region_is_recognised_in_any_case():
    assert urls_for_region(" US-East-1 ")[0] == "https://api.mypurecloud.com"


@pytest.mark.parametrize("region", ["", "eu", "mypurecloud.de", "eu-central-9"])
def test_an_unknown_region_is_refused_with_all_that_there_are(region):
    with pytest.raises(UnknownRegion) as caught:
        urls_for_region(region)
    assert all(known in str(caught.value) for known in REGIONS)
