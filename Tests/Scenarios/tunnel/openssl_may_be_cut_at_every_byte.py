"""Between Warren and OpenSSL a tunnel may be cut at every byte of its life, in both roles, full and resumed."""

import ssl

from cutting import Bench, Cutter, answer, combs, every_cut, plain_target, visit
from tunnel_support import (
    Realm, Server, client_context, connect, flag, folder, is_full, scenario, server_context, tunnel_client, tunnel_server,
    until)

LOG = ("-access-log", "-")
TLS13 = ssl.TLSVersion.TLSv1_3


def warren_as_client(realm, anew):
    """`anew`: the server knows no ticket of before, so that each handshake is a full one, and gives new ones all the same."""
    def fresh():
        context = server_context(realm, realm.server, lowest=TLS13)
        # A second one would be a kilobyte of the same.
        context.num_tickets = 1
        return context

    def arrange(stack):
        kept = fresh()

        def serve(end):
            answer((fresh() if anew else kept).wrap_socket(end, server_side=True, suppress_ragged_eofs=False))

        target = stack.enter_context(Server(serve))
        cutter = stack.enter_context(Cutter(target.address))
        warren = stack.enter_context(tunnel_client(realm, flag(cutter.address), *LOG))
        return cutter, lambda: visit(connect(warren.address())), warren

    return arrange


def warren_as_server(realm, anew):
    def arrange(stack):
        context = client_context(realm, realm.client, lowest=TLS13)
        target = stack.enter_context(plain_target())
        warren = stack.enter_context(tunnel_server(realm, target.flag, *LOG))
        cutter = stack.enter_context(Cutter(warren.address()))
        kept = []

        def converse():
            end = context.wrap_socket(
                connect(cutter.address), server_hostname=realm.server.dns, suppress_ragged_eofs=False,
                session=kept[-1] if kept and not anew else None)
            # A session is gone with its end.
            visit(end, before_the_end=lambda: kept.append(end.session))

        return cutter, converse, warren

    return arrange


def run():
    with folder() as place:
        realm = Realm(place)
        for field, arrange in (("target_tls", warren_as_client), ("client_tls", warren_as_server)):
            with Bench(arrange(realm, True)) as bench:
                # Two far from each other at a time take half as long; alone they are with --full.
                count = 1 + bench.hold(every_cut(bench.lengths(), apart=1 if is_full() else 2))
                bench.judge(count, field, "/full")
            with Bench(arrange(realm, False)) as bench:
                # Each place's first conversation is full, and the lengths are those of a resumed one.
                for number, (_, _, warren) in enumerate(bench.places):
                    bench.lengths(number)
                    # Its line may come after its end.
                    until(lambda: warren.output, "the line of the access log")
                    warren.output.clear()
                held = bench.hold(combs(bench.lengths()))
                bench.judge(1 + held, field, "/resumed")
            print(f"{field}: {count} full handshakes, cut at every byte, {held} resumed ones in pieces", flush=True)


if __name__ == "__main__":
    scenario(run)
