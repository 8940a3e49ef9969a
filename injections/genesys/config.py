"""Where the platform is and who we are to it."""

from dataclasses import dataclass, field

# Region of the organisation -> its domain, from the vendor's list of regions.
REGIONS: dict[str, str] = {
    "us-east-1": "mypurecloud.com",
    "us-east-2": "use2.us-gov-pure.cloud",
    "us-west-2": "usw2.pure.cloud",
    "ca-central-1": "cac1.pure.cloud",
    "mx-central-1": "mxc1.pure.cloud",
    "sa-east-1": "sae1.pure.cloud",
    "eu-west-1": "mypurecloud.ie",
    "eu-west-2": "euw2.pure.cloud",
    "eu-central-1": "mypurecloud.de",
    "eu-central-2": "euc2.pure.cloud",
    "eusc-de-east-1": "edee1.eusc-pure.cloud",
    "me-central-1": "mec1.pure.cloud",
    "ap-south-1": "aps1.pure.cloud",
    "ap-northeast-1": "mypurecloud.jp",
    "ap-northeast-2": "apne2.pure.cloud",
    "ap-northeast-3": "apne3.pure.cloud",
    "ap-southeast-1": "apse1.pure.cloud",
    "ap-southeast-2": "mypurecloud.com.au",
}
DEFAULT_REGION = "us-east-1"


class UnknownRegion(ValueError):
    """The organisation's region is not one that Genesys Cloud has."""


def urls_for_region(region: str) -> tuple[str, str]:
    """Return (API address, login address) of a region such as `eu-central-1`.

    Raises UnknownRegion, whose text names every region.
    """
    domain = REGIONS.get(region.strip().lower())
    if domain is None:
        raise UnknownRegion(f"{region!r} is not a Genesys Cloud region. Use one of: {', '.join(REGIONS)}.")
    return f"https://api.{domain}", f"https://login.{domain}"


@dataclass(frozen=True, slots=True)
class GenesysConfig:
    """Addresses, credentials and limits of one organisation. Times are seconds."""

    client_id: str
    client_secret: str = field(repr=False)
    api_url: str
    login_url: str
    consent_key: str = "supervision_consent"
    connect_timeout: float = 2.0
    read_timeout: float = 5.0
