"""One of several workers: started by the gateway itself, with the numbers of the listeners it serves."""

from __future__ import annotations

import socket
import sys

from muxi_llm.commands.gateway.serve import admission_of
from muxi_llm.gateway.serve import application, run

if __name__ == "__main__":
    run(application(admission_of), [socket.socket(fileno=int(one)) for one in sys.argv[1:]])
