"""testssl.sh against Warren's server, detached records and attached, with a client's certificate: no finding worse than its INFO."""

import json
import os
import subprocess
import time

from tunnel_support import Realm, Server, folder, free_port, is_full, program, scenario, tunnel_server

# What it cannot know or what is not about the server: its own limits, and a root that no browser knows.
NOT_OURS = {
    "cert_chain_of_trust",  # the root is the scenario's own
    "cert_notAfter", "cert_expirationStatus",  # and its certificates live for days
    "cert_ocsp", "cert_revocation", "cert_crlDistributionPoints", "OCSP_stapling", "cert_caIssuers", "OCSP_RESP_must_staple",
    "cert_extlifeSpan", "DNS_CAArecord",  # the public web's ways
    "optimal_proto", "scanProblem",  # of testssl itself
    "engine_problem", "old_fart",
}
# testssl 3.0 has no flag for a client's certificate. And it looks for a session right after the handshake with an input that has
# ended: s_client then often leaves before the ticket of TLS 1.3 has come, from any server, and testssl warns of a connect
# problem. Half a second of input mends that.
WRAPPER = """#!/bin/sh
[ "$1" = s_client ] || exec openssl "$@"
shift
case " $* " in
*" -sess_out "*) sleep 0.5 | openssl s_client -cert {cert} -key {key} "$@" ;;
*) exec openssl s_client -cert {cert} -key {key} "$@" ;;
esac
"""
GRADES = ("LOW", "MEDIUM", "HIGH", "CRITICAL", "WARN", "FATAL")


def bye(end):
    """Ends with what the client says first: testssl takes it for a service it does not know."""
    with end:
        try:
            end.recv(65536)
        except OSError:
            pass


def look(testssl, place, realm, target, wrapper, records):
    port = free_port()
    with tunnel_server(realm, target.flag, "-handshake-timeout", "5s", "-records", records,
                       listen=f"127.0.0.1:{port}") as warren:
        report = os.path.join(place, f"report-{records}.json")
        words = [testssl, "--quiet", "--color", "0", "--warnings", "off", "--openssl", wrapper, "--nodns", "none",
                 "--ip", "127.0.0.1", "--add-ca", realm.authority.cert, "--jsonfile", report,
                 "--connect-timeout", "10", "--openssl-timeout", "10"]
        words += [] if is_full() else ["-p", "-s", "-f", "-S", "-P", "-U", "-g", "-4"]
        begin = time.monotonic()
        done = subprocess.run(words + [f"{realm.server.dns}:{port}"], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=850, cwd=place, env={**os.environ, "TERM": "dumb", "COLUMNS": "120"})
        with open(report) as file:
            findings = json.load(file)
        counters = warren.counters()
    # What it spoke with over TLS 1.3 was our own record layer, or OpenSSL's.
    assert bool(counters["client_detached"]) == (records == "detached") and counters["client_handshakes"] > 0, counters
    text = done.stdout.decode("utf-8", "replace")
    if os.environ.get("VERBOSE"):
        print(text)
    by_id = {finding["id"]: finding for finding in findings}
    for name in ("TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "heartbleed", "ROBOT", "secure_renego", "cipher_order"):
        assert name in by_id, f"testssl did not look at {name}:\n{text[-3000:]}"
    assert by_id["TLS1_3"]["severity"] == by_id["TLS1_2"]["severity"] == "OK", text
    bad = [finding for finding in findings if finding["severity"] in GRADES
           and finding["id"].split(" ")[0] not in NOT_OURS]
    assert not bad, records + "\n" + "\n".join(f"{one['id']}: {one['severity']}: {one['finding']}" for one in bad)
    grades = [finding["severity"] for finding in findings]
    aside = [finding["id"] for finding in findings if finding["severity"] in GRADES]
    print(f"{records}: {len(findings)} findings in {time.monotonic() - begin:.0f} s: "
          + ", ".join(f"{grades.count(grade)} {grade}" for grade in sorted(set(grades)))
          + f"; {counters['accepted']} connections; of the web's ways and not judged: {aside}")


def run():
    testssl = program("testssl", "/usr/bin/testssl.sh")
    with folder() as place, Server(bye) as target:
        realm = Realm(place)
        wrapper = os.path.join(place, "openssl")
        with open(wrapper, "w") as file:
            file.write(WRAPPER.format(cert=realm.client.cert, key=realm.client.key))
        os.chmod(wrapper, 0o755)
        for records in ("detached", "attached"):
            look(testssl, place, realm, target, wrapper, records)


if __name__ == "__main__":
    scenario(run)
