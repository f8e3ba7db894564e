"""Refused, the connection goes to the next target; with no target left, or after -attempts, the client is reset and the
log says why."""

from support import Server, Warren, echo, free_port, refused, until, was_reset


def run():
    dead = f"127.0.0.1:{free_port()}"
    with Server(echo) as server, Warren(
            "-listen", "127.0.0.1:0", "-target", dead, "-target", server.flag, "-access-log", "-") as warren:
        for _ in range(20):
            with warren.connect() as client:
                client.sendall(b"hello")
                assert client.recv(5) == b"hello"
        until(lambda: len(warren.output) == 20, "20 lines of access log")
        assert all("ending=complete" in line for line in warren.output), warren.output
        assert warren.matching("cannot connect to target.*target=" + dead + '.*error="Connection refused"')
        counters = warren.counters()
        # The dead target rests, so most connections do not even try it.
        assert 1 <= counters["dial_failures"] <= 10, counters
        assert counters["established"] == 20 and counters["dials"] == 20 + counters["dial_failures"], counters
    with Warren("-listen", "127.0.0.1:0", "-target", dead, "-target", "unix:/nonexistent/socket") as warren:
        try:
            with warren.connect() as client:
                assert was_reset(client), "a client nobody serves sees an orderly end"
        except ConnectionResetError:
            # Refused at once: the reset overtakes the end of our own connect.
            pass
        line = warren.says("ending=connect-failed")
        assert "attempts=2" in line and "gave_up=none-left" in line, line
        assert warren.counters()["live"] == 0
    words = []
    for _ in range(4):
        words += ["-target", f"127.0.0.1:{free_port()}"]
    with Warren("-listen", "127.0.0.1:0", *words, "-attempts", "3") as warren:
        try:
            with warren.connect() as client:
                assert was_reset(client), "a client nobody serves sees an orderly end"
        except ConnectionResetError:
            pass
        line = warren.says("ending=connect-failed")
        assert "attempts=3" in line and "gave_up=attempts" in line, line
        assert warren.counters()["dials"] == 3
    for words, sentence in ((["-attempts", "9"], 'invalid value "9" for -attempts'),
                            (["-attempts", "0"], 'invalid value "0" for -attempts'),
                            (["-attempts-deadline", "-1s"], 'invalid value "-1s" for -attempts-deadline')):
        status, text = refused("-listen", "127.0.0.1:0", "-target", dead, *words)
        assert status == 1 and sentence in text, text
