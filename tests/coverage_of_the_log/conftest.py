"""What the acts need: a platform, recordings, people."""

from tests.injections.conftest import demo_clip, simulator, simulator_process  # noqa: F401  fixtures
from tests.injections.web.conftest import browser_of  # noqa: F401  a fixture
