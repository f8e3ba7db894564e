"""What the tunnel scenarios share beside the other scenarios' support: an authority, Warren in either role, peer programs.

Each scenario is a file whose name is the sentence it proves. It defines run(), and may be started by itself: status 0 says
that the sentence holds, 77 that a peer program is missing here. Certificates are made by the openssl program in the
scenario's own folder.
"""

import collections
import contextlib
import datetime
import os
import pathlib
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import (  # noqa: E402,F401
    DEADLINE, FULL, ROOT, Server, Warren, answer_after_end, binary, connect, digest, echo, echoes, folder, free_port, hung_up,
    many_descriptors, payload, program, read_all, read_exactly, refused, reset, skip, until, was_reset)

TRUST_DOMAIN = "spiffe://tunnel.test"


def scenario(run):
    """Runs a scenario that was started by itself."""
    if "--full" in sys.argv:
        os.environ["WARREN_FULL"] = "1"
    run()
    sys.stdout.flush()
    # Threads that still read must not keep the process.
    os._exit(0)


def is_full():
    return FULL or os.environ.get("WARREN_FULL") == "1"


def openssl(*words, data=None):
    done = subprocess.run(
        ["openssl", *[str(word) for word in words]], input=data, capture_output=True, timeout=60)
    assert done.returncode == 0, f"openssl {' '.join(map(str, words))}: {done.stderr.decode('utf-8', 'replace')}"
    return done.stdout


Identity = collections.namedtuple("Identity", "cert key name uri dns bundle")

AUTHORITY_CONFIGURATION = """
[ca]
default_ca = here
[here]
dir = {place}
database = {place}/index.txt
new_certs_dir = {place}/issued
rand_serial = yes
default_md = sha256
default_days = 2
default_crl_days = 2
policy = any
copy_extensions = none
unique_subject = no
certificate = {place}/ca.pem
private_key = {place}/ca.key
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""


class Authority:
    """A root certificate and what it issues, as files in a folder of its own."""

    def __init__(self, place, name="Tunnel Test Root", above=None):
        self.above = above
        self.place = os.path.join(place, re.sub(r"\W", "-", name))
        os.makedirs(os.path.join(self.place, "issued"))
        self.cert, self.key = os.path.join(self.place, "ca.pem"), os.path.join(self.place, "ca.key")
        self.configuration = os.path.join(self.place, "ca.cnf")
        open(os.path.join(self.place, "index.txt"), "w").close()
        with open(self.configuration, "w") as file:
            file.write(AUTHORITY_CONFIGURATION.format(place=self.place))
        self.count = 0
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key)
        if above:
            request = os.path.join(self.place, "ca.csr")
            openssl("req", "-new", "-key", self.key, "-subj", f"/CN={name}", "-config", self.configuration, "-out", request)
            openssl("ca", "-batch", "-notext", "-config", above.configuration, "-in", request, "-out", self.cert,
                    "-extensions", "authority", "-days", "2")
        else:
            openssl("req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={name}", "-days", "3", "-sha256", "-out",
                    self.cert, "-config", self.configuration, "-extensions", "authority")

    def issue(self, name, uri=None, dns=None, begins=-3600, ends=86400, usage="serverAuth,clientAuth", key="ec"):
        """A leaf; `begins` and `ends` are seconds from now. Its URI and DNS name follow from its name unless given."""
        self.count += 1
        stem = os.path.join(self.place, f"{self.count}-{name}")
        uri = uri or f"{TRUST_DOMAIN}/{name}"
        dns = dns or f"{name}.tunnel.test"
        if key == "rsa":
            openssl("genrsa", "-out", stem + ".key", "2048")
        else:
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", stem + ".key")
        openssl("req", "-new", "-key", stem + ".key", "-subj", f"/CN={name}", "-config", self.configuration,
                "-out", stem + ".csr")
        with open(stem + ".ext", "w") as file:
            file.write(
                "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                f"extendedKeyUsage={usage}\nsubjectAltName=URI:{uri},DNS:{dns}\n"
                "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        openssl("ca", "-batch", "-notext", "-config", self.configuration, "-in", stem + ".csr", "-out", stem + ".pem",
                "-extfile", stem + ".ext", "-startdate", moment(begins), "-enddate", moment(ends))
        if self.above:
            with open(stem + ".pem", "a") as file:
                file.write(pathlib.Path(self.cert).read_text())
        with open(stem + ".bundle", "w") as file:
            file.write(pathlib.Path(stem + ".pem").read_text() + pathlib.Path(stem + ".key").read_text())
        return Identity(stem + ".pem", stem + ".key", name, uri, dns, stem + ".bundle")

    def middle(self, name):
        """An authority between this root and its leaves, whose chains then hold it."""
        below = Authority(self.place, name, above=self)
        self.count += 1
        return below

    def revoke(self, identity):
        """Takes a leaf, or an authority below, back."""
        openssl("ca", "-config", self.configuration, "-revoke", identity.cert)

    def crl(self):
        path = os.path.join(self.place, f"crl-{time.monotonic_ns()}.pem")
        openssl("ca", "-config", self.configuration, "-gencrl", "-out", path)
        return path


def joined(place, *paths):
    """One PEM file of several."""
    path = os.path.join(place, f"joined-{time.monotonic_ns()}.pem")
    with open(path, "w") as file:
        file.writelines(pathlib.Path(each).read_text() for each in paths)
    return path


def moment(seconds):
    return (datetime.datetime.utcnow() + datetime.timedelta(seconds=seconds)).strftime("%Y%m%d%H%M%SZ")


class Realm:
    """One authority, a server's certificate and a client's: enough for a tunnel."""

    def __init__(self, place):
        self.place = place
        self.authority = Authority(place)
        self.server = self.authority.issue("server")
        self.client = self.authority.issue("client")


def tunnel_server(realm, target, *more, identity=None, allow=True, ca=None, listen="127.0.0.1:0", **options):
    """`warren tunnel server` in front of a plain target; admits the realm's client alone unless told otherwise."""
    identity = identity or realm.server
    words = ["server", "-listen", listen, "-target", target, "-cert", identity.cert, "-key", identity.key,
             "-ca", ca or realm.authority.cert]
    if allow:
        words += ["-allow-uri", realm.client.uri]
    return Warren(*words, *more, command="tunnel", **options)


