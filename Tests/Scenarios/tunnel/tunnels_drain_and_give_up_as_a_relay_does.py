"""What a relay does, a tunnel does in TLS, in either role: SIGTERM drains; idle, half-closed and old tunnels are given up in
time, by a reset."""

import socket
import struct
import time

from tunnel_support import (
    Realm, Server, connect, digest, echo, echoes, folder, hung_up, payload, read_all, read_exactly, scenario, settled, trade,
    two_hops_with, until, was_reset)


def watched(seen):
    """A target that echoes, and notes whether its connection was reset."""
    def serve(end):
        try:
            while data := end.recv(65536):
                end.sendall(data)
            seen.append(False)
        except ConnectionResetError:
            seen.append(True)
    return serve


def given_up(client, hop, ending, seen, least, most):
    """Both plain ends are reset, the client's after so many seconds; the hop says why."""
    begin = time.monotonic()
    assert was_reset(client), f"{ending}: the client saw a clean end"
    took = time.monotonic() - begin
    assert least < took < most, f"{ending} took {took:.2f} s"
    assert until(lambda: seen, f"{ending}: the target sees an end") == [True], f"{ending}: the target saw a clean end"
    until(lambda: hop.matching(f"ending={ending} ", hop.output), f"{ending} in {hop.output}")


def is_open(address):
    try:
        connect(address).close()
        return True
    except ConnectionRefusedError:
        return False


def drain(realm, role):
    with Server(trade) as target, two_hops_with(realm, target.flag, role) as (outer, hop):
        size = 6_000_000
        data = payload(size)
        with outer.connect() as client:
            client.sendall(struct.pack(">Q", size) + data[:size // 2])
            until(lambda: hop.counters()["bytes_forward"] > 0, "the transfer is under way")
            hop.terminate()
            hop.says("draining")
            until(lambda: not is_open(hop.address()), "the listener is closed")
            client.sendall(data[size // 2:])
            assert read_exactly(client, 64).decode() == digest(data), f"{role}: something else arrived"
            assert read_exactly(client, size) == payload(size, seed=size + 7), f"{role}: something else came back"
            assert hop.process.poll() is None, "gone while a tunnel is open"
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""
        assert hop.ends() == 0
        assert "live=0" in hop.says("ended") and hop.matching("ending=complete", hop.output), hop.output
    for flags, again, least in ((("-drain-timeout", "700ms"), False, 0.4), ((), True, -1)):
        seen = []
        with Server(watched(seen)) as target, two_hops_with(realm, target.flag, role, *flags) as (outer, hop):
            with outer.connect() as client:
                assert echoes(client)
                hop.terminate()
                if again:
                    hop.says("draining")
                    hop.terminate()
                given_up(client, hop, "drained", seen, least, 5)
            assert hop.ends() == 0


def idle(realm, role):
    seen = []
    with Server(watched(seen)) as target, two_hops_with(realm, target.flag, role, "-idle-timeout", "1s") as (outer, hop):
        with outer.connect() as client:
            for _ in range(5):
                assert echoes(client), "given up though bytes moved"
                time.sleep(0.3)
            given_up(client, hop, "idle-timeout", seen, 0.3, 5)


def half_closed(realm, role):
    """The client ends first, then the target; each byte of the other counts. The hop's own neighbour must see a reset."""
    flags = ("-half-close-timeout", "1s", "-idle-timeout", "60s")
    seen = []

    def drip(end):
        read_all(end)
        slowly(end)
        seen.append(hung_up(end))

    with Server(drip) as target, two_hops_with(realm, target.flag, role, *flags) as (outer, hop):
        with outer.connect() as client:
            client.shutdown(socket.SHUT_WR)
            assert read_exactly(client, 5) == b"xxxxx"
            begin = time.monotonic()
            assert was_reset(client), "the client saw a clean end"
            assert 0.5 < time.monotonic() - begin < 5
            assert until(lambda: seen, "the target has waited")[0], "the target was left waiting"
        until(lambda: hop.matching("ending=half-close-timeout ", hop.output), f"the reason in {hop.output}")

    def first(end):
        end.shutdown(socket.SHUT_WR)
        read_exactly(end, 5)
        begin = time.monotonic()
        seen.append((was_reset(end), time.monotonic() - begin))

    seen.clear()
    with Server(first) as target, two_hops_with(realm, target.flag, role, *flags) as (outer, hop):
        with outer.connect() as client:
            assert client.recv(1) == b"", "the target's end did not arrive"
            slowly(client)
            assert hung_up(client), "the client was left waiting"
            broken, took = until(lambda: seen, "the target sees an end")[0]
            assert broken and 0.5 < took < 5, f"the target saw a reset: {broken}, after {took:.2f} s"
        until(lambda: hop.matching("ending=half-close-timeout ", hop.output), f"the reason in {hop.output}")


def slowly(end):
    for _ in range(5):
        time.sleep(0.3)
        end.sendall(b"x")


def lifetime(realm, role):
    with Server(echo) as target, two_hops_with(realm, target.flag, role, "-max-lifetime", "2s") as (outer, hop):
        begun = time.monotonic()
        with outer.connect() as quiet, outer.connect() as busy:
            assert echoes(quiet)
            while time.monotonic() < begun + 4:
                assert echoes(busy), "a busy tunnel is cut in the middle"
                time.sleep(0.05)
            assert len(hop.matching("ending=lifetime ", hop.output)) == 1, f"the quiet one ends on time: {hop.output}"
            assert was_reset(quiet) and was_reset(busy), "an old one ended in order"
        until(lambda: len(hop.matching("ending=lifetime ", hop.output)) == 2, "two lines")
        settled(hop)


def run():
    with folder() as place:
        realm = Realm(place)
        for role in ("server", "client"):
            for part in (drain, idle, half_closed, lifetime):
                part(realm, role)


if __name__ == "__main__":
    scenario(run)
