"""What a mesh costs as it grows: rules that a sidecar has to know, services that an agent has to keep."""

import http.client
import json
import threading
import time
from pathlib import Path

from . import measures
from .load import LoadFailure
from .processes import resident_bytes

#: Changes that are timed at each size.
CHANGES = 40


class Api:
    """One kept connection to an agent's HTTP API."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address, timeout=60)

    def ask(self, method, path, body=None):
        try:
            self.connection.request(method, path, None if body is None else json.dumps(body))
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise LoadFailure(f"the agent's API, {method} {path}: {error}") from error
        if answer.status != 200:
            raise LoadFailure(f"the agent's API, {method} {path}: {answer.status} {text[:200].decode(errors='replace')}")
        return answer, text

    def close(self):
        self.connection.close()


def cpu_seconds(pids):
    """CPU of processes so far, of all their threads, as the scheduler accounts it: finer than the ticks of /proc/PID/stat."""
    total = 0
    for pid in pids:
        for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(file.read_text().split()[0])
    return total / 1e9


def intentions(bench, row, deployment):
    """New tunnels to a service that so many rules name (Variant.rules); its sidecar decides each of them."""
    # What the sidecars do when they start is not to fall into the window.
    time.sleep(0.5)
    return measures.connect(bench, row, deployment)


def register(api, number, tag=""):
    api.ask("PUT", "/v1/agent/service/register", {
        "Name": f"service-{number}", "ID": f"service-{number}", "Port": 1000 + number % 60_000,
        "Tags": [tag] if tag else []})


def services(bench, row, deployment):
    """An agent that keeps so many services: what one more registration costs it, what a query, and how soon who waits for a
    change of one of them hears of it."""
    api, watcher = Api(deployment.api), Api(deployment.api)
    pids = deployment.agent_pids()
    count = row.settings["services"]
    try:
        for number in range(count):
            register(api, number)
        time.sleep(1.0)
        begin = cpu_seconds(pids)
        for number in range(200):
            register(api, number % count, f"round-{number}")
        registered = cpu_seconds(pids)
        for number in range(200):
            api.ask("GET", f"/v1/health/service/service-{number % count}")
        answered = cpu_seconds(pids)
        noticed = sorted(notice(api, watcher, number) for number in range(CHANGES))
    finally:
        api.close()
        watcher.close()
    return {"register_us": (registered - begin) / 200 * 1e6, "answer_us": (answered - registered) / 200 * 1e6,
            "notice_ms": noticed[len(noticed) // 2] * 1e3, "agent_rss_mb": resident_bytes(pids) / 1e6}


def notice(api, watcher, number):
    """Seconds from the moment a change is sent until a blocking query for it has its answer."""
    path = "/v1/health/service/service-0"
    index = api.ask("GET", path)[0].headers["X-Consul-Index"]
    heard = []

    def wait():
        watcher.ask("GET", f"{path}?index={index}&wait=20s")
        heard.append(time.monotonic())

    waiting = threading.Thread(target=wait)
    waiting.start()
    # The query has to be under way before the change; a loopback request is within milliseconds.
    time.sleep(0.01)
    begin = time.monotonic()
    register(api, 0, f"change-{number}")
    waiting.join(30)
    if not heard:
        raise LoadFailure("a blocking query did not hear of a change")
    return heard[0] - begin