def tunnel_client(realm, target, *more, identity=None, verify=True, ca=None, listen="127.0.0.1:0", **options):
    """`warren tunnel client` in front of a TLS target; believes the realm's server alone unless told otherwise."""
    identity = identity or realm.client
    words = ["client", "-listen", listen, "-target", target, "-cert", identity.cert, "-key", identity.key,
             "-ca", ca or realm.authority.cert]
    if verify:
        words += ["-verify-uri", realm.server.uri]
    return Warren(*words, *more, command="tunnel", **options)


def flag(address):
    return f"{address[0]}:{address[1]}"


@contextlib.contextmanager
def two_hops(realm, target, server=(), client=(), environment=None):
    """client - hop - mutual TLS - hop - target, both hops Warren."""
    with tunnel_server(realm, target, *server, environment=environment) as inner:
        with tunnel_client(realm, flag(inner.address()), *client, environment=environment) as outer:
            yield outer, inner


@contextlib.contextmanager
def two_hops_with(realm, target, role, *flags):
    """The same, the flags for the one of this role alone: the hop to connect to, and the one that has the flags."""
    words = {each: ("-access-log", "-", "-connect-timeout", "60s") + (flags if each == role else ())
             for each in ("server", "client")}
    with two_hops(realm, target, **words) as (outer, inner):
        yield outer, inner if role == "server" else outer


class Peer:
    """Another program on the other end; ends with the with-block by its process id."""

    def __init__(self, *words, port=None, stdin=subprocess.DEVNULL, stdout=None):
        self.words = [str(word) for word in words]
        self.port = port
        self.stdin, self.stdout = stdin, stdout
        self.log = []

    def __enter__(self):
        self.process = subprocess.Popen(
            self.words, stdin=self.stdin, stdout=self.stdout or subprocess.PIPE,
            stderr=subprocess.PIPE if self.stdout else subprocess.STDOUT, bufsize=0)
        self.reader = threading.Thread(
            target=self._read, args=(self.process.stderr if self.stdout else self.process.stdout,), daemon=True)
        self.reader.start()
        try:
            if self.port:
                # Looked up in the kernel's table instead of tried: a try would be a connection too much for some peers.
                until(lambda: is_listening(self.port) or self.process.poll() is not None, f"{self.words[0]} listens")
                assert self.process.poll() is None, f"{self.words} ended: {self.text()}"
        except BaseException:
            self.__exit__()
            raise
        return self

    def _read(self, stream):
        for line in stream:
            self.log.append(line.decode("utf-8", "replace").rstrip("\n"))

    def text(self):
        return "\n".join(self.log)

    def says(self, pattern, seconds=DEADLINE):
        return until(lambda: [line for line in self.log if re.search(pattern, line)],
                     f"{self.words[0]} says {pattern!r}; it said:\n{self.text()}", seconds)[-1]

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.reader.join(5)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()


