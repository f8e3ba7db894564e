"""`ulimit -n 64`: the API takes as many connections as leave room for checks and the store, answers the next 503, and works on."""

import socket

import agents
from support import folder, until


def run():
    with folder() as path:
        agent = agents.Agent(path, {}, data=path + "/data")
        original = agent.command
        # The hard limit too: a soft one alone the agent would raise again.
        agent.command = lambda: ["/bin/sh", "-c", 'ulimit -n 64 && exec "$0" "$@"', *original()]
        with agent:
            ends, refused, told = [], 0, 0
            for _ in range(60):
                end = socket.create_connection(("127.0.0.1", agent.http), timeout=5)
                ends.append(end)
                end.settimeout(0.05)
                try:
                    said = end.recv(200)
                    refused += 1
                    told += b" 503 " in said
                except ConnectionResetError:
                    refused += 1
                except TimeoutError:
                    # Served: the agent waits for the question.
                    pass
            assert refused > 20 and told > 0, f"of 60 {refused} were turned away, {told} with a sentence"
            # Room is left for what the agent does itself: a check's probe, the store.
            for end in ends[:4]:
                end.close()
            until(lambda: works(agent), "the agent answers")
            agent.put("/v1/agent/service/register", {
                "Name": "api", "Port": 1, "Check": {"TCP": f"127.0.0.1:{agent.http}", "Interval": "1s"}})
            until(lambda: agent.check("service:api").get("Status") == "passing", "a check has a descriptor")
            for end in ends:
                end.close()


def works(agent):
    try:
        return agent.ask("GET", "/v1/agent/self")[0] == 200
    except OSError:
        return False
