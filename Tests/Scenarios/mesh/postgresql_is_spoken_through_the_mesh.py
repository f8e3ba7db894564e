"""psql and PostgreSQL's own server: questions, a bulk copy in both directions, and a cancelled one."""

import os
import subprocess

from mesh_support import listens, mesh, output, program, running, skip
from support import folder, free_port


def run():
    initialize = program("initdb", "/usr/lib/postgresql/*/bin/initdb")
    server, client = program("postgres", "/usr/lib/postgresql/*/bin/postgres"), program("psql")
    account = {}
    if os.geteuid() == 0:
        import pwd
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            skip("PostgreSQL does not run as root, and there is no user postgres")
        account = {"user": "postgres"}
    port = free_port()
    with folder() as path:
        data = path + "/data"
        os.mkdir(data)
        if account:
            import shutil
            os.chmod(path, 0o755)
            shutil.chown(data, "postgres", "postgres")
        output(initialize, "-D", data, "-A", "trust", "-U", "tester", "--no-sync", cwd=data, **account)
        with running(server, "-D", data, "-p", port, "-h", "127.0.0.1", "-k", data, "-F", cwd=data,
                     ready=lambda: listens(port), **account), mesh(port) as (_, local):
            words = [client, "-h", "127.0.0.1", "-p", local, "-U", "tester", "-d", "postgres", "-X", "-A", "-t",
                     "-v", "ON_ERROR_STOP=1"]
            assert output(*words, "-c", "select 6 * 7").strip() == "42"
            output(*words, "-c", "create table rows as select n, repeat(md5(n::text), 20) as text "
                                 "from generate_series(1, 20000) as n")
            copied = output(*words, "-c", "copy (select * from rows order by n) to stdout")
            assert copied.count("\n") == 20000
            done = subprocess.run([str(word) for word in words] + [
                "-c", "create table again (n int, text text)", "-c", "copy again from stdin"], input=copied.encode(),
                capture_output=True, timeout=60)
            assert done.returncode == 0, done.stderr
            assert output(*words, "-c", "select count(*) from again natural join rows").strip() == "20000"
            # A cancel goes over a connection of its own, and statement_timeout ends what runs on the first.
            done = subprocess.run([str(word) for word in words] + [
                "-c", "set statement_timeout = '200ms'; select pg_sleep(30)"], capture_output=True, timeout=20)
            assert done.returncode != 0 and b"statement timeout" in done.stderr, done.stderr
