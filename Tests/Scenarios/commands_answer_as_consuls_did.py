"""Every recorded command of Consul 1.9.17 that Warren has, in the recorded order, against a Warren agent."""

import json
import re

from commands.agent import Agent, command
from commands.recorded import Recording, compare, names

# The files that the recorded commands were given.
FILES = {
    "ixn.json": {"SourceName": "f", "DestinationName": "g", "Action": "allow"},
    "ca.json": {"Provider": "consul", "Config": {"LeafCertTTL": "72h", "RotationPeriod": "2160h"}},
    "cabad.json": {"Provider": "bogus", "Config": {}},
    "canot.json": "{{",
    "svc.json": {"service": {"name": "cli-web", "port": 8090}},
    "svc2.json": {"services": [{"name": "cli-m1", "port": 8091}, {"name": "cli-m2", "port": 8092}]},
    "badjson.json": '{"service": ',
    "plain.txt": {"log_level": "INFO"},
    "conf/a.json": {"service": {"name": "web"}},
    "badconf/a.json": {"bogus_key": 1},
}

# What has to come in an order: it changes what the next commands see.
ORDER = """
    intention-match-none intention-create intention-create-duplicate intention-create-replace-deny
    intention-create-meta intention-create-file intention-check-allowed intention-check-denied intention-get
    intention-get-meta intention-get-missing intention-list intention-match-destination intention-match-source
    intention-delete intention-delete-missing intention-delete-2 intention-delete-3
    maint-status maint-enable-service maint-list maint-disable-service maint-enable-node maint-list-node
    maint-disable-node
    connect-ca-get-config connect-ca-set-config
    services-register-file services-deregister-file services-register-multi services-deregister-multi
    services-register-flags services-deregister-id
    reload
""".split()


def first_line(text):
    return text.split("\n", 1)[0]


def shape(text):
    """Which lines there are, not what numbers they say."""
    return "\n".join(re.sub(r"=.*", "=", line) for line in text.split("\n"))


def without_raft(text):
    """What only raft, gossip and the Go runtime have to tell: Warren has none of them and adds lines of its own."""
    groups = re.findall(r"^(\w+):\n((?:\t.*\n?)*)", shape(text), re.MULTILINE)
    kept = {name: lines for name, lines in groups if name in ("agent", "build", "consul")}
    return json.dumps(kept, indent=1)


def as_data(text):
    """JSON without the order of keys, and without check definitions, which Consul's command fills up with its defaults."""
    def strip(value):
        if isinstance(value, dict):
            return {key: strip(inner) for key, inner in value.items() if key != "Definition"}
        return [strip(inner) for inner in value] if isinstance(value, list) else value

    return json.dumps(strip(json.loads(text.replace(": N", ': "N"'))), indent=1, sort_keys=True) if text else text


# Differences that docs/COMPATIBILITY.md gives the reasons for.
BUT = {
    "catalog-bad-flag": first_line,
    "info": without_raft,
    "members-detailed": lambda text: re.sub(r"ft_\w+=1,", "", text),
    "validate-bad-json": lambda text: re.sub(r" \(line \d+, column \d+\)", "", text),
    "watch-service": as_data,
}

ENVIRONMENTS = {
    "env-http-addr": lambda agent: {"CONSUL_HTTP_ADDR": "127.0.0.1:1"},
    "env-http-addr-url": lambda agent: {"CONSUL_HTTP_ADDR": f"http://{agent.address}"},
    "env-token": lambda agent: {"CONSUL_HTTP_ADDR": agent.address, "CONSUL_HTTP_TOKEN": "a-token"},
}


def run():
    told = [name for name in names() if not name.startswith(("help-", "config-"))]
    assert set(ORDER) <= set(told) and set(BUT) <= set(told)
    with Agent() as agent:
        # Beside the agent's own files: those of the commands must not be its configuration.
        place = agent.folder / "files"
        for name, content in FILES.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(content if isinstance(content, str) else json.dumps(content))
        for name in [name for name in told if name not in ORDER] + ORDER:
            recording = Recording(name)
            more = ENVIRONMENTS.get(name, lambda agent: {"CONSUL_HTTP_ADDR": agent.address})(agent)
            compare(recording, command(*recording.words, cwd=place, **more), BUT.get(name))
    print(f"{len(told)} recordings")
