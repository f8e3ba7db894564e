"""9,000 concurrent connections, all alive; each costs little memory while idle, and nothing is left when they go."""

from support import Warren, echo_process, many_descriptors, read_exactly, until

COUNT = 9000


def words(index):
    return b"connection %5d" % index


def run():
    count = min(COUNT, (many_descriptors() - 400) // 2)
    with echo_process() as port:
        # Two listeners on two addresses, so that one client address need not hold all ports in TIME_WAIT.
        with Warren("-listen", "127.0.0.1:0", "-listen", "[::1]:0", "-target", f"127.0.0.1:{port}",
                    "-max-connections", count + 10) as warren:
            warm = warren.connect()
            warm.sendall(b"hello")
            assert warm.recv(5) == b"hello"
            warm.close()
            until(lambda: warren.counters()["live"] == 0, "the first connection is over")
            before, descriptors = warren.resident_kib(), warren.descriptors()
            clients = []
            for index in range(count):
                client = warren.connect(index % 2)
                clients.append(client)
            until(lambda: warren.counters()["established"] == count + 1, "all are established", 60)
            opened = warren.resident_kib()
            # Each has its own words: bytes that went astray would be somebody else's.
            for index, client in enumerate(clients):
                client.sendall(words(index))
            for index, client in enumerate(clients):
                heard = read_exactly(client, len(words(index)))
                assert heard == words(index), f"connection {index} heard {heard}"
            assert warren.sockets() == 2 + 2 * count, f"{warren.sockets()} sockets for {count} connections"
            after = warren.resident_kib()
            for client in clients:
                client.close()
            until(lambda: warren.counters()["live"] == 0, "all are over", 60)
            counters = warren.counters()
            assert counters["accepted"] == counters["closed"] == count + 1, counters
            assert warren.descriptors() == descriptors, f"{warren.descriptors()} descriptors, {descriptors} before"
            each = (after - before) * 1024 / count
            print(f"{count} connections: {each:.0f} bytes resident each ({(opened - before) * 1024 / count:.0f} before the "
                  f"first byte), {warren.resident_kib() - before} KiB more afterwards")
            assert each <= 1536, f"{each:.0f} bytes resident for an idle connection"
