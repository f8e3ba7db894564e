"""Runs in a virtual machine as its first process: sets up what it needs, tries kernel TLS out, tells, and ends the machine.

"stable" is a kernel that cannot change keys: there Warren has to say so, and to go on without it. "backported" can.
"""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import re
import resource
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE / "Scenarios"), str(HERE / "Scenarios/tunnel")]
os.environ.update(WARREN="/bin/warren", WARREN_DEADLINE="60", PATH="/usr/bin:/bin", HOME="/tmp")


def prepare():
    library = ctypes.CDLL(None, use_errno=True)
    for kind, place in ((b"proc", b"/proc"), (b"sysfs", b"/sys"), (b"devtmpfs", b"/dev")):
        library.mount(kind, place, kind, 0, None)
    for path in sorted(pathlib.Path("/modules").glob("*.ko")):
        with open(path) as file:
            if library.syscall(313, file.fileno(), b"", 0) != 0:  # finit_module(2)
                print(f"{path.name}: {os.strerror(ctypes.get_errno())}")
    with socket.socket() as any_one:
        request = struct.pack("16sh14x", b"lo", 1)  # SIOCSIFFLAGS, IFF_UP
        fcntl.ioctl(any_one, 0x8914, request)
    resource.setrlimit(resource.RLIMIT_NOFILE, (65536, 65536))
    return library


library = prepare()

from tunnel_support import (  # noqa: E402
    DEADLINE, Realm, Server, client_context, digest, flag, folder, payload, read_all, read_exactly, s_client_words, settled,
    shake, trade, trade_with, tunnel_client, tunnel_server, two_hops, until, was_reset)
import half_closes_truncations_and_key_updates_cross_two_hops as ends  # noqa: E402

KTLS = ("-ktls", "auto", "-access-log", "-")
AT_ONCE = (*KTLS, "-splice", "always")
UNLOGGED = ("-ktls", "auto", "-splice", "always")
OFF = ("-access-log", "-")


def logged(warren, count=1):
    return until(lambda: len(warren.output) >= count and list(warren.output), "the access log")


def word(line, key):
    return re.search(rf"{key}=(\S+)", line).group(1)


def keeper(line):
    """Who protected the records, by the access log."""
    return (re.search(r"(?:client|target)_tls=(\S+)", line).group(1)).split("/")[2]


def says_so():
    said = subprocess.run(["/bin/warren", "version"], capture_output=True, text=True, timeout=60).stdout
    print(said.splitlines()[-1])
    return said


def the_version_says_that_it_is_usable(realm):
    assert "Kernel TLS usable" in says_so()


def the_version_says_that_keys_cannot_be_changed(realm):
    said = says_so()
    assert "Kernel TLS not usable: this kernel cannot change keys" in said, said


def bulk_is_whole_and_spliced_with_the_kernel_at_both_ends_or_one(realm):
    for server, client in ((KTLS, KTLS), (KTLS, OFF), (OFF, KTLS), (AT_ONCE, AT_ONCE)):
        with Server(trade) as target, two_hops(realm, target.flag, server, client) as (outer, inner):
            for size in (0, 1, 70_000, 8_000_000):
                with outer.connect() as end:
                    trade_with(end, size)
            for warren, words in ((outer, client), (inner, server)):
                line = logged(warren, 4)[3]
                assert word(line, "ending") == "complete", line
                assert keeper(line) == ("kernel" if words is not OFF else "detached"), line
                if words is not OFF:
                    assert word(line, "path") == "splice/splice" and int(word(line, "bytes_spliced")) > 4_000_000, line
            sums = settled(inner)
            assert sums["broken"] == 0 and (sums["client_kernel"] > 0) == (server is not OFF), sums


def small_tunnels_stay_out_of_the_kernel(realm):
    with Server(trade) as target, two_hops(realm, target.flag, KTLS, KTLS) as (outer, inner):
        with outer.connect() as end:
            for _ in range(20):
                trade_with(end, 2000)
        assert keeper(logged(outer)[0]) == keeper(logged(inner)[0]) == "detached"


def half_closes_cross(realm):
    ends.half_closes(realm, (UNLOGGED, UNLOGGED[:2]))


