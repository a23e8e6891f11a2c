"""What systemd does for a service, as far as the test needs it: holds the socket, starts the program again and again, and
prints what it is told. The arguments are the program; the file `socket` names the port."""

import os
import signal
import socket
import sys
import threading

held = socket.create_server(("127.0.0.1", int(open("socket").read())), backlog=128)
told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
told.bind("told")


def listen():
    while True:
        print("told", told.recv(4096).decode().replace("\n", " "), flush=True)


threading.Thread(target=listen, daemon=True).start()
running = []
ending = []


def end(*_):
    ending.append(True)
    os.kill(running[-1], signal.SIGTERM)


signal.signal(signal.SIGTERM, end)
while not ending:
    pid = os.fork()
    if pid == 0:
        os.dup2(held.fileno(), 3)
        os.set_inheritable(3, True)
        os.environ.update(
            LISTEN_FDS="1",
            LISTEN_PID=str(os.getpid()),
            NOTIFY_SOCKET=os.path.abspath("told"),
            WATCHDOG_USEC="300000",
            WATCHDOG_PID=str(os.getpid()),
        )
        os.execv(sys.argv[1], sys.argv[1:])
    running.append(pid)
    print("started", pid, flush=True)
    _, status = os.waitpid(pid, 0)
    print("ended with", os.waitstatus_to_exitcode(status), flush=True)
    if os.waitstatus_to_exitcode(status) > 0:
        break
