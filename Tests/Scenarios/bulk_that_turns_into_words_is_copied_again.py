"""A stream of bulk is spliced; once only words come its pipe goes back and they are copied; with bulk it is spliced again."""

from call_journal import call_journal
from support import Server, Warren, payload, read_exactly, until

BULK = 4 << 20
WORD = 100


def moved(journal, begin):
    """Bytes that came by splice(2) and by recv(2) since `begin`, with the calls that found nothing left out."""
    calls = [call for call in journal.since(begin) if call.result > 0]
    return {kind: sum(call.result for call in calls if call.kind == kind) for kind in ("splice", "recv")}


def run():
    heard, words = [], [WORD] * 20

    def server(end):
        """Bulk and words, and for each a byte that says so."""
        with end:
            for size in 2 * [BULK, *words]:
                heard.append(read_exactly(end, size))
                end.sendall(b"k")

    with call_journal() as journal, Server(server) as target, Warren(
            "-listen", "127.0.0.1:0", "-target", target.flag, "-access-log", "-",
            environment=journal.environment) as warren:
        with warren.connect() as client:
            sent = []

            def say(sizes):
                for size in sizes:
                    sent.append(payload(size, seed=len(sent)))
                    client.sendall(sent[-1])
                    assert read_exactly(client, 1) == b"k"

            def path():
                _, tunnels = warren.report()
                return tunnels[0]["path"]

            for _ in range(2):
                begin = journal.count()
                say([BULK])
                # Three long reads are copied first. Each byte is spliced twice, into the pipe and out of it.
                assert moved(journal, begin)["splice"] > BULK, f"bulk is copied: {moved(journal, begin)}"
                assert path() == "splice/copy", path()
                # Two short splices are not bulk any more.
                say(words[:4])
                assert path() == "copy/copy", path()
                begin = journal.count()
                say(words[4:])
                after = moved(journal, begin)
                assert after["splice"] == 0, f"words are spliced: {after}"
                assert after["recv"] == 16 * (WORD + 1), f"words are not copied: {after}"
            # It went back each time, and was there when it was wanted again.
            pipes = sum(call.kind == "pipe" for call in journal.since())
            assert pipes == 1, f"{pipes} pipes were made for one stream"
        until(lambda: warren.output, "the access log")
        assert heard == sent, "other bytes arrived than were sent"
        assert "path=splice/copy" in warren.output[0], warren.output
