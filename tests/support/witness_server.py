"""The product's own witness on a free port, served as its command serves it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from audit.witness import Service, Witness


@contextmanager
def witness_server(witness: Witness) -> Iterator[str]:
    """Serve until the block ends; give the address."""
    sock = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(Service(witness), log_config=None, access_log=False, lifespan="off", ws="none")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(15)
        sock.close()
