"""`warren config` against an agent that answers what Consul 1.9.17 answered; Warren's own has no such entries yet."""

import json
import pathlib

from commands.agent import Canned
from commands.recorded import Recording, compare, names
from support import ROOT, folder

EXCHANGES = ROOT / "Tests/GoldenTests/Recordings/v1.9/config-entries"
PREFIX = "/v1/config/service-defaults"

# The entries in JSON; Consul's recorded runs had some of them in HCL, which Warren does not read.
FILES = {
    "sd.hcl": {"Kind": "service-defaults", "Name": "service2", "Protocol": "http"},
    "sr.json": {"Kind": "service-resolver", "Name": "service2", "ConnectTimeout": "15s"},
    "bad.hcl": {"Kind": "bogus", "Name": "x"},
}
STDIN = json.dumps({"kind": "service-defaults", "name": "aa"}).encode()


def answers(*exchanges):
    """What these recorded exchanges tell, by method and target."""
    told = {}
    for name in exchanges:
        exchange = json.loads((EXCHANGES / f"{name}.json").read_text())
        answer = exchange["response"]
        text = answer["body_text"] if "body_text" in answer else json.dumps(answer["body"])
        told[exchange["request"]["method"], exchange["request"]["path"]] = (answer["status"], text)
    return told


def run():
    told = answers(
        "get-missing", "get-service-defaults", "list-bad-kind", "list-service-defaults", "delete-ok",
        "put-service-defaults")
    [empty] = answers("list-empty").values()
    deleted = told["DELETE", f"{PREFIX}/service2"]
    told["DELETE", f"{PREFIX}/aa"] = told["DELETE", "/v1/config/service-resolver/service2"] = deleted
    # The recorded exchanges asked about other entries of the same kinds.
    told["GET", "/v1/config/service-router"] = empty
    with folder() as place, Canned(told) as agent:
        for name, content in FILES.items():
            (pathlib.Path(place) / name).write_text(json.dumps(content))
        for name in names("config-"):
            recording = Recording(name)
            compare(recording, agent.run(*recording.words, cwd=place, stdin=STDIN))
        puts = [json.loads(body) for method, _, _, body in agent.requests if method == "PUT"]
        assert sorted(map(json.dumps, puts)) == sorted(map(json.dumps, [
            FILES["sd.hcl"], FILES["sr.json"], json.loads(STDIN)])), puts

        told["PUT", "/v1/config?cas=7"] = (200, "false")
        stale = agent.run("config", "write", "-cas", "-modify-index=7", "sd.hcl", cwd=place)
        assert (stale.status, stale.stderr) == (1, "Config entry not updated: service-defaults/service2\n"), stale
