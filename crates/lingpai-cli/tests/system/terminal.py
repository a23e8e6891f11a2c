"""Runs a program at a terminal of its own, as a person would: waits for each text, then types.

STEPS is JSON: a list of [text to wait for, what is typed then]. What the terminal showed is printed; the code is the program's.
"""
import json, os, pty, sys, time, select

steps = json.loads(os.environ.pop("STEPS"))
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
shown, seen, until = b"", 0, time.monotonic() + 30
while time.monotonic() < until:
    ready, _, _ = select.select([terminal], [], [], 0.1)
    if ready:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    if steps and (at := shown.find(steps[0][0].encode(), seen)) >= 0:
        seen = at + len(steps[0][0].encode())
        # What a terminal echoes is decided when it is typed: after the prompt has turned that off.
        time.sleep(0.2)
        os.write(terminal, steps[0][1].encode())
        steps.pop(0)
else:
    os.kill(child, 9)
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