def truncations_are_resets(realm):
    ends.truncations(realm, (UNLOGGED,))
    ends.cut_without_close_notify(realm, UNLOGGED)


def key_updates_go_unnoticed(realm):
    ends.key_updates(realm, (AT_ONCE,), keeper="kernel")


def a_wrong_record_ends_the_tunnel_and_says_so(realm):
    with Server(lambda end: (end.sendall(b"hello"), was_reset(end))) as target:
        with tunnel_server(realm, target.flag, *AT_ONCE) as warren:
            end = shake(client_context(realm, realm.client), warren.address())
            assert end.recv(5) == b"hello"
            for _ in range(3):
                end.sendall(b"some bytes")
                time.sleep(0.2)
            # What the kernel answers is read by OpenSSL, and what is wrong is written beside it.
            raw = socket.socket(fileno=os.dup(end.fileno()))
            raw.sendall(bytes([23, 3, 3, 0, 100]) + b"x" * 100)
            try:
                end.recv(1)
                raise AssertionError("no alert")
            except ssl.SSLError as error:
                assert "BAD_RECORD_MAC" in str(error), error
            finally:
                raw.close()
                end.close()
            line = logged(warren)[0]
            assert word(line, "ending") == "client-tls-bad_record" and keeper(line) != "detached", line


