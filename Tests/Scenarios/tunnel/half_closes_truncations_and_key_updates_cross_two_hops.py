"""Ends travel as ends and breaks as breaks: half-close both ways, a killed hop is a reset; key updates go unnoticed."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

from tunnel_support import (
    DEADLINE, Peer, Realm, Server, client_context, digest, folder, free_port, payload, read_all, read_exactly, s_client_words,
    scenario, settled, shake, tunnel_client, tunnel_server, two_hops, until, was_reset)

# The kinds of tunnels that are tried; Tests/KernelTLS has others.
KINDS = (("-records", "auto"), ("-records", "attached"))


def answer_after_end(end):
    with end:
        end.sendall(digest(read_all(end)).encode())


def ends_first(end):
    with end:
        end.sendall(payload(300_000, seed=5))
        end.shutdown(socket.SHUT_WR)
        assert digest(read_all(end)) == digest(payload(500_000, seed=6))


def half_closes(realm, kinds=KINDS):
    for words in kinds:
        with Server(answer_after_end) as target, two_hops(realm, target.flag, words, words) as (outer, inner):
            for size in (0, 1, 70_000, 5_000_000):
                with outer.connect() as client:
                    data = payload(size)
                    client.sendall(data)
                    client.shutdown(socket.SHUT_WR)
                    assert read_all(client).decode() == digest(data), f"{size} bytes, {words}"
            assert settled(outer)["broken"] == settled(inner)["broken"] == 0
        with Server(ends_first) as target, two_hops(realm, target.flag, words, words) as (outer, inner):
            for _ in range(3):
                with outer.connect() as client:
                    assert digest(read_exactly(client, 300_000)) == digest(payload(300_000, seed=5))
                    assert client.recv(1) == b"", "the target's end did not arrive"
                    client.sendall(payload(500_000, seed=6))
                    client.shutdown(socket.SHUT_WR)
                    assert client.recv(1) == b""
            assert settled(outer)["broken"] == settled(inner)["broken"] == 0


def truncations(realm, kinds=KINDS):
    """One hop killed with SIGKILL: both ends see a reset, never a clean end."""
    for kind in kinds:
        for victim in (0, 1):
            seen = []

            def hold(end):
                end.sendall(b"hello")
                seen.append(was_reset(end))

            words = (*kind, "-access-log", "-")
            with Server(hold) as target, two_hops(realm, target.flag, words, words) as hops:
                clients = [hops[0].connect() for _ in range(3)]
                for client in clients:
                    assert read_exactly(client, 5) == b"hello"
                    client.sendall(b"some bytes")
                time.sleep(0.2)
                os.kill(hops[victim].pid, signal.SIGKILL)
                hops[victim].process.wait(10)
                # The kernel closes the dead one's sockets with FIN: toward plain TCP that is all there is to see of it.
                ours = [was_reset(client) for client in clients]
                until(lambda: len(seen) == 3, "the target sees the ends")
                survivor = hops[1 - victim]
                lines = until(lambda: len(survivor.output) >= 3 and list(survivor.output), "the survivor's access log")
                side = "target" if victim == 1 else "client"
                for line in lines:
                    assert re.search(f"ending={side}-(tls-truncated|reset) ", line), line
                if victim == 1:
                    assert ours == [True] * 3, f"{kind}: clients saw a clean end of a killed hop: {ours}"
                else:
                    assert seen == [True] * 3, f"{kind}: targets saw a clean end of a killed hop: {seen}"


def cut_without_close_notify(realm, kind=()):
    """A TLS client that ends its TCP stream without close_notify, between records and inside one; TLS 1.2 and 1.3."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for inside in (False, True):
            seen = []

            def hold(end):
                end.sendall(b"hello")
                with contextlib.suppress(ConnectionResetError):
                    seen.append(("end", read_all(end)))
                    return
                seen.append(("reset", b""))

            with Server(hold) as target, tunnel_server(realm, target.flag, *kind, "-access-log", "-") as warren:
                context = client_context(realm, realm.client, lowest=version, highest=version)
                end = shake(context, warren.address())
                assert end.recv(5) == b"hello"
                end.sendall(b"some bytes")
                raw = socket.socket(fileno=end.detach())
                raw.settimeout(DEADLINE)
                if inside:
                    raw.sendall(bytes([23, 3, 3, 0, 100]) + b"x" * 20)
                raw.shutdown(socket.SHUT_WR)
                was_reset(raw)
                raw.close()
                until(lambda: seen, "the target sees an end")
                assert seen[0][0] == "reset", f"{version.name}, inside a record: {inside}: the target saw a clean end"
                line = until(lambda: list(warren.output), "the access log")[0]
                assert "ending=client-tls-truncated" in line, line


