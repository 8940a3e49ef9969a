"""The portal's own settings with what a test run needs: a folder of its own, fixed keys, quick passwords."""

import atexit
import os
import shutil
import tempfile

if "TESTS_FOLDER" not in os.environ:  # the processes that a test starts share it
    os.environ["TESTS_FOLDER"] = tempfile.mkdtemp(prefix="portal-tests-")
    os.mkdir(os.path.join(os.environ["TESTS_FOLDER"], "static"))
    atexit.register(shutil.rmtree, os.environ["TESTS_FOLDER"], ignore_errors=True)
_folder = os.environ["TESTS_FOLDER"]

for _name in list(os.environ):
    if _name.startswith(
        ("GENESYS_", "QA_WEBHOOK_", "INJECT_", "PORTAL_", "REDIS_", "ALLOWED_", "AUDIT_", "SMTP_")
    ):
        del os.environ[_name]  # the developer's own configuration is none of the tests' business
os.environ.update(
    PORTAL_DATA_DIR=_folder,
    SECRET_KEY="a-key-for-tests-alone-" + "0123456789" * 5,
    MEDIA_SIGNING_KEY="another-key-for-tests-alone-" + "0123456789" * 5,
    COMPLETION_SECRET="a-third-key-for-tests-alone-" + "0123456789" * 5,
    GENESYS_CLIENT_ID="test-client",
    GENESYS_CLIENT_SECRET="test-client-secret",
    GENESYS_API_URL="http://127.0.0.1:9",  # the discard port: nobody answers unless a test starts a simulator
    GENESYS_LOGIN_URL="http://127.0.0.1:9",
)

from bargeportal.settings import *  # noqa: E402, F403
from bargeportal.settings import ALLOWED_HOSTS, DATABASES, STORAGES  # noqa: E402

ALLOWED_HOSTS += ["testserver"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # what is tested is never the hash
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, as in the product: SQLite in memory has other rules for locks. Losing it in a power cut is fine.
    DATABASES["default"]["TEST"] = {"NAME": os.path.join(_folder, "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] = (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA recursive_triggers=ON;"
    )
DATABASES["default"]["CONN_MAX_AGE"] = 0
