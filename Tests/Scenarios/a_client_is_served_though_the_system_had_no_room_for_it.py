"""ENFILE, ENOBUFS and ENOMEM of accept4: one is turned away where that can be done, else accepting pauses and goes on by itself."""

import errno

from call_journal import call_journal
from support import Server, Warren, echo, ends, echoes, until


def attempts(journal, begin):
    """The attempts to accept since `begin`, those of each turn together."""
    turns = [[]]
    for call in journal.since(begin):
        if call.kind == "wait":
            turns.append([])
        elif call.kind == "accept":
            turns[-1].append(call.result)
    return [turn for turn in turns if turn]


def is_served_after(journal, warren, times, error, pauses):
    """A client that comes while accept4 fails `times` times is served after so many pauses, with no other client's help."""
    begin, lines = journal.count(), len(warren.matching("pausing"))
    journal.refuse(times, error)
    with warren.connect() as client:
        assert echoes(client), f"error {error}, {times} times"
    assert journal.refusals() == 0
    # Lines are written by another thread than the one that serves.
    until(lambda: len(warren.matching("pausing")) >= lines + pauses, f"{pauses} lines about it")
    said = warren.matching("pausing")[lines:]
    assert len(said) == pauses and all(errno_text(error) in line for line in said), said
    tried = attempts(journal, begin)
    # Each attempt that failed ends its turn: a pause, and not a loop that spins.
    assert len([turn for turn in tried if turn[-1] == -error]) == pauses, tried
    return said


def is_turned_away(warren):
    try:
        with warren.connect() as client:
            return ends(client)
    except ConnectionResetError:
        # Before connect(2) had returned.
        return True


def errno_text(error):
    return {errno.ENFILE: "Too many open files in system", errno.ENOBUFS: "No buffer space available",
            errno.ENOMEM: "Cannot allocate memory"}[error]


def run():
    with call_journal() as journal, Server(echo) as server, Warren(
            "-listen", "127.0.0.1:0", "-target", server.flag, environment=journal.environment) as warren:
        with warren.connect() as live:
            assert echoes(live)
            # The descriptor that was kept is enough: one client hears no, and is told of.
            journal.refuse(1, errno.ENFILE)
            assert is_turned_away(warren), "nobody turns the client away"
            assert "Too many open files in system" in warren.says("turning clients away")
            assert warren.counters()["shed"] == 1 and not warren.matching("pausing")
            # Somebody else takes the place that the kept descriptor had: twice in vain for each pause.
            for line in is_served_after(journal, warren, 2, errno.ENFILE, pauses=1):
                assert "ulimit -n" in line, line
            is_served_after(journal, warren, 6, errno.ENFILE, pauses=3)
            for error in (errno.ENOBUFS, errno.ENOMEM):
                for line in is_served_after(journal, warren, 3, error, pauses=3):
                    assert "memory" in line and "ulimit" not in line, line
            assert echoes(live), "a live connection suffers"
        until(lambda: warren.counters()["live"] == 0, "all connections are over")
        counters = warren.counters()
        assert counters["shed"] == 1 and counters["accepted"] == counters["established"] == 5, counters
        # The descriptor is kept again: as before, one client hears no.
        journal.refuse(1, errno.ENFILE)
        assert is_turned_away(warren), "the kept descriptor was not got back"
        assert warren.counters()["shed"] == 2