def other_records_in_the_kernels_queue_wait_their_turn(realm):
    """Data, new keys, data, new keys, an end: all of it has arrived when Warren looks again."""
    heard = []

    def take(end):
        with end:
            while data := end.recv(65536):
                heard.append(data)

    with Server(take) as target, tunnel_server(realm, target.flag, *AT_ONCE) as warren:
        process = subprocess.Popen(
            s_client_words(realm, warren.address(), "-tls1_3", identity=realm.client, commands=True),
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            expected = b""
            for number in range(6):
                data = payload(7000, seed=number).replace(b"\n", b"x") + b"\n"
                expected += b"-" + data
                if number == 3:
                    until(lambda: len(b"".join(heard)) == 3 * 7002, "the first lines")
                    os.kill(warren.pid, signal.SIGSTOP)
                process.stdin.write(b"-" + data)
                process.stdin.flush()
                time.sleep(1)
                if number >= 3:
                    process.stdin.write(b"k\n")
                    process.stdin.flush()
                    time.sleep(1)
            process.stdin.close()
            process.wait(20)
            os.kill(warren.pid, signal.SIGCONT)
            until(lambda: len(b"".join(heard)) >= len(expected), "what waited")
            assert digest(b"".join(heard)) == digest(expected)
            line = logged(warren)[0]
            assert word(line, "ending") == "complete" and keeper(line) == "kernel-received", line
        finally:
            process.kill()
            process.wait()


def the_last_bytes_reach_a_slow_reader(realm):
    """The kernel still holds sealed records when everything was handed to it and the application has ended."""
    data = payload(6_000_000, seed=9)

    def give(end):
        with end:
            assert end.recv(1) == b"?"
            end.sendall(data)

    for words in (KTLS, AT_ONCE):
        with Server(give) as target, tunnel_server(realm, target.flag, *words) as warren:
            for pause in (0.0, 0.3, 1.5):
                raw = socket.socket()
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
                raw.settimeout(DEADLINE)
                raw.connect(warren.address())
                context = client_context(realm, realm.client)
                with context.wrap_socket(raw, server_hostname=realm.server.dns, suppress_ragged_eofs=False) as end:
                    end.sendall(b"?")
                    time.sleep(pause)
                    got = bytearray()
                    # Ends by close_notify, or raises.
                    while piece := end.recv(16384):
                        got += piece
                        if len(got) % 7 == 0:
                            time.sleep(0.002)
                    assert digest(got) == digest(data), f"{len(got)} of {len(data)} bytes"
                    end.unwrap().close()
            for line in logged(warren, 3):
                assert word(line, "ending") == "complete" and keeper(line).startswith("kernel"), line


def a_slow_reader_of_a_mesh_gets_everything(realm):
    def target(end):
        with end:
            time.sleep(1)
            end.sendall(digest(read_all(end)).encode())

    with Server(target) as server, two_hops(realm, server.flag, KTLS, KTLS) as (outer, inner):
        with outer.connect() as end:
            data = payload(20_000_000, seed=4)
            end.sendall(data)
            end.shutdown(socket.SHUT_WR)
            assert read_all(end).decode() == digest(data)
        assert keeper(logged(outer)[0]) == "kernel-sent" and keeper(logged(inner)[0]) == "kernel-received"


def what_the_kernel_does_not_take_goes_on_without_it(realm):
    """A cipher that this kernel has not, and sockets one end of which has ended: they cannot be given keys any more."""
    def many(end):
        with end:
            data = read_all(end)
            end.sendall(payload(int(data), seed=2))

    with Server(many) as target, two_hops(realm, target.flag, KTLS, KTLS) as (outer, inner):
        with outer.connect() as end:
            end.sendall(b"8000000")
            end.shutdown(socket.SHUT_WR)
            assert digest(read_all(end)) == digest(payload(8_000_000, seed=2))
        for warren in (outer, inner):
            line = logged(warren)[0]
            assert word(line, "ending") == "complete" and keeper(line) == "detached", line

    def trade_and_be_reset(end):
        with contextlib.suppress(ConnectionResetError):
            trade(end)

    with Server(trade_and_be_reset) as target, tunnel_server(realm, target.flag, *AT_ONCE) as warren:
        process = subprocess.Popen(
            s_client_words(realm, warren.address(), "-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256",
                           identity=realm.client), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        try:
            data = payload(100_000, seed=3)
            process.stdin.write(struct.pack(">Q", len(data)) + data)
            process.stdin.flush()
            heard = b""
            while len(heard) < 64 + len(data):
                piece = process.stdout.read1(65536)
                assert piece, "the stream ended"
                heard += piece
            assert heard[:64].decode() == digest(data)
            assert digest(heard[64:]) == digest(payload(len(data), seed=len(data) + 7))
        finally:
            process.stdin.close()
            process.kill()
            process.wait()
        line = logged(warren)[0]
        assert "CHACHA20" in line and keeper(line) == "detached", line


def without_new_keys_the_kernel_is_left_alone(realm):
    with Server(trade) as target, two_hops(realm, target.flag, AT_ONCE, AT_ONCE) as (outer, inner):
        for warren in (outer, inner):
            warren.says("-ktls auto has no effect here: this kernel cannot change keys")
        with outer.connect() as end:
            trade_with(end, 3_000_000)
        assert keeper(logged(outer)[0]) == keeper(logged(inner)[0]) == "detached"
    ends.key_updates(realm, (AT_ONCE,))


PARTS = {
    "stable": (the_version_says_that_keys_cannot_be_changed, without_new_keys_the_kernel_is_left_alone),
    "backported": (
        the_version_says_that_it_is_usable, bulk_is_whole_and_spliced_with_the_kernel_at_both_ends_or_one,
        small_tunnels_stay_out_of_the_kernel, half_closes_cross, key_updates_go_unnoticed,
        other_records_in_the_kernels_queue_wait_their_turn, the_last_bytes_reach_a_slow_reader,
        a_slow_reader_of_a_mesh_gets_everything, truncations_are_resets, a_wrong_record_ends_the_tunnel_and_says_so,
        what_the_kernel_does_not_take_goes_on_without_it),
}


def main():
    name, only = re.search(
        r"warren\.kernel=(\w+):?(\w*)", pathlib.Path("/proc/cmdline").read_text()).groups()
    print(f"{name}: Linux {os.uname().release}", flush=True)
    passed = failed = 0
    with folder() as place:
        realm = Realm(place)
        for part in PARTS[name]:
            if not part.__name__.startswith(only):
                continue
            begin = time.monotonic()
            try:
                part(realm)
                passed += 1
                print(f"passed  {part.__name__} ({time.monotonic() - begin:.0f} s)", flush=True)
            except BaseException:
                failed += 1
                print(f"FAILED  {part.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed", flush=True)


try:
    main()
except BaseException:
    traceback.print_exc()
finally:
    sys.stdout.flush()
    time.sleep(0.5)
    library.reboot(0x01234567)  # reboot(2); the machine is told not to come up again
