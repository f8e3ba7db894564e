"""Thousands of clients at once are taken a share at a time: a live connection and another listener have their turn between."""

import os
import signal

from call_journal import call_journal
from support import Warren, connect, echo_process, echoing, many_descriptors, program_state, read_exactly, until

# LoopSettings.acceptBudget: so many with the event, and so many more where a turn ends.
SHARE = 16
MOST = 2 * SHARE


def turns(calls):
    """The connections taken in each turn, by listener."""
    taken = [{}]
    for call in calls:
        if call.kind == "wait":
            taken.append({})
        elif call.kind == "accept" and call.result >= 0:
            taken[-1][call.descriptor] = taken[-1].get(call.descriptor, 0) + 1
    return [turn for turn in taken if turn]


def run():
    # Four descriptors each: the client's, two of Warren's, the target's.
    with open("/proc/sys/net/core/somaxconn") as text:
        each = min(1000, int(text.read()) - 10, (many_descriptors() - 400) // 4)
    with call_journal() as journal, echo_process() as port, Warren(
            "-listen", "127.0.0.1:0", "-listen", "127.0.0.1:0", "-target", f"127.0.0.1:{port}",
            "-max-connections", 2 * each + 10, environment=journal.environment) as warren:
        live = echoing(warren.address()[1])
        begin = journal.count()
        # All are there before the loop's next turn begins.
        os.kill(warren.pid, signal.SIGSTOP)
        tasks = os.listdir(f"/proc/{warren.pid}/task")
        until(lambda: all(program_state(task) == "T" for task in tasks), "all of its threads have stopped")
        crowd = [connect(warren.address(index % 2)) for index in range(2 * each)]
        live.sendall(b"word")
        os.kill(warren.pid, signal.SIGCONT)
        assert read_exactly(live, 4) == b"word"
        until(lambda: warren.counters()["established"] == 2 * each + 1, "all are connected", 60)
        calls = journal.since(begin)

        taken = turns(calls)
        assert sum(sum(turn.values()) for turn in taken) == 2 * each, taken
        assert max(max(turn.values()) for turn in taken) <= MOST, f"more than {MOST} of a listener in a turn: {taken}"
        # The crowd is silent: the first bytes that are read are the live connection's.
        word = next(place for place, call in enumerate(calls) if call.kind == "recv" and call.result > 0)
        before = sum(call.kind == "accept" for call in calls[:word])
        assert before <= 4 * 2 * MOST, f"{before} clients were taken before the live connection's word"
        # As long as both queues are full, both listeners have a share of each turn.
        sums = dict.fromkeys(taken[0], 0)
        assert len(sums) == 2, f"the first turn is one listener's: {taken[0]}"
        for turn in taken:
            for listener, count in turn.items():
                sums[listener] += count
            assert len(turn) == 2 or max(sums.values()) == each, f"a listener is left out: {turn} after {sums}"
        print(f"{2 * each} clients in {len(taken)} turns; {before} of them before the live connection's word")
        for client in crowd:
            client.close()
