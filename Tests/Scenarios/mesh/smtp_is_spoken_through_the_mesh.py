"""A protocol whose server speaks first: the library's SMTP client hears the greeting through both sidecars, and delivers."""

import smtplib

from mesh_support import mesh
from support import Server


def run():
    letters = []

    def serve(end):
        with end, end.makefile("rb") as lines:
            end.sendall(b"220 mail.example ESMTP\r\n")
            while True:
                line = lines.readline()
                word = line[:4].upper()
                if not line or word == b"QUIT":
                    end.sendall(b"221 bye\r\n")
                    return
                if word == b"DATA":
                    end.sendall(b"354 go on\r\n")
                    letter = b""
                    while not letter.endswith(b"\r\n.\r\n"):
                        piece = lines.readline()
                        assert piece, "the letter ended in the middle"
                        letter += piece
                    letters.append(letter)
                end.sendall(b"250 fine\r\n")

    with Server(serve) as server, mesh(server.address[1]) as (_, local):
        text = "\r\n".join(f"line {n}" for n in range(50_000))
        with smtplib.SMTP("127.0.0.1", local, timeout=20) as client:
            assert client.sendmail("a@example", ["b@example"], text) == {}
        assert letters == [(text + "\r\n.\r\n").encode()]
