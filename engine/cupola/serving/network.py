"""An endpoint's door to other hosts: an address that is not loopback, with TLS and nothing without it."""

import ipaddress
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cupola.errors import BadInput, BadOption
from cupola.store import names, secret
from cupola.store.trouble import disk

if TYPE_CHECKING:
    import ssl

DAYS = 825  # for which a certificate counts that was made here
ANY = ("0.0.0.0", "::")
FREEBIND = {socket.AF_INET: (socket.IPPROTO_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}  # linux/in.h, in6.h


class Network(msgspec.Struct, kw_only=True):
    """Where an endpoint listens beside loopback. certificate, key: paths of PEM files on its host."""

    address: str
    port: int
    certificate: str
    key: str


def wanted(text: str, certificate: str | None, key: str | None) -> Network:
    """What "0.0.0.0:8443" means, with a certificate of the user's or else one that is made here. Raises BadOption."""
    address, _, port = text.rpartition(":")
    try:
        ip = ipaddress.ip_address(address.strip("[]"))
        number = int(port)
    except ValueError:
        hint = "an IP address and a port: 0.0.0.0:8443 for all networks of this host"
        raise BadOption(f"{text!r} is no address to listen at", hint=hint) from None
    if ip.is_loopback or not 0 < number < 1 << 16:
        raise BadOption(f"{text!r} is not for other hosts", hint="on loopback it listens anyway; a port is 1 to 65535")
    if (certificate is None) != (key is None):
        raise BadOption("a certificate and its key go together", hint="--certificate FILE --certificate-key FILE")
    pair = (Path(certificate), Path(key)) if certificate and key else _made(str(ip))
    files = [os.path.abspath(one) for one in pair]  # noqa: PTH100 - a symlink stays one, for who renews the file
    found = Network(address=str(ip), port=number, certificate=files[0], key=files[1])
    context(found)
    return found


def context(network: Network) -> "ssl.SSLContext":
    """TLS 1.2 or newer with its certificate. Raises BadInput where that cannot be used."""
    import ssl

    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        found.load_cert_chain(network.certificate, network.key, password="")
    except (OSError, ValueError) as error:
        why: str | None = "one is no PEM file, needs a password, or they do not go together"
        if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
            why = error.strerror
        raise BadInput(f"the certificate and its key cannot be used: {why}", where=network.certificate) from None
    return found


def listener(network: Network, *, absent: bool = False) -> socket.socket:
    """A listening socket at its address; `absent`: also at one that this host is yet to get. Raises OSError."""
    from cupola.serving.listening import BACKLOG

    found = socket.socket(_family(network), socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if absent:
            found.setsockopt(*FREEBIND[_family(network)], 1)
        found.bind((network.address, network.port))
        found.listen(BACKLOG)
    except OSError:
        found.close()
        raise
    return found


def is_here(network: Network) -> bool:
    """Whether its address is one of this host, now."""
    with socket.socket(_family(network), socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((network.address, 0))
        except OSError:
            return False
    return True


def is_at(listener: socket.socket, network: Network) -> bool:
    return bool(listener.getsockname()[:2] == (network.address, network.port))


def is_beyond(listener: socket.socket) -> bool:
    """Whether others than this host can reach it."""
    return listener.family != socket.AF_UNIX and not ipaddress.ip_address(listener.getsockname()[0]).is_loopback


def url(network: Network) -> str:
    host = names.who()[1] if network.address in ANY else network.address
    return f"https://{f'[{host}]' if ':' in host else host}:{network.port}"


def hosts(network: Network) -> set[str]:
    """What clients may call this host: its names, and its addresses there."""
    found = {names.who()[1], socket.gethostname(), socket.getfqdn(), network.address}
    if network.address in ANY:
        import psutil

        found |= {one.address.partition("%")[0] for all_ in psutil.net_if_addrs().values() for one in all_}
    return found | {f"[{one}]" for one in found if ":" in one}


def _family(network: Network) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in network.address else socket.AF_INET


def _made(address: str) -> tuple[Path, Path]:
    """A certificate of this host that signs itself, and its key; made once, for this user alone. Raises BadOption."""
    host = names.who()[1]
    directory = secret.config_dir() / "tls" / host
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    with disk(str(directory)):
        if certificate.exists() and key.exists():
            return certificate, key
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    tool = shutil.which("openssl")
    if tool is None:
        raise BadOption("there is no openssl here to make a certificate with", hint="give --certificate and its key")
    known = [one for one in (host, socket.getfqdn()) if re.fullmatch(r"[A-Za-z0-9.-]{1,64}", one)]
    also = [f"DNS:{one}" for one in dict.fromkeys([*known, "localhost"])]
    also += [f"IP:{one}" for one in dict.fromkeys([address, "127.0.0.1"]) if one not in ANY]
    command = [
        tool, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(DAYS),
        "-subj", f"/CN={known[0] if known else 'cupola'}", "-addext", f"subjectAltName={','.join(also)}",
        "-keyout", str(key), "-out", str(certificate),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, umask=0o077)
    if done.returncode:
        raise BadOption(f"openssl cannot make a certificate: {done.stderr.strip()[-200:]}")
    return certificate, key
