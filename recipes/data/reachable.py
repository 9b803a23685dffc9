"""Whether a data set's servers can be reached, found out within seconds; TFDS itself retries for minutes."""

import socket
import threading
import urllib.parse
import urllib.request

_SECONDS = 8


def why_not(urls):
    """Why the hosts of `urls` cannot be reached, or nothing where they can.

    Behind a proxy nothing is found out: names need not resolve there.
    """
    if {"http", "https"} & set(urllib.request.getproxies()):
        return ""
    parsed = [urllib.parse.urlparse(url) for url in urls]
    places = {
        (p.hostname, p.port or {"http": 80, "ftp": 21}.get(p.scheme, 443)) for p in parsed if p.hostname
    }
    reasons = [f"{host}: {reason}" for host, port in sorted(places) if (reason := _failure(host, port))]
    return ", ".join(reasons)


def _failure(host, port):
    """Connect in a thread: looking a name up knows no time-out."""
    reasons = [f"no answer within {_SECONDS} seconds"]

    def connect():
        try:
            socket.create_connection((host, port), timeout=_SECONDS).close()
            reasons.append("")
        except OSError as error:
            reasons.append(error.strerror or str(error))

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return reasons[-1]
