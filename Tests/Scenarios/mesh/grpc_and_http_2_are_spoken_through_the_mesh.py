"""gRPC's own client and server: one answer, streams in each direction and both; then h2load's many streams, without TLS."""

from concurrent import futures

from mesh_support import mesh, module, output, program
from support import folder, payload


def run():
    grpc = module("grpc")
    big = payload(2 << 20)

    class Handler(grpc.GenericRpcHandler):
        def service(self, details):
            return {
                "/t.T/Unary": grpc.unary_unary_rpc_method_handler(lambda request, _: request[::-1]),
                "/t.T/Down": grpc.unary_stream_rpc_method_handler(
                    lambda request, _: (request + b"%d" % n for n in range(1000))),
                "/t.T/Up": grpc.stream_unary_rpc_method_handler(
                    lambda requests, _: b"%d" % sum(len(request) for request in requests)),
                "/t.T/Both": grpc.stream_stream_rpc_method_handler(
                    lambda requests, _: (request.upper() for request in requests)),
            }.get(details.method)

    limits = [("grpc.max_receive_message_length", 8 << 20)]
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Handler()], options=limits)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with mesh(port) as (_, local), grpc.insecure_channel(f"127.0.0.1:{local}", options=limits) as channel:
            assert channel.unary_unary("/t.T/Unary")(b"abc", timeout=20) == b"cba"
            assert channel.unary_unary("/t.T/Unary")(big, timeout=20) == big[::-1]
            assert list(channel.unary_stream("/t.T/Down")(b"x", timeout=20)) == [b"x%d" % n for n in range(1000)]
            assert channel.stream_unary("/t.T/Up")((b"y" * 1000 for _ in range(1000)), timeout=20) == b"1000000"
            words = [b"w%d" % n for n in range(1000)]
            assert list(channel.stream_stream("/t.T/Both")(iter(words), timeout=20)) == [word.upper() for word in words]
            # Prior knowledge: HTTP/2 frames from the first byte, many streams on each connection.
            with folder() as path:
                with open(path + "/message", "wb") as file:
                    file.write(b"\0\0\0\0\3abc")
                said = output(
                    program("h2load"), "-p", "h2c", "-n", "2000", "-c", "4", "-m", "32", "-d", path + "/message", "-H",
                    "content-type: application/grpc", "-H", "te: trailers", f"http://127.0.0.1:{local}/t.T/Unary")
            assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in said, said
    finally:
        server.stop(None).wait(10)