def key_updates(realm, kinds=KINDS, keeper=None):
    """openssl s_client updates its keys, and asks for ours, in the middle of a stream (K and k). `keeper`: who has the records, by
    the access log."""
    for kind in kinds:
        heard = []

        def mirror(end):
            with end:
                while data := end.recv(65536):
                    heard.append(data)
                    end.sendall(data)

        with Server(mirror) as target, tunnel_server(realm, target.flag, *kind) as warren:
            process = subprocess.Popen(
                s_client_words(realm, warren.address(), "-tls1_3", "-msg", identity=realm.client,
                               commands=True), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            output = []
            reader = threading.Thread(target=lambda: [output.append(piece) for piece in iter(
                lambda: process.stdout.read1(65536), b"")], daemon=True)
            reader.start()
            try:
                until(lambda: b"NewSessionTicket" in b"".join(output), "the handshake of s_client")
                expected = b""
                for number in range(20):
                    line = f"line {number} ".encode() + b"x" * 500 + b"\n"
                    expected += line
                    for word, sign in ((line, None), (b"K\n" if number % 2 else b"k\n", b"KEYUPDATE")):
                        # s_client takes one read of its input for a command or for data.
                        process.stdin.write(word)
                        process.stdin.flush()
                        if sign is None:
                            until(lambda: b"".join(heard) == expected, f"line {number}: {b''.join(output)[-500:]}")
                        else:
                            until(lambda: b"".join(output).count(sign) > number, f"update {number}")
                # After the last update in both directions, bytes both ways.
                process.stdin.write(b"the last line\n")
                process.stdin.flush()
                until(lambda: b"the last line\n" in b"".join(output), f"the echo after key updates, {kind}")
                updates = b"".join(output)
                answers = updates.count(b"<<< TLS 1.3, Handshake [length 0005], KeyUpdate")
                assert answers == 10, f"Warren answered {answers} of 10 requests"
                process.stdin.close()
                process.wait(10)
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
                reader.join(5)
            counters = settled(warren)
            assert counters["client_handshakes"] == 1 and counters["broken"] == 0, counters
            assert keeper is None or f"/{keeper}/" in warren.output[0], warren.output


def renegotiation(realm):
    """TLS 1.2 and the letter R of s_client: refused, and the tunnel is over for it or goes on, but never renegotiated."""
    def mirror(end):
        with end, contextlib.suppress(ConnectionResetError):
            while data := end.recv(65536):
                end.sendall(data)

    with Server(mirror) as target, tunnel_server(realm, target.flag, "-access-log", "-") as warren:
        process = subprocess.Popen(
            s_client_words(realm, warren.address(), "-tls1_2", "-msg", identity=realm.client, commands=True),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = []
        reader = threading.Thread(target=lambda: [output.append(piece) for piece in iter(
            lambda: process.stdout.read1(65536), b"")], daemon=True)
        reader.start()
        try:
            process.stdin.write(b"hello\n")
            process.stdin.flush()
            until(lambda: b"hello\n" in b"".join(output), "the first echo")
            process.stdin.write(b"R\n")
            process.stdin.flush()
            until(lambda: b"RENEGOTIATING" in b"".join(output), "s_client asks")
            until(lambda: process.poll() is not None or b"no_renegotiation" in b"".join(output), "the answer")
        finally:
            process.kill()
            process.wait()
            reader.join(5)
        said = b"".join(output).decode("utf-8", "replace")
        assert "no_renegotiation" in said, said[-1500:]
        assert said.count("<<< TLS 1.2, Handshake [length 0004], ServerHelloDone") <= 1, "a second handshake took place"
        counters = settled(warren)
        assert counters["client_handshakes"] == 1, counters
        print("renegotiation:", re.search(r"ending=\S+", warren.output[0]).group())


@contextlib.contextmanager
def s_server(realm, version):
    """`openssl s_server` as a target, its letters (K, k, R) in force; it tells messages in the file `messages`."""
    port = free_port()
    messages = os.path.join(realm.place, f"messages-{port}")
    with Peer("openssl", "s_server", "-accept", f"127.0.0.1:{port}", version, "-msg", "-msgfile", messages, "-Verify", "3",
              "-verify_return_error", "-CAfile", realm.authority.cert, "-cert", realm.server.cert, "-key", realm.server.key,
              port=port, stdin=subprocess.PIPE) as peer:
        peer.flag = f"127.0.0.1:{port}"
        peer.count = lambda pattern: len(re.findall(pattern, pathlib.Path(messages).read_text()))
        yield peer


def key_updates_of_a_target(realm, kinds=KINDS):
    """openssl s_server updates its keys (k), or both sides' (K), while the client sends all the time: not a byte is lost."""
    for kind in kinds:
        with s_server(realm, "-tls1_3") as peer, tunnel_client(realm, peer.flag, *kind) as warren:
            with warren.connect() as client:
                sent, over = [], threading.Event()

                def send():
                    while not over.is_set():
                        line = f"line {len(sent)} of the client ".encode() + b"x" * 900 + b"\n"
                        client.sendall(line)
                        sent.append(line)
                        time.sleep(0.001)

                sender = threading.Thread(target=send, daemon=True)
                sender.start()
                peer.says("line 9 of the client")
                for number in range(20):
                    # s_server takes one read of its input for a command or for data.
                    peer.process.stdin.write(b"K\n" if number % 2 else b"k\n")
                    until(lambda: peer.count(">>> TLS 1.3, Handshake .*KeyUpdate") > number, f"update {number}")
                    word = f"line {number} of the target\n".encode()
                    peer.process.stdin.write(word)
                    assert read_exactly(client, len(word)) == word
                over.set()
                sender.join(DEADLINE)
                client.sendall(b"the last line\n")
                peer.says("the last line$")
                answers = until(lambda: peer.count("<<< TLS 1.3, Handshake .*KeyUpdate"), "an answer")
                assert answers == 10, f"Warren answered {answers} of 10 requests"
                # What s_server says itself may stand in the middle of a line of ours.
                heard = re.sub(r"SSL_do_handshake -> 1\n|Read BLOCK\n", "", peer.text()).encode()
                assert b"".join(sent) + b"the last line" in heard, "the target did not get what the client sent"
            counters = settled(warren)
            assert counters["target_handshakes"] == 1 and counters["broken"] == 0, counters


def renegotiation_by_a_target(realm):
    """s_server asks for another handshake over TLS 1.2 (R): refused by an alert, and no second handshake takes place."""
    with s_server(realm, "-tls1_2") as peer, tunnel_client(realm, peer.flag, "-access-log", "-") as warren:
        with warren.connect() as client:
            client.sendall(b"hello\n")
            peer.says("^hello$")
            peer.process.stdin.write(b"R\n")
            until(lambda: peer.count(">>> TLS 1.2, Handshake .*HelloRequest"), "the target asks")
            until(lambda: peer.count("<<< TLS 1.2, Alert .*no_renegotiation"), "the refusal")
            # That is more than s_server takes: it ends the session with an alert of its own.
            assert was_reset(client), "the client saw a clean end"
        line = until(lambda: list(warren.output), "the access log")[0]
        assert re.search(r"ending=target-(tls-peer_alert|reset) ", line), line
        assert peer.count("Handshake .*ClientHello") == 1, "a second handshake took place"
        assert settled(warren)["target_handshakes"] == 1


PARTS = (half_closes, truncations, cut_without_close_notify, key_updates, key_updates_of_a_target, renegotiation,
         renegotiation_by_a_target)


def run():
    with folder() as place:
        realm = Realm(place)
        for part in PARTS:
            part(realm)


if __name__ == "__main__":
    scenario(run)
