"""An upstream that listens on a unix socket, in a managed sidecar, a later one and one by flags: callers on the socket reach the
target, other accounts do not get in unless the mode says so, and a changed mode acts on the live socket."""

import http.client
import os
import socket
import stat

import agents
from support import Warren, folder, free_port, until


def run():
    with folder() as path, agents.Hello() as hello:
        os.chmod(path, 0o755)
        sockets = [os.path.join(path, name) for name in ("managed.sock", "sidecar.sock", "flags.sock")]

        def managed(mode):
            return {"service": {"name": "one", "port": free_port(), "connect": {"proxy": {"config": {"upstreams": [{
                "destination_name": "target", "local_bind_socket_path": sockets[0], "local_bind_socket_mode": mode}]}}}}}

        files = {"one.json": managed("0600"),
                 "two.json": {"service": {"name": "two", "port": free_port(), "connect": {"sidecar_service": {"proxy": {
                     "upstreams": [{"destination_name": "target", "local_bind_socket_path": sockets[1]}]}}}}},
                 "target.json": agents.service("target", hello.port)}
        with agents.Agent(path, files) as agent, Warren(
                "proxy", "-http-addr", f"127.0.0.1:{agent.http}", "-service", "three",
                "-upstream", f"target:unix:{sockets[2]}", command="connect", wait=False):
            for place in sockets:
                assert until(lambda: fetched(place), f"{place} answers") == "hello, world!\n"
            assert [mode(place) for place in sockets] == [0o600, 0o660, 0o660]
            if os.geteuid() == 0:
                assert [opens(place) for place in sockets] == [False] * 3, "another account is kept out"
            pids = agent.sidecar_pids()
            agent.write("one.json", managed("0666"))
            agent.reload()
            until(lambda: mode(sockets[0]) == 0o666, "the mode is changed")
            assert opens(sockets[0]) and fetched(sockets[0]) == "hello, world!\n"
            assert agent.sidecar_pids() == pids
            shown = agent.get("/v1/agent/service/two-sidecar-proxy")["Proxy"]["Upstreams"][0]
            assert shown["LocalBindSocketPath"] == sockets[1] and "LocalBindSocketMode" not in shown, shown
            agent.write("one.json", {"service": {"name": "one", "port": 1, "connect": {"proxy": {}}}})
            agent.reload()
            until(lambda: not os.path.exists(sockets[0]), "the socket goes with its upstream")


def mode(place):
    return stat.S_IMODE(os.stat(place).st_mode)


def fetched(place):
    class Connection(http.client.HTTPConnection):
        def connect(self):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(5)
            self.sock.connect(place)

    connection = Connection("localhost")
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def opens(place):
    """Whether an account that owns nothing here may connect; where this is one already, whether it may itself."""
    # A child without exec: the program that runs this may lie where others cannot read.
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            with socket.socket(socket.AF_UNIX) as end:
                end.connect(place)
            status = 0
        except PermissionError:
            pass
        except BaseException:
            status = 2
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 1), "neither let in nor turned away for want of permission"
    return status == 0
