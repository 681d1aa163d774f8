"""Threads, and programs started in every way that Python has."""
import os
import subprocess
import threading

threads = [threading.Thread(target=lambda: open("/etc/hostname").read()) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

subprocess.run(["cat", "/etc/passwd"], stdout=subprocess.DEVNULL, check=True)
subprocess.run("echo \"$0 $HOME\" | tr a b", shell=True, check=True)
subprocess.run(["./bin/linked", "x"], cwd="/usr/..", check=False) if os.path.exists("/usr/../bin/linked") else None
os.mkdir("here")
os.symlink("/bin/echo", "here/linked")
subprocess.run(["./linked", "a b", "", "\u00e4\n\x1b"], cwd="here", check=True)
os.system("exit 3")
os.posix_spawn("/bin/true", ["another name"], {})
os.wait()
child = os.fork()
if child == 0:
    os.chdir("here")
    os.execve("../here/linked", ["linked"], {})
os.waitpid(child, 0)
directory = os.open("/bin", os.O_PATH)
program = os.open("/bin/true", os.O_RDONLY)
child = os.fork()
if child == 0:
    os.execve(program, ["by descriptor"], {})
os.waitpid(child, 0)
try:
    subprocess.run(["/etc/passwd"], check=False)
except PermissionError:
    pass
