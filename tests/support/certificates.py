"""A certificate authority of the test's own, made with the ``openssl`` command."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate and the authority that signed it.

    Attributes:
        authority: the authority's certificate (PEM), for clients to trust.
        server: for the server's sockets.
    """

    authority: Path
    server: ssl.SSLContext


def certificate_for(names: list[str], folder: Path) -> Certificate:
    """Make an authority in ``folder``, and with it a certificate that covers all of ``names``."""
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    authority, certificate, key = folder / "ca.pem", folder / "server.pem", folder / "server.key"
    _run([
        *make, "-subj", "/CN=test authority", "-keyout", str(folder / "ca.key"), "-out", str(authority),
        "-addext", "keyUsage=critical,keyCertSign",
    ])  # fmt: skip
    _run([
        *make, "-subj", f"/CN={names[0]}", "-keyout", str(key), "-out", str(certificate),
        "-CA", str(authority), "-CAkey", str(folder / "ca.key"),
        "-addext", "basicConstraints=critical,CA:FALSE",
        "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names),
    ])  # fmt: skip
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return Certificate(authority, server)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