def is_listening(port):
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(table) as lines:
            for line in lines:
                parts = line.split()
                if len(parts) > 3 and parts[3] == "0A" and parts[1].endswith(wanted):
                    return True
    return False


def trade(end):
    """A target that takes an 8-byte length and so many bytes, and answers with their digest and as many bytes of its own."""
    with end:
        while take_part(end):
            pass


def trade_once(end):
    """The same, and is the first to end."""
    with end:
        take_part(end)
        end.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            read_all(end)


def take_part(end):
    first = end.recv(1)
    if not first:
        return False
    size = struct.unpack(">Q", first + read_exactly(end, 7))[0]
    data = read_exactly(end, size)
    end.sendall(digest(data).encode() + payload(size, seed=size + 7))
    return True


def trade_with(end, size, seed=3):
    """The client of `trade`: raises unless both ways were whole."""
    data = payload(size, seed=seed)
    sender = threading.Thread(target=lambda: end.sendall(struct.pack(">Q", size) + data), daemon=True)
    sender.start()
    heard = read_exactly(end, 64).decode()
    assert heard == digest(data), f"{size} bytes arrived as something else"
    back = read_exactly(end, size)
    assert digest(back) == digest(payload(size, seed=size + 7)), f"{size} bytes came back as something else"
    sender.join(DEADLINE)


def client_context(realm, identity=None, ca=None, lowest=None, highest=None):
    """Python's own TLS client; checks the chain, and leaves the name to the scenario."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(ca or realm.authority.cert)
    if identity:
        context.load_cert_chain(identity.cert, identity.key)
    if lowest:
        context.minimum_version = lowest
    if highest:
        context.maximum_version = highest
    return context


def server_context(realm, identity, ca=None, highest=None, lowest=None, ask=True):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.cert, identity.key)
    if ask:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(ca or realm.authority.cert)
    if lowest:
        context.minimum_version = lowest
    if highest:
        context.maximum_version = highest
    return context


def shake(context, address, first=b"", timeout=DEADLINE):
    """Connects and shakes hands; the TLS socket."""
    raw = connect(address, timeout=timeout)
    try:
        end = context.wrap_socket(raw, server_hostname="server.tunnel.test", suppress_ragged_eofs=False)
    except BaseException:
        raw.close()
        raise
    if first:
        end.sendall(first)
    return end


def outcome(context, address, first=b"hello"):
    """How a TLS client fares: "served", "alert NAME", "closed", "truncated" or "reset"."""
    try:
        with shake(context, address, first) as end:
            return "served" if end.recv(64) else "closed"
    except ssl.SSLEOFError:
        return "truncated"
    except ssl.SSLZeroReturnError:
        return "closed"
    except ssl.SSLError as error:
        found = re.search(r"ALERT_(\w+)", str(error.reason or error))
        return "alert " + found.group(1).lower() if found else f"error {error.reason}"
    except (ConnectionResetError, BrokenPipeError):
        return "reset"


def s_client_words(realm, address, *more, identity=None, commands=False):
    """`openssl s_client` towards a tunnel's server; `commands` leaves its letters (K, R, Q) in force."""
    words = ["openssl", "s_client", "-connect", flag(address), "-CAfile", realm.authority.cert, "-verify_return_error",
             "-servername", realm.server.dns]
    if not commands:
        words += ["-quiet", "-nocommands"]
    if identity:
        words += ["-cert", identity.cert, "-key", identity.key]
    return words + list(more)


def settled(warren, seconds=DEADLINE):
    """Waits until nothing is live any more, and returns the counters."""
    end = time.monotonic() + seconds
    while True:
        counters = warren.counters()
        if counters.get("live") == 0:
            return counters
        assert time.monotonic() < end, f"connections stay: {counters}\n{warren.text()[-3000:]}"
        time.sleep(0.1)


def hang_up(warren):
    """SIGHUP: read the certificate files again."""
    warren.process.send_signal(signal.SIGHUP)
