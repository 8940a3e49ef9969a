"""Builds what talks to the outside from the settings: one of each for a process, made when first asked for."""

import threading
import time
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.utils import timezone

from injections.genesys.client import GenesysClient
from injections.genesys.config import GenesysConfig
from injections.genesys.drivers import Driver
from injections.genesys.drivers.voice_interactions import VoiceInteractionsDriver
from injections.shared_state import FileState, RedisState, SharedState

_lock = threading.Lock()


def driver() -> Driver:
    """Return this process's driver."""
    with _lock:
        return _driver()


def client() -> GenesysClient:
    """Return this process's client, for what the board reads of the public Platform API."""
    with _lock:
        return _client()


def shared_state() -> SharedState:
    """Return where this process shares small facts with the others."""
    with _lock:
        return _shared_state()


def warm() -> None:
    """Fetch a token and open connections, so that the first barge is as quick as the next. Raises GenesysError."""
    driver().warm()


@lru_cache(maxsize=1)
def _client() -> GenesysClient:
    return GenesysClient(
        GenesysConfig(
            client_id=settings.GENESYS_CLIENT_ID,
            client_secret=settings.GENESYS_CLIENT_SECRET,
            api_url=settings.GENESYS_API_URL,
            login_url=settings.GENESYS_LOGIN_URL,
            consent_key=settings.GENESYS_CONSENT_KEY,
        ),
        monotonic=time.perf_counter,  # the same clock as `services.stopwatch`
        now=timezone.now,
        pool_size=64,  # two questions at once for each of 24 requests, and the embedded worker's
    )


@lru_cache(maxsize=1)
def _driver() -> Driver:
    return VoiceInteractionsDriver(_client())


@lru_cache(maxsize=1)
def _shared_state() -> SharedState:
    if settings.REDIS_URL:
        return RedisState(settings.REDIS_URL)
    return FileState(settings.PORTAL_DATA_DIR / "shared.sqlite3")


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting.startswith("GENESYS_"):
        _driver.cache_clear()
        _client.cache_clear()
    if setting in {"REDIS_URL", "PORTAL_DATA_DIR"}:
        _shared_state.cache_clear()


setting_changed.connect(_forget, dispatch_uid="injections.wiring")
