"""Workers that find each other before TensorFlow connects them, whose own waiting has no end.

All connect to the chief's address and wait; when all are there it asks each whether it still is, and lets
them go on at the same time. The connections are kept for what the chief has to hand over.
"""

import contextlib
import json
import os
import socket
import struct
import time

from recipes.errors import RecipeError, TrainingError

_WAIT = 300.0  # seconds, without `EDGEZOO_WAIT`
_PAUSE = 0.3  # seconds between two tries to connect
_ANSWER = 5.0  # seconds that another worker may take for a word
_KEEPING = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}  # seconds, seconds, times
_LEAVING = 10.0  # seconds that the others have to end their part
_WORD = 4096  # bytes, at most, of a word between workers; what isn't one of us says more, or nothing


def seconds():
    """How long a worker waits for the others.

    Raises:
        RecipeError: `EDGEZOO_WAIT` is no number of seconds.
    """
    text = os.environ.get("EDGEZOO_WAIT", _WAIT)
    try:
        return float(text)
    except ValueError:
        raise RecipeError(f"EDGEZOO_WAIT={text!r} is no number of seconds, such as 300") from None


def is_address(text):
    """Whether `text` is of the form `host:port`."""
    host, _, port = str(text).rpartition(":")
    return bool(host) and port.isdecimal()


def meet(addresses, index):
    """Wait until all workers are there.

    Args:
        addresses: `host:port` of each worker, the chief's first.
        index: Which of them this is.

    Returns:
        Connections: of the chief one to each other worker, of the others one to the chief.

    Raises:
        TrainingError: Not all came in time.
    """
    limit = seconds()
    end = time.monotonic() + limit
    if index:
        return [_join(addresses, index, end, limit)]
    with _listening(addresses[0], end) as listener:
        return _gather(listener, addresses, end, limit)


def send(connection, content):
    """Send bytes, after their number."""
    connection.settimeout(seconds())
    connection.sendall(struct.pack("!Q", len(content)) + content)


def receive(connection, most=None, patience=None):
    """The bytes that `send` sent; a `ConnectionError` where the other end has gone, or is none of us.

    It waits for `patience` seconds, or as long as the other end is there.
    """
    connection.settimeout(patience)
    (count,) = struct.unpack("!Q", _exactly(connection, 8))
    if most is not None and count > most:
        raise ConnectionError("something else answers there")
    return _exactly(connection, count)


def part(connections):
    """Close this end, and wait a little until the other ends are closed too."""
    end = time.monotonic() + _LEAVING
    for connection in connections:
        with connection, contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(max(0.1, end - time.monotonic()))
            while connection.recv(_WORD):
                continue


def _exactly(connection, count):
    content = bytearray()
    while len(content) < count:
        if not (piece := connection.recv(min(count - len(content), 1 << 20))):
            raise ConnectionError("the connection was closed")
        content += piece
    return bytes(content)


def _split(address):
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


@contextlib.contextmanager
def _listening(address, end):
    """A listening socket at the chief's port, which an earlier process may hold for a moment."""
    while True:
        try:
            listener = socket.create_server(("", _split(address)[1]))
            break
        except OSError as error:
            if time.monotonic() > end:
                raise TrainingError(f"the chief can't listen at {address}: {error}") from error
            time.sleep(_PAUSE)
    with listener:
        yield listener


def _gather(listener, addresses, end, limit):
    """The chief's part: connections to all others, in their order."""
    others = {}
    while True:
        missing = [i for i in range(1, len(addresses)) if i not in others]
        if not missing and all(_still_there(others, i) for i in list(others)):
            for i in sorted(others):
                send(others[i], b"go")
            return [others[i] for i in sorted(others)]
        if time.monotonic() > end:
            raise _late(others, addresses, missing, limit)
        listener.settimeout(_PAUSE)
        with contextlib.suppress(OSError):
            index, connection = _greeted(listener.accept()[0], len(addresses))
            others[index] = connection


def _late(others, addresses, missing, limit):
    """The error of a chief that waited long enough, told to those who came."""
    who = ", ".join(f"worker {i} ({addresses[i]})" for i in missing)
    message = (
        f"{who} did not come within {limit:g} s. Start the same command there with its own TF_CONFIG, or wait "
        "longer: EDGEZOO_WAIT=SECONDS"
    )
    for connection in others.values():
        with contextlib.suppress(OSError):
            send(connection, message.encode())
    return TrainingError(message)


def _greeted(connection, size):
    """The number of a worker that has just connected, and its connection."""
    try:
        content = json.loads(receive(connection, _WORD, _ANSWER))
        if content["of"] != size or not 0 < content["worker"] < size:
            raise ConnectionError("a worker of another training")
        return content["worker"], connection
    except (ValueError, KeyError, TypeError) as error:
        connection.close()
        raise ConnectionError("something else knocks") from error


def _still_there(others, i):
    """Whether a worker that came answers; one that does not has to come again."""
    try:
        send(others[i], b"there?")
        if receive(others[i], _WORD, _ANSWER) == b"yes":
            return True
    except OSError:
        pass
    others.pop(i).close()
    return False


def _join(addresses, index, end, limit):
    """Another worker's part: the connection to the chief."""
    while (left := end - time.monotonic()) > 0:
        try:
            connection = _kept(socket.create_connection(_split(addresses[0]), timeout=_ANSWER))
            send(connection, json.dumps({"worker": index, "of": len(addresses)}).encode())
            while (word := receive(connection, _WORD, left + _LEAVING)) == b"there?":
                send(connection, b"yes")
            if word == b"go":
                return connection
            raise TrainingError(word.decode(errors="replace"))
        except OSError:
            time.sleep(_PAUSE)
    raise TrainingError(
        f"worker 0, the chief, did not answer at {addresses[0]} within {limit:g} s. Start the same command there "
        "with its own TF_CONFIG, or wait longer: EDGEZOO_WAIT=SECONDS"
    )


def _kept(connection):
    """The connection, which ends when the other machine is silent for a minute, whoever waits."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPING.items():
        if hasattr(socket, name):  # as on Linux
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection
