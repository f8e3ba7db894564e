"""kill -9 at moments of chance: every change that was acknowledged is there afterwards, file-declared services' checks included."""

import http.client
import json
import os
import random
import signal
import threading
import time

import agents
from support import folder, until

FILES = {"web.json": {"service": {"name": "web", "port": 80, "check": {"id": "own", "name": "own", "ttl": "1h"}}}}


def run():
    seed = int(os.environ.get("WARREN_SEED", "0")) or random.randrange(1 << 32)
    print(f"WARREN_SEED={seed}")
    dice = random.Random(seed)
    with folder() as path, agents.Agent(path, FILES, data=path + "/data") as agent:
        # What belongs to a service that a file declares.
        agent.put("/v1/agent/check/register", {"ID": "extra", "Name": "extra", "ServiceID": "web", "TTL": "1h"})
        agent.put("/v1/agent/check/pass/extra?note=fine")
        agent.put("/v1/agent/check/warn/own?note=slow")
        agent.put("/v1/agent/service/maintenance/web?enable=true&reason=upgrade")
        # And to no agent at all.
        agent.put("/v1/catalog/register", {
            "Node": "far", "Address": "10.0.0.9", "NodeMeta": {"a": "b"},
            "Service": {"ID": "db-1", "Service": "db", "Port": 5432},
            "Check": {"Name": "alive", "Status": "passing", "ServiceID": "db-1"}})
        checks = agent.get("/v1/agent/checks")
        assert len(checks) == 3, checks

        told = Told()
        for _ in range(5):
            writer = threading.Thread(target=told.write, args=(agent.http,))
            told.going = True
            writer.start()
            # Some changes at least, and then any moment.
            enough = told.number + 6
            until(lambda: told.number >= enough, "the agent takes changes")
            time.sleep(dice.uniform(0, 0.2))
            agent.signal(signal.SIGKILL)
            agent.ends()
            told.going = False
            writer.join(20)
            assert not writer.is_alive()
            agent.start()
            services = agent.get("/v1/agent/services")
            lost = [name for name in told.services if name not in services]
            assert not lost, f"acknowledged and lost: {lost}"
            back = [name for name in told.gone if name in services]
            assert not back, f"removed, acknowledged, and back: {back}"
            rules = {rule["SourceName"] for rule in agent.get("/v1/connect/intentions")}
            assert told.rules <= rules, told.rules - rules
            # A reader saw nothing that is gone.
            assert told.seen <= set(services) | told.gone | told.leaving, told.seen - set(services)
            assert agent.get("/v1/agent/checks") == checks
            far = agent.get("/v1/health/service/db")[0]
            assert far["Node"]["Address"] == "10.0.0.9" and far["Node"]["Meta"] == {"a": "b"}, far
            assert [check["Status"] for check in far["Checks"]] == ["passing"], far

        agent.put("/v1/catalog/deregister", {"Node": "far"})
        agent.put("/v1/agent/service/maintenance/web?enable=false")
        agent.signal(signal.SIGKILL)
        agent.ends()
        agent.start()
        assert agent.get("/v1/health/service/db") == []
        assert set(agent.get("/v1/agent/checks")) == {"own", "extra"}
        print(f"{len(told.services)} registrations, {len(told.rules)} intentions, {len(told.seen)} seen by readers")


class Told:
    """What the agent acknowledged, one change after the other, until it is gone."""

    def __init__(self):
        self.number, self.going = 0, False
        self.services, self.gone, self.rules, self.seen = set(), set(), set(), set()
        # Removed, but not acknowledged: either is right.
        self.leaving = set()

    def write(self, port):
        reader = threading.Thread(target=self._read, args=(port,), daemon=True)
        reader.start()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            while self.going:
                self.number += 1
                name = f"s{self.number}"
                self._put(connection, "PUT", "/v1/agent/service/register", {"Name": name, "Port": 1})
                self.services.add(name)
                self._put(connection, "POST", "/v1/connect/intentions", {
                    "SourceName": name, "DestinationName": "web", "Action": "deny"})
                self.rules.add(name)
                if self.number % 3 == 0:
                    self.services.discard(name)
                    self.leaving.add(name)
                    self._put(connection, "PUT", f"/v1/agent/service/deregister/{name}", None)
                    self.gone.add(name)
        except (OSError, http.client.HTTPException):
            pass
        reader.join(10)

    def _put(self, connection, method, path, body):
        connection.request(method, path, body=None if body is None else json.dumps(body))
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, (path, answer.status)

    def _read(self, port):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            while self.going:
                connection.request("GET", "/v1/agent/services")
                self.seen |= set(json.loads(connection.getresponse().read()))
        except (OSError, http.client.HTTPException, ValueError):
            pass
